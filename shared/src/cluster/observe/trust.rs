//! Which root the cluster's workloads trust, by what istiod would use, and which of them still have an older
//! certificate.

use futures::try_join;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use serde_json::Value;

use crate::cluster::context::Cluster;
use crate::cluster::read::{metadata, one};
use crate::model::istio::cacerts;
use crate::model::pki::chain::parse_bundle;
use crate::model::seen::trust::{Trust, TrustRoot};
use crate::plugin::error::Result;

/// The Secret in which istiod keeps a root that it made for itself.
const OWN_CA: &str = "istio-ca-secret";

/// What the API server said.
pub(super) struct Answers {
    published_root: Option<Value>,
    /// Metadata of injected pods.
    injected: Vec<Value>,
}

pub(super) async fn ask(cluster: &Cluster, namespace: &str) -> Result<Answers> {
    let (published_root, injected) = try_join!(
        one(cluster, "ConfigMap", namespace, "istio-ca-root-cert"),
        metadata(cluster, "/api/v1/pods?labelSelector=security.istio.io%2FtlsMode&limit=500".into()),
    )?;
    Ok(Answers { published_root, injected })
}

/// What workloads trust, by these answers, the Secrets of the namespace, and the istiods of all.
pub(super) fn assemble(
    answers: &Answers,
    secrets: &[Value],
    istiods: &[Value],
    namespace: &str,
    now: Timestamp,
) -> Trust {
    let secret = |name: &str| secrets.iter().find(|secret| secret["metadata"]["name"] == name);
    let cacerts = secret(cacerts::NAME);
    let governed = istiods.iter().any(|istiod| istiod["metadata"]["namespace"] == namespace);
    Trust {
        root: root(
            cacerts,
            secret(OWN_CA).filter(|_| governed),
            answers.published_root.as_ref().filter(|_| governed),
            now,
        ),
        has_cacerts: cacerts.is_some(),
        stale_workloads: stale_workloads(&answers.injected, cacerts, istiods, namespace),
    }
}

/// `cacerts` if it exists, else istiod's own, else the root that is published for the workloads. The last two outlive
/// their istiod: the caller leaves them out if no istiod governs the namespace.
fn root(cacerts: Option<&Value>, own: Option<&Value>, published: Option<&Value>, now: Timestamp) -> TrustRoot {
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

/// Injected pods that are older than `cacerts` or than every istiod of the namespace: their certificates come from
/// before. Times are RFC 3339 in UTC, which sort as text.
fn stale_workloads(pods: &[Value], cacerts: Option<&Value>, istiods: &[Value], namespace: &str) -> Vec<String> {
    let created = |object: &Value| object["metadata"]["creationTimestamp"].as_str().map(str::to_owned);
    let governing = istiods.iter().filter(|istiod| istiod["metadata"]["namespace"] == namespace);
    let Some(first) = governing.filter_map(created).min() else { return Vec::new() };
    let since = cacerts.and_then(created).map_or(first.clone(), |made| made.max(first));
    pods.iter()
        .filter(|pod| created(pod).is_some_and(|at| at < since))
        .map(|pod| {
            let text = |key: &str| pod["metadata"][key].as_str().unwrap_or_default();
            format!("{}/{}", text("namespace"), text("name"))
        })
        .collect()
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

    fn at(namespace: &str, name: &str, time: &str) -> Value {
        json!({"metadata": {"namespace": namespace, "name": name, "creationTimestamp": time}})
    }

    #[test]
    fn pods_older_than_what_signs_now_are_stale() {
        let pods = [at("sample", "old", "2026-01-01T00:00:00Z"), at("sample", "new", "2026-01-03T00:00:00Z")];
        let istiods = [at("istio-system", "istiod", "2025-12-01T00:00:00Z")];
        let cacerts = at("istio-system", "cacerts", "2026-01-02T00:00:00Z");
        assert_eq!(stale_workloads(&pods, Some(&cacerts), &istiods, "istio-system"), ["sample/old"]);
        assert!(stale_workloads(&pods, None, &istiods, "istio-system").is_empty());
        assert!(stale_workloads(&pods, Some(&cacerts), &[], "istio-system").is_empty());
    }
}
