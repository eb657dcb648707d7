//! Which root a cluster trusts today, and where that is known from.

use serde::Serialize;

use crate::model::pki::chain::Fingerprint;

/// What the workloads of a cluster trust.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trust {
    /// The root.
    pub root: TrustRoot,
    /// Whether the Secret `cacerts` exists, usable or not.
    pub has_cacerts: bool,
    /// Injected workloads whose certificate comes from another root or whose istiod started later, as `namespace/pod`.
    pub stale_workloads: Vec<String>,
}

/// The root of a cluster's workloads, as istiod would choose it (istio/istio security/pkg/pki/ca and
/// pilot/pkg/bootstrap/istio_ca.go: `cacerts` if that Secret exists, else a root of its own in `istio-ca-secret`).
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "from", rename_all = "kebab-case")]
pub enum TrustRoot {
    /// No root yet: Istio has signed nothing here.
    None,
    /// From the Secret `cacerts`.
    Cacerts {
        /// Of the root certificate in it.
        root: Fingerprint,
    },
    /// istiod generated it (Secret `istio-ca-secret`, or `cacerts` with the key `istio-generated`).
    SelfSigned {
        /// Of the root certificate.
        root: Fingerprint,
    },
    /// Known only from ConfigMap `istio-ca-root-cert`, as with istio-csr.
    Published {
        /// Of the root certificate.
        root: Fingerprint,
    },
    /// `cacerts` exists but cannot be used; the text says why.
    Unusable {
        /// What is wrong with it.
        fault: String,
    },
}

impl TrustRoot {
    /// The root's fingerprint, if there is a root.
    pub fn fingerprint(&self) -> Option<&Fingerprint> {
        match self {
            Self::Cacerts { root } | Self::SelfSigned { root } | Self::Published { root } => Some(root),
            Self::None | Self::Unusable { .. } => None,
        }
    }
}
