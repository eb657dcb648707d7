//! A context of the kubeconfig.

use crate::model::pki::chain::Fingerprint;

/// A context of the kubeconfig.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContextEntry {
    /// Its name.
    pub context: String,
    /// Name of its cluster entry.
    pub cluster: String,
    /// Name of its user, or the one that `--user` replaces it with.
    pub user: String,
    /// Address of the API server.
    pub server: String,
    /// The authorities that the cluster entry names for it; one that cannot be read is left out.
    pub authorities: Vec<Fingerprint>,
}
