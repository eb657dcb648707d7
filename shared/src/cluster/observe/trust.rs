//! Which root the cluster's workloads trust, by what istiod would take.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use serde_json::Value;

use crate::model::istio::cacerts;
use crate::model::pki::chain::parse_bundle;
use crate::model::seen::trust::TrustRoot;

/// The Secret in which istiod keeps a root that it made for itself.
pub(super) const OWN_CA: &str = "istio-ca-secret";

/// `cacerts` where it stands, else istiod's own, else the root that is published for the workloads. The last two outlive
/// their istiod: the caller leaves them out where no istiod governs the namespace.
pub(super) fn root(
    cacerts: Option<&Value>,
    own: Option<&Value>,
    published: Option<&Value>,
    now: Timestamp,
) -> TrustRoot {
    if let Some(secret) = cacerts {
        return from_secret(secret, now);
    }
    if let Some(secret) = own {
        return from_secret(secret, now);
    }
    let Some(bundle) = published.and_then(|map| map["data"]["root-cert.pem"].as_str()) else { return TrustRoot::None };
    match parse_bundle(bundle.as_bytes()) {
        Ok(roots) => roots.first().map_or(TrustRoot::None, |root| TrustRoot::Published { root: root.fingerprint }),
        Err(fault) => TrustRoot::Unusable { fault: format!("ConfigMap istio-ca-root-cert, root-cert.pem: {fault}") },
    }
}

fn from_secret(secret: &Value, now: Timestamp) -> TrustRoot {
    let Ok(secret) = serde_json::from_value::<Secret>(secret.clone()) else {
        return TrustRoot::Unusable { fault: "it is not in the form of a Secret".into() };
    };
    let found = cacerts::read(&secret, now);
    match found.roots.first() {
        Some(_) if !found.problems.is_empty() => TrustRoot::Unusable { fault: found.problems.join("; ") },
        Some(root) if found.self_signed => TrustRoot::SelfSigned { root: *root },
        Some(root) => TrustRoot::Cacerts { root: *root },
        None => TrustRoot::Unusable { fault: found.problems.join("; ") },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::pki::authority::tests::{issued_by, now, root as authority};

    fn secret() -> (Value, crate::model::pki::chain::Fingerprint) {
        let authority = authority();
        let secret = cacerts::cacerts(&issued_by(&authority, "east"), "istio-system", "test");
        (serde_json::to_value(secret).unwrap(), authority.certificate.fingerprint)
    }

    #[test]
    fn cacerts_wins_over_what_istiod_made_or_published() {
        let (cacerts, root) = secret();
        let (other, _) = secret();
        let published = json!({"data": {"root-cert.pem": authority().certificate.pem()}});
        assert_eq!(super::root(Some(&cacerts), Some(&other), Some(&published), now()), TrustRoot::Cacerts { root });
    }

    #[test]
    fn a_root_that_istiod_made_for_itself_is_told_apart() {
        let (mut own, root) = secret();
        own["type"] = json!("istio.io/ca-root");
        assert_eq!(super::root(None, Some(&own), None, now()), TrustRoot::SelfSigned { root });
    }

    #[test]
    fn with_an_issuer_of_its_own_the_published_root_tells() {
        let authority = authority().certificate;
        let published = json!({"data": {"root-cert.pem": authority.pem()}});
        assert_eq!(
            super::root(None, None, Some(&published), now()),
            TrustRoot::Published { root: authority.fingerprint }
        );
        assert_eq!(super::root(None, None, None, now()), TrustRoot::None);
    }

    #[test]
    fn cacerts_that_cannot_be_used_says_why() {
        let (mut cacerts, _) = secret();
        cacerts["data"].as_object_mut().unwrap().remove("ca-key.pem");
        let root = super::root(Some(&cacerts), None, None, now());
        assert!(matches!(&root, TrustRoot::Unusable { fault } if fault.contains("ca-key.pem is missing")), "{root:?}");
        assert!(matches!(super::root(Some(&json!({"data": {}})), None, None, now()), TrustRoot::Unusable { .. }));
    }
}
