//! How peers reach and read an API server.

use crate::model::pki::chain::Fingerprint;
use serde::Serialize;

/// Who reads whom: the peers that a cluster reads, and by what peers read it.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct RemoteAccess {
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
