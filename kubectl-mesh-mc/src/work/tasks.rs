//! The waits and tasks of this plugin's steps, and what they make for each other.

use std::any::TypeId;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use mesh_shared::engine::steps;
use mesh_shared::engine::steps::{Made, Taken, Vocabulary};
use mesh_shared::model::istio::network_gateway::{GatewayAddress, NetworkGateway};
use mesh_shared::model::istio::remote_secret::ReaderCredential;
use mesh_shared::model::kube::write::Write;
use mesh_shared::model::names::ClusterName;
use mesh_shared::model::pki::authority::{Issued, Root};
use mesh_shared::model::pki::chain::Certificate;
use mesh_shared::model::pki::key::{KeyAlgorithm, PrivateKey};
use mesh_shared::model::seen::access::ApiAddress;
use mesh_shared::model::seen::probes::ProbeNamespace;

/// The vocabulary of this plugin's plans.
#[derive(Debug, Clone, PartialEq)]
pub struct Work;

/// A plan's steps.
pub type Steps = steps::Steps<Work>;
/// A step of a plan.
pub type Step = steps::Step<Work>;
/// What a step does.
pub type Action = steps::Action<Work>;

/// Something to wait for.
#[derive(Debug, Clone, PartialEq)]
pub enum Wait {
    /// The requested CNI plugin is the one that runs.
    Cni,
    /// The requested control plane is the one that runs.
    ControlPlane {
        /// Name of the resource `Istio`.
        name: String,
    },
    /// A pod created now is injected: a gateway's pod created earlier would never recover.
    Injection {
        /// The revision that injects, unless it is the default one.
        revision: Option<String>,
    },
    /// The gateway's Deployment is available.
    Gateway,
    /// One of these gateways of a network has an address. Makes [`GatewayAddresses`].
    GatewayAddress {
        /// As they were seen: what has an address needs no wait.
        gateways: Vec<NetworkGateway>,
    },
    /// The control plane's chart has made the reader account.
    ReaderAccount {
        /// Its name.
        name: String,
    },
    /// The token controller has filled the reader's token Secret. Makes a [`ReaderCredential`].
    Token {
        /// Its name.
        secret: String,
    },
}

/// Something to do that is more than one write.
#[derive(Debug, Clone, PartialEq)]
pub enum Task {
    /// Deletes the probe namespaces that a killed run left.
    RemoveLeftoverProbes {
        /// The namespaces.
        namespaces: Vec<ProbeNamespace>,
    },
    /// Starts the probe pod in a namespace of its own. Makes a [`Probe`].
    StartProbe,
    /// Proves, from the probe pod of this cluster, at which address each peer's API server answers. Makes [`Tries`].
    ProveAddresses {
        /// Where they are tried from.
        probe: Made<Probe>,
        /// Peers and the addresses to try.
        peers: Vec<PeerAddresses>,
    },
    /// Settles the address at which each cluster is reached, once every peer has tried them. Makes [`Settled`].
    SettleAddresses {
        /// The clusters whose address is wanted, and by whom.
        wanted: Vec<WantedAddress>,
        /// The results, by the cluster that tried; empty without probes.
        proofs: Vec<(ClusterName, Made<Tries>)>,
    },
    /// Makes a key for what the CA folder lacks: a second of computing, hidden behind the pull of the probes' images.
    /// Makes a [`NewKey`].
    MakeKey {
        /// Kind and size of the key.
        algorithm: KeyAlgorithm,
    },
    /// Makes the root certificate and keeps it in the CA folder. Makes a [`Root`].
    MakeRoot {
        /// Its key, unless the CA folder has a root by then.
        key: Made<NewKey>,
        /// Kind and size of the key.
        algorithm: KeyAlgorithm,
    },
    /// Makes this cluster's intermediate, signed by the root, and keeps it in the CA folder. Makes an [`Issued`].
    IssueIntermediate {
        /// The root; none for the CA folder's.
        root: Option<Made<Root>>,
        /// Its key; none if the CA folder already has the intermediate.
        key: Option<Made<NewKey>>,
        /// Kind and size of the key.
        algorithm: KeyAlgorithm,
        /// UID of the cluster's kube-system namespace, which the CA folder records.
        uid: String,
    },
    /// Creates the Secret `cacerts`; an existing one is never touched.
    CreateCacerts {
        /// The intermediate in it.
        intermediate: Made<Issued>,
        /// What members trust already: its workloads trust it too.
        beside: Vec<Certificate>,
        /// Where istiod reads it.
        namespace: String,
    },
    /// Waits until istiod of this cluster publishes these roots and no others.
    VerifyRoot {
        /// The ConfigMap in which it publishes them.
        config_map: String,
        /// What is wanted besides the root of the intermediate.
        roots: Vec<Certificate>,
        /// The intermediate, if this run made it.
        intermediate: Option<Made<Issued>>,
    },
    /// Proves the peer's address with the peer's reader token from this cluster's probe pod, before the Secret is written.
    ProveToken {
        /// The peer whose API server is asked.
        peer: ClusterName,
        /// Where it is tried from.
        probe: Made<Probe>,
        /// How the peer is read.
        access: PeerAccess,
    },
    /// Writes the remote secret by which this cluster reads the peer.
    WriteRemoteSecret {
        /// The peer that is read.
        peer: ClusterName,
        /// How it is read.
        access: PeerAccess,
        /// Resource version of the Secret that it replaces, which must still be the one that was seen.
        over: Option<String>,
    },
    /// Asks every ready istiod of this cluster whether each peer is synced and the peer's gateway known.
    VerifyDiscovery {
        /// The peers, and where their gateways are.
        peers: Vec<(ClusterName, Made<GatewayAddresses>)>,
    },
    /// Asks each peer's gateway for its health from this cluster's probe pod.
    VerifyGateways {
        /// Where they are asked from.
        probe: Made<Probe>,
        /// The peers, and where their gateways are.
        peers: Vec<(ClusterName, Made<GatewayAddresses>)>,
    },
    /// Deletes the probe's namespace.
    RemoveProbe {
        /// The probe.
        probe: Made<Probe>,
    },
}

/// A peer and the addresses at which it may be reached, in the order in which they are tried.
#[derive(Debug, Clone, PartialEq)]
pub struct PeerAddresses {
    /// The cluster that is to be reached.
    pub peer: ClusterName,
    /// Where it may be reached.
    pub addresses: Vec<ApiAddress>,
}

/// A cluster whose API address is wanted by some peers.
#[derive(Debug, Clone, PartialEq)]
pub struct WantedAddress {
    /// The cluster that is to be reached.
    pub cluster: ClusterName,
    /// The clusters that must reach it.
    pub by: Vec<ClusterName>,
    /// Where it may be reached.
    pub addresses: Vec<ApiAddress>,
}

/// How a peer's API server is read: what a remote secret is made of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PeerAccess {
    /// At which addresses clusters are reached.
    pub addresses: Made<Settled>,
    /// The peer's reader.
    pub token: Made<ReaderCredential>,
}

/// The namespace of a probe that runs.
pub struct Probe(pub ProbeNamespace);

/// The addresses of peers that a cluster's probe tried, and the result of each.
pub struct Tries(pub Vec<(ClusterName, Tried)>);

impl Tries {
    /// The tries of one peer's addresses.
    pub fn of<'a>(&'a self, peer: &'a ClusterName) -> impl Iterator<Item = &'a Tried> {
        self.0.iter().filter(move |(of, _)| of == peer).map(|(_, tried)| tried)
    }
}

/// An address that a probe tried.
#[derive(Debug, Clone)]
pub struct Tried {
    /// The address.
    pub address: ApiAddress,
    /// Why it failed, if it did.
    pub fault: Option<String>,
}

/// The address at which each cluster is reached.
#[derive(Debug)]
pub struct Settled(pub BTreeMap<ClusterName, ApiAddress>);

/// Where the gateways of a network are reached; empty if nothing says so.
pub struct GatewayAddresses(pub Vec<GatewayAddress>);

/// A key for the one certificate that is made with it.
pub struct NewKey(Mutex<Option<PrivateKey>>);

impl NewKey {
    /// A key that is not used yet.
    pub fn new(key: PrivateKey) -> Self {
        Self(Mutex::new(Some(key)))
    }

    /// The key, for the first caller only.
    pub fn take(&self) -> Option<PrivateKey> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// The part of the work that a step belongs to, as the plan and the progress display name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
    /// Whether what was built works.
    Verify,
}

impl Phase {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 6] =
        [Self::Probe, Self::Trust, Self::ControlPlane, Self::Gateway, Self::Access, Self::Verify];

    /// Its name in texts.
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

impl From<Task> for Action {
    fn from(task: Task) -> Self {
        Self::Task(task)
    }
}

impl From<Wait> for Action {
    fn from(wait: Wait) -> Self {
        Self::Wait(wait)
    }
}

impl Vocabulary for Work {
    type Part = Phase;
    type Wait = Wait;
    type Task = Task;

    fn writes(task: &Task) -> bool {
        match task {
            Task::RemoveLeftoverProbes { .. }
            | Task::StartProbe
            | Task::RemoveProbe { .. }
            | Task::MakeRoot { .. }
            | Task::IssueIntermediate { .. }
            | Task::CreateCacerts { .. }
            | Task::WriteRemoteSecret { .. } => true,
            Task::MakeKey { .. }
            | Task::ProveAddresses { .. }
            | Task::SettleAddresses { .. }
            | Task::ProveToken { .. }
            | Task::VerifyRoot { .. }
            | Task::VerifyDiscovery { .. }
            | Task::VerifyGateways { .. } => false,
        }
    }

    fn makes(action: &Action) -> Option<TypeId> {
        match action {
            Action::Write(_) => None,
            Action::Wait(wait) => match wait {
                Wait::GatewayAddress { .. } => Some(TypeId::of::<GatewayAddresses>()),
                Wait::Token { .. } => Some(TypeId::of::<ReaderCredential>()),
                Wait::Cni
                | Wait::ControlPlane { .. }
                | Wait::Injection { .. }
                | Wait::Gateway
                | Wait::ReaderAccount { .. } => None,
            },
            Action::Task(task) => match task {
                Task::StartProbe => Some(TypeId::of::<Probe>()),
                Task::ProveAddresses { .. } => Some(TypeId::of::<Tries>()),
                Task::SettleAddresses { .. } => Some(TypeId::of::<Settled>()),
                Task::MakeKey { .. } => Some(TypeId::of::<NewKey>()),
                Task::MakeRoot { .. } => Some(TypeId::of::<Root>()),
                Task::IssueIntermediate { .. } => Some(TypeId::of::<Issued>()),
                Task::RemoveLeftoverProbes { .. }
                | Task::CreateCacerts { .. }
                | Task::ProveToken { .. }
                | Task::WriteRemoteSecret { .. }
                | Task::VerifyRoot { .. }
                | Task::VerifyDiscovery { .. }
                | Task::VerifyGateways { .. }
                | Task::RemoveProbe { .. } => None,
            },
        }
    }

    fn takes(action: &Action) -> Vec<Taken> {
        let task = match action {
            Action::Write(_) | Action::Wait(_) => return Vec::new(),
            Action::Task(task) => task,
        };
        match task {
            Task::RemoveLeftoverProbes { .. } | Task::StartProbe | Task::MakeKey { .. } => Vec::new(),
            Task::ProveAddresses { probe, peers: _ } | Task::RemoveProbe { probe } => vec![probe.taken()],
            Task::SettleAddresses { proofs, wanted: _ } => proofs.iter().map(|(_, tries)| tries.taken()).collect(),
            Task::MakeRoot { key, algorithm: _ } => vec![key.taken()],
            Task::IssueIntermediate { root, key, algorithm: _, uid: _ } => {
                root.map(Made::taken).into_iter().chain(key.map(Made::taken)).collect()
            }
            Task::CreateCacerts { intermediate, beside: _, namespace: _ } => vec![intermediate.taken()],
            Task::VerifyRoot { intermediate, config_map: _, roots: _ } => {
                intermediate.map(Made::taken).into_iter().collect()
            }
            Task::ProveToken { probe, access, peer: _ } => {
                vec![probe.taken(), access.addresses.taken(), access.token.taken()]
            }
            Task::WriteRemoteSecret { access, peer: _, over: _ } => {
                vec![access.addresses.taken(), access.token.taken()]
            }
            Task::VerifyDiscovery { peers } => gateways(peers).collect(),
            Task::VerifyGateways { probe, peers } => gateways(peers).chain([probe.taken()]).collect(),
        }
    }
}

fn gateways(peers: &[(ClusterName, Made<GatewayAddresses>)]) -> impl Iterator<Item = Taken> {
    peers.iter().map(|(_, addresses)| addresses.taken())
}

/// The names of probes' namespaces.
pub fn names(namespaces: &[ProbeNamespace]) -> Vec<&str> {
    namespaces.iter().map(|namespace| namespace.name.as_str()).collect()
}

/// What an action does in a few words, such as `Namespace istio-system`.
pub fn title(action: &Action) -> String {
    match action {
        Action::Write(write) => match write {
            Write::Create { .. } | Write::Apply { .. } => write.object().to_string(),
            Write::Patch { .. } => format!("change {}", write.object()),
            Write::Delete { .. } => format!("delete {}", write.object()),
        },
        Action::Wait(wait) => match wait {
            Wait::Cni => "the CNI plugin runs".into(),
            Wait::ControlPlane { name } => format!("control plane {name} runs"),
            Wait::Injection { .. } => "injection works".into(),
            Wait::Gateway => "the gateway is available".into(),
            Wait::GatewayAddress { .. } => "the gateway has an address".into(),
            Wait::ReaderAccount { name } => format!("reader account {name}"),
            Wait::Token { .. } => "the reader's token is there".into(),
        },
        Action::Task(task) => match task {
            Task::RemoveLeftoverProbes { namespaces } => format!("remove leftover {}", names(namespaces).join(", ")),
            Task::StartProbe => "start the probe".into(),
            Task::ProveAddresses { .. } => "prove the peers' API addresses".into(),
            Task::SettleAddresses { .. } => "settle the API addresses".into(),
            Task::MakeKey { algorithm } => format!("key, {algorithm}"),
            Task::MakeRoot { algorithm, .. } => format!("root certificate, {algorithm}"),
            Task::IssueIntermediate { .. } => "intermediate certificate".into(),
            Task::CreateCacerts { namespace, .. } => format!("Secret {namespace}/cacerts"),
            Task::ProveToken { peer, .. } => format!("the token of {peer} works"),
            Task::VerifyRoot { .. } => "istiod publishes the mesh's root".into(),
            Task::WriteRemoteSecret { peer, over: None, .. } => format!("remote secret of {peer}"),
            Task::WriteRemoteSecret { peer, over: Some(_), .. } => format!("renew the remote secret of {peer}"),
            Task::VerifyDiscovery { .. } => "every peer is discovered".into(),
            Task::VerifyGateways { .. } => "the peers' gateways answer".into(),
            Task::RemoveProbe { .. } => "remove the probe".into(),
        },
    }
}
