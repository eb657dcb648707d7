//! How peers reach and read an API server.

use crate::model::pki::chain::Fingerprint;
use serde::Serialize;

/// Which peers a cluster reads, and how peers read it.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct RemoteAccess {
    /// Remote secrets in the control plane's namespace (label `istio/multiCluster: "true"`).
    pub remote_secrets: Vec<RemoteSecretFound>,
    /// Addresses at which the API server may be reached, in the order in which they are tried.
    pub api_addresses: Vec<ApiAddress>,
    /// Fingerprints of the certificate authorities known for the API server: those of the kubeconfig and of ConfigMap
    /// `kube-root-ca.crt`.
    pub authorities: Vec<Fingerprint>,
    /// Name of the reader account that the control plane's chart created, if it exists.
    pub reader_account: Option<String>,
    /// Whether the reader's token Secret exists and is filled.
    pub reader_token: bool,
}

/// A remote secret in the control plane's namespace.
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
    /// What keeps istiod from using it, if anything.
    pub fault: Option<String>,
}

/// An address at which peers may reach an API server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ApiAddress {
    /// `https://host:port`.
    pub url: String,
    /// PEM of the CA that must have signed its certificate.
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
