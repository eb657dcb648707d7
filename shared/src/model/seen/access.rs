//! How peers reach and read an API server.

use std::collections::BTreeMap;

use crate::model::istio::remote_secret::reading::RegisteredCluster;
use crate::model::istio::remote_secret::standing::TokenAnswer;
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
    /// SHA-256 of the reader's token, if its token Secret exists and is filled; never shown itself.
    #[serde(skip)]
    pub reader_token: Option<Fingerprint>,
    /// What peers' API servers said to the tokens in the remote secrets, by the name of the peer.
    pub token_answers: BTreeMap<String, TokenAnswer>,
}

/// A remote secret in the control plane's namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RemoteSecretFound {
    /// Name of the Secret.
    pub secret: String,
    /// Its resource version.
    pub resource_version: String,
    /// Whether a join wrote it.
    pub ours: bool,
    /// The clusters that it registers (its keys).
    pub clusters: Vec<RegisteredCluster>,
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
