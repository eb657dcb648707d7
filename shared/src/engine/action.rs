//! One change to one place, or one thing to wait for.

use serde::Serialize;
use serde_json::Value;

use crate::model::kube::object::ObjectKey;
use crate::model::names::ClusterName;
use crate::model::pki::key::KeyAlgorithm;
use crate::model::seen::cluster::ApiAddress;

/// What a step does. Executing one is a single exhaustive match in `run::execute`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum Action {
    /// Deletes the probe namespaces that a killed run left.
    RemoveLeftoverProbes {
        /// Their names.
        namespaces: Vec<String>,
    },
    /// Starts the probe pod in a namespace of its own.
    StartProbe,
    /// Proves, from the probe pod of this cluster, at which address each peer's API server answers.
    ProveAddresses {
        /// Peers and the addresses to try.
        peers: Vec<PeerAddresses>,
    },
    /// Settles, when every peer has proved them, which address each cluster is reached at.
    SettleAddresses {
        /// The clusters whose address is wanted, and by whom.
        wanted: Vec<WantedAddress>,
    },
    /// Makes a key for what the CA folder lacks: it takes a second of computing, which the probes' way to their images hides.
    MakeKey {
        /// Kind and size of the key.
        algorithm: KeyAlgorithm,
    },
    /// Makes the root certificate and keeps it in the CA folder. The key is made when this is executed.
    MakeRoot {
        /// Kind and size of the key, where it was not made before.
        algorithm: KeyAlgorithm,
    },
    /// Makes this cluster's intermediate, signed by the root of the CA folder, and keeps it there.
    IssueIntermediate {
        /// Kind and size of the key, where it was not made before.
        algorithm: KeyAlgorithm,
        /// UID of the cluster's kube-system namespace, which the CA folder records.
        uid: String,
    },
    /// Creates the Secret `cacerts` from the intermediate of the CA folder; one that stands is never touched.
    CreateCacerts {
        /// Where istiod reads it.
        namespace: String,
    },
    /// Server-side apply under our field manager, without force.
    Apply {
        /// The object.
        manifest: Value,
    },
    /// Waits until the CNI plugin that was asked for is the one that runs.
    AwaitCni {
        /// Where its DaemonSet runs.
        namespace: String,
    },
    /// Waits until the control plane that was asked for is the one that runs.
    AwaitControlPlane {
        /// Name of the resource `Istio`.
        name: String,
    },
    /// Waits until a pod that is created now comes back injected: earlier a gateway's pod would never recover.
    AwaitInjection {
        /// The revision that injects, where it is not the default one.
        revision: Option<String>,
    },
    /// Waits until the gateway's Deployment is available.
    AwaitGateway,
    /// Waits until the gateway's Service has an address.
    AwaitGatewayAddress,
    /// Waits until the control plane's chart has made the reader account.
    AwaitReaderAccount {
        /// Its name.
        name: String,
    },
    /// Waits until the token controller has filled the reader's token Secret.
    AwaitToken {
        /// Its name.
        secret: String,
    },
    /// Proves the peer's address with the peer's reader token from this cluster's probe pod, before the Secret is written.
    ProveToken {
        /// The peer whose API server is asked.
        peer: ClusterName,
    },
    /// Writes the remote secret by which this cluster reads the peer.
    WriteRemoteSecret {
        /// The peer that is read.
        peer: ClusterName,
    },
    /// Asks every ready istiod of this cluster whether each peer is synced and the peer's gateway known.
    VerifyDiscovery {
        /// The peers.
        peers: Vec<ClusterName>,
    },
    /// Asks each peer's gateway for its health from this cluster's probe pod.
    VerifyGateways {
        /// The peers.
        peers: Vec<ClusterName>,
    },
    /// Deletes the probe's namespace.
    RemoveProbe,
}

/// A peer and the addresses at which it may be reached, in the order in which they are tried.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PeerAddresses {
    /// The cluster that is to be reached.
    pub peer: ClusterName,
    /// Where it may be reached.
    pub addresses: Vec<ApiAddress>,
}

/// A cluster whose API address is wanted by some peers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WantedAddress {
    /// The cluster that is to be reached.
    pub cluster: ClusterName,
    /// Who must reach it.
    pub by: Vec<ClusterName>,
    /// Where it may be reached.
    pub addresses: Vec<ApiAddress>,
}

/// The part of the work that a step belongs to, as the plan and the progress display name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Addresses of API servers are proved.
    Probe,
    /// Root, intermediates and `cacerts`.
    Trust,
    /// Namespaces, IstioCNI and Istio.
    ControlPlane,
    /// The east-west gateway.
    Gateway,
    /// Remote secrets.
    Access,
    /// What was built is asked whether it works.
    Verify,
}

impl Phase {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 6] =
        [Self::Probe, Self::Trust, Self::ControlPlane, Self::Gateway, Self::Access, Self::Verify];

    /// As a person reads it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Probe => "probe",
            Self::Trust => "trust",
            Self::ControlPlane => "control plane",
            Self::Gateway => "gateway",
            Self::Access => "access",
            Self::Verify => "verify",
        }
    }
}

impl Action {
    /// Whether it changes something in a cluster or in the CA folder, and so counts among the changes of the question.
    pub fn writes(&self) -> bool {
        match self {
            Self::RemoveLeftoverProbes { .. }
            | Self::StartProbe
            | Self::RemoveProbe
            | Self::MakeRoot { .. }
            | Self::IssueIntermediate { .. }
            | Self::CreateCacerts { .. }
            | Self::Apply { .. }
            | Self::WriteRemoteSecret { .. } => true,
            Self::MakeKey { .. }
            | Self::ProveAddresses { .. }
            | Self::SettleAddresses { .. }
            | Self::AwaitCni { .. }
            | Self::AwaitControlPlane { .. }
            | Self::AwaitInjection { .. }
            | Self::AwaitGateway
            | Self::AwaitGatewayAddress
            | Self::AwaitReaderAccount { .. }
            | Self::AwaitToken { .. }
            | Self::ProveToken { .. }
            | Self::VerifyDiscovery { .. }
            | Self::VerifyGateways { .. } => false,
        }
    }

    /// What it does in a few words, such as `Namespace istio-system`.
    pub fn title(&self) -> String {
        match self {
            Self::RemoveLeftoverProbes { namespaces } => format!("remove leftover {}", namespaces.join(", ")),
            Self::StartProbe => "start the probe".into(),
            Self::ProveAddresses { .. } => "prove the peers' API addresses".into(),
            Self::SettleAddresses { .. } => "settle the API addresses".into(),
            Self::MakeKey { algorithm } => format!("key, {algorithm}"),
            Self::MakeRoot { algorithm } => format!("root certificate, {algorithm}"),
            Self::IssueIntermediate { .. } => "intermediate certificate".into(),
            Self::CreateCacerts { namespace } => format!("Secret {namespace}/cacerts"),
            Self::Apply { manifest } => ObjectKey::of(manifest).to_string(),
            Self::AwaitCni { .. } => "the CNI plugin runs".into(),
            Self::AwaitControlPlane { name } => format!("control plane {name} runs"),
            Self::AwaitInjection { .. } => "injection works".into(),
            Self::AwaitGateway => "the gateway is available".into(),
            Self::AwaitGatewayAddress => "the gateway has an address".into(),
            Self::AwaitReaderAccount { name } => format!("reader account {name}"),
            Self::AwaitToken { .. } => "the reader's token is there".into(),
            Self::ProveToken { peer } => format!("the token of {peer} works"),
            Self::WriteRemoteSecret { peer } => format!("remote secret of {peer}"),
            Self::VerifyDiscovery { .. } => "every peer is discovered".into(),
            Self::VerifyGateways { .. } => "the peers' gateways answer".into(),
            Self::RemoveProbe => "remove the probe".into(),
        }
    }
}
