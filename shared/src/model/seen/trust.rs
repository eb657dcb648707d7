//! Which root a cluster trusts today, and whose word that is.

use serde::Serialize;

use crate::model::pki::chain::Fingerprint;

/// The root of a cluster's workloads, by what istiod would take (istio/istio security/pkg/pki/ca and
/// pilot/pkg/bootstrap/istio_ca.go: `cacerts` where that Secret stands, else a root of its own in `istio-ca-secret`).
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "from", rename_all = "kebab-case")]
pub enum TrustRoot {
    /// No root yet: nothing of Istio signed anything here.
    None,
    /// The Secret `cacerts` gives it.
    Cacerts {
        /// Of the root certificate in it.
        root: Fingerprint,
    },
    /// istiod made one for itself (Secret `istio-ca-secret`, or `cacerts` with the key `istio-generated`).
    SelfSigned {
        /// Of the root certificate.
        root: Fingerprint,
    },
    /// Only ConfigMap `istio-ca-root-cert` tells it, as with istio-csr.
    Published {
        /// Of the root certificate.
        root: Fingerprint,
    },
    /// `cacerts` stands but cannot be used; the text says why.
    Unusable {
        /// What is wrong with it.
        fault: String,
    },
}

impl TrustRoot {
    /// The root's fingerprint, where there is a root.
    pub fn fingerprint(&self) -> Option<&Fingerprint> {
        match self {
            Self::Cacerts { root } | Self::SelfSigned { root } | Self::Published { root } => Some(root),
            Self::None | Self::Unusable { .. } => None,
        }
    }
}
