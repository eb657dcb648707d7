//! What a cluster signs with and trusts today, and where that is known from.

use jiff::Timestamp;
use serde::Serialize;

use crate::model::istio::cacerts::CaSecret;
use crate::model::pki::chain::Certificate;

/// What the workloads of a cluster trust.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trust {
    /// The Secret `cacerts`, usable or not.
    pub cacerts: Option<CaSecret>,
    /// The Secret `istio-ca-secret`, if an istiod governs the namespace: it outlives its istiod, and the next one takes
    /// `cacerts`.
    pub own: Option<CaSecret>,
    /// What istiod publishes for workloads to trust, if one governs the namespace and has published something.
    pub published: Option<Published>,
    /// Injected workloads whose certificate comes from another root or whose istiod started later, as `namespace/pod`.
    pub stale_workloads: Vec<String>,
    /// When this was read, by the clock of this machine.
    pub at: Timestamp,
}

/// The ConfigMap in which istiod publishes what workloads trust.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Published {
    /// The ConfigMap's name: `istio-ca-root-cert` unless the control plane was given another.
    pub config_map: String,
    /// The roots, or why they cannot be read.
    pub roots: Result<Vec<Certificate>, String>,
}

/// What a cluster signs with (istio/istio security/pkg/pki/ca and pilot/pkg/bootstrap/istio_ca.go: `cacerts` if that Secret
/// exists, else a root of its own in `istio-ca-secret`).
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Signing<'a> {
    /// Nothing: Istio has signed nothing here.
    Nothing,
    /// The Secret `cacerts`.
    Cacerts(&'a CaSecret),
    /// A root that istiod made for itself (Secret `istio-ca-secret`, or `cacerts` with the key `istio-generated`).
    Own(&'a CaSecret),
    /// Something that only the published roots tell of, as with istio-csr.
    Elsewhere(&'a Published),
}

impl Trust {
    /// A cluster in which Istio has signed nothing yet.
    pub fn none(at: Timestamp) -> Self {
        Self { cacerts: None, own: None, published: None, stale_workloads: Vec::new(), at }
    }

    /// What istiod signs with, or will once it is started.
    pub fn signing(&self) -> Signing<'_> {
        match (&self.cacerts, &self.own, &self.published) {
            (Some(secret), _, _) | (None, Some(secret), _) if secret.self_signed => Signing::Own(secret),
            (Some(secret), _, _) | (None, Some(secret), _) => Signing::Cacerts(secret),
            (None, None, Some(published)) => Signing::Elsewhere(published),
            (None, None, None) => Signing::Nothing,
        }
    }

    /// What workloads trust: what is published, else what will be; empty where nothing is known.
    pub fn roots(&self) -> &[Certificate] {
        match (&self.published, self.signing()) {
            (Some(Published { roots: Ok(roots), .. }), _) => roots,
            (_, Signing::Cacerts(secret) | Signing::Own(secret)) => &secret.roots,
            _ => &[],
        }
    }
}
