//! One cluster as it was found.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::trust::TrustRoot;
use crate::model::kube::object::ObjectKey;
use crate::model::pki::chain::Fingerprint;

/// Everything about one cluster that a join, a status or a check decides by.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ObservedCluster {
    /// Name of the kubeconfig's context.
    pub context: String,
    /// UID of namespace kube-system: two contexts with the same one are one cluster.
    pub uid: String,
    /// Server version without the leading `v`, such as `1.36.3`.
    pub kubernetes: String,
    /// Whether this is OpenShift (it serves `config.openshift.io`).
    pub openshift: bool,
    /// The cloud named by the nodes' providerID (`aws`, `gce`, `azure`, …), where there is one.
    pub cloud: Option<String>,
    /// The Sail operator's API, where it is served.
    pub sail: Option<SailApi>,
    /// Every resource `Istio`, whatever its name.
    pub istios: Vec<ObservedResource>,
    /// The resource `IstioCNI` named `default`, where it stands.
    pub cni: Option<ObservedResource>,
    /// Every Deployment that is an istiod (label `app: istiod`), whoever made it.
    pub istiods: Vec<Istiod>,
    /// Objects that a join writes and that stand already, by [`ObjectKey`].
    #[serde(serialize_with = "by_text")]
    pub objects: BTreeMap<ObjectKey, Value>,
    /// The root that workloads of this cluster trust.
    pub trust: TrustRoot,
    /// Whether the Secret `cacerts` stands, usable or not.
    pub has_cacerts: bool,
    /// Remote secrets in the control plane's namespace (label `istio/multiCluster: "true"`).
    pub remote_secrets: Vec<RemoteSecretFound>,
    /// Where the API server may be reached, in the order in which the addresses are tried.
    pub api_addresses: Vec<ApiAddress>,
    /// Fingerprints of the certificate authorities that are known for the API server: the kubeconfig's and that of ConfigMap
    /// `kube-root-ca.crt`.
    pub authorities: Vec<Fingerprint>,
    /// Name of the reader account that the control plane's chart made, where one is there.
    pub reader_account: Option<String>,
    /// Whether the reader's token Secret stands and is filled.
    pub reader_token: bool,
    /// Namespaces of probes that a killed run left behind.
    pub leftover_probes: Vec<String>,
    /// Namespaces of probes whose run may still be at work, here or on another machine.
    pub other_probes: Vec<String>,
    /// Injected workloads whose certificate was made by another root or whose istiod came later, as `namespace/pod`.
    pub stale_workloads: Vec<String>,
}

impl ObservedCluster {
    /// Counts a probe among what was left behind where its run is known to have ended before its time.
    pub fn note_ended_runs(&mut self, has_ended: impl Fn(&str) -> bool) {
        let (ended, others): (Vec<String>, Vec<String>) =
            std::mem::take(&mut self.other_probes).into_iter().partition(|namespace| has_ended(namespace));
        self.leftover_probes.extend(ended);
        self.other_probes = others;
    }
}

fn by_text<S: serde::Serializer>(objects: &BTreeMap<ObjectKey, Value>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(objects.iter().map(|(key, object)| (key.to_string(), object)))
}

/// The served API of the Sail operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SailApi {
    /// `v1` or `v1alpha1`: the version whose resource list holds `istios`.
    pub version: String,
    /// The enum of `spec.version` in the CRD, newest first; empty where the CRD may not be read.
    pub istio_versions: Vec<String>,
    /// The CRD's default of `spec.version`, where it may be read.
    pub default_version: Option<String>,
}

/// A custom resource as it stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ObservedResource {
    /// `metadata.name`.
    pub name: String,
    /// The whole object.
    pub object: Value,
}

impl ObservedResource {
    /// The value at a path of `spec`, such as `["values", "global", "network"]`.
    pub fn spec(&self, path: &[&str]) -> Option<&Value> {
        path.iter().try_fold(self.object.get("spec")?, |value, key| value.get(key))
    }

    /// The text at a path of `spec`.
    pub fn spec_text(&self, path: &[&str]) -> Option<&str> {
        self.spec(path)?.as_str()
    }
}

/// A control plane's Deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Istiod {
    /// Where it runs.
    pub namespace: String,
    /// The Deployment's name.
    pub name: String,
    /// Label `istio.io/rev`.
    pub revision: Option<String>,
    /// Whether it comes from an `IstioRevision` of the Sail operator.
    pub by_sail: bool,
    /// Environment variable `CLUSTER_ID`, where it is set.
    pub cluster_id: Option<String>,
}

/// A remote secret that stands in the control plane's namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RemoteSecretFound {
    /// Name of the Secret.
    pub secret: String,
    /// Cluster names that it registers (its keys).
    pub clusters: Vec<String>,
    /// API server's address in its kubeconfig.
    pub server: Option<String>,
    /// Fingerprint of the CA in its kubeconfig.
    pub server_ca: Option<Fingerprint>,
    /// What keeps istiod from using it, where something does.
    pub fault: Option<String>,
}

/// An address at which peers may reach an API server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ApiAddress {
    /// `https://host:port`.
    pub url: String,
    /// PEM of the CA that its certificate must come from.
    pub ca_pem: String,
    /// Who says so.
    pub source: AddressSource,
}

/// Where an API server's address was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AddressSource {
    /// `--api-server NAME=URL`.
    Given,
    /// The kubeconfig's own.
    Kubeconfig,
    /// EndpointSlice `kubernetes` of namespace default.
    Endpoint,
}

impl std::fmt::Display for AddressSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Given => "given",
            Self::Kubeconfig => "kubeconfig",
            Self::Endpoint => "endpoint",
        })
    }
}
