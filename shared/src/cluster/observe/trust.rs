//! What the cluster signs with and trusts, by what istiod would use and by what it publishes, and which workloads still have an
//! older certificate.

use futures::try_join;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use serde_json::Value;

use super::control_plane::{governing, istiod};
use crate::cluster::context::Cluster;
use crate::cluster::read::{metadata, one};
use crate::model::istio::cacerts;
use crate::model::istio::cacerts::CaSecret;
use crate::model::pki::chain::BundleFault;
use crate::model::pki::go_pem;
use crate::model::seen::control_plane::TRUST_BUNDLE;
use crate::model::seen::trust::{Published, Trust};
use crate::plugin::error::Result;

/// The Secret in which istiod keeps a root that it made for itself.
const OWN_CA: &str = "istio-ca-secret";

/// What the API server said.
pub(super) struct Answers {
    /// The ConfigMap `istio-ca-root-cert`.
    published: Option<Value>,
    /// Metadata of injected pods.
    injected: Vec<Value>,
}

pub(super) async fn ask(cluster: &Cluster, namespace: &str) -> Result<Answers> {
    let (published, injected) = try_join!(
        one(cluster, "ConfigMap", namespace, TRUST_BUNDLE),
        metadata(cluster, "/api/v1/pods?labelSelector=security.istio.io%2FtlsMode&limit=500".into()),
    )?;
    Ok(Answers { published, injected })
}

/// Reads the published roots again where the istiod that governs the namespace publishes them under another name.
pub(super) async fn follow(answers: Answers, cluster: &Cluster, istiods: &[Value], namespace: &str) -> Result<Answers> {
    match bundle_name(istiods, namespace).filter(|name| name != TRUST_BUNDLE) {
        None => Ok(answers),
        Some(name) => Ok(Answers { published: one(cluster, "ConfigMap", namespace, &name).await?, ..answers }),
    }
}

/// The name under which the istiod that governs a namespace publishes its roots; none without one.
fn bundle_name(istiods: &[Value], namespace: &str) -> Option<String> {
    let here: Vec<Value> =
        istiods.iter().filter(|istiod| istiod["metadata"]["namespace"] == namespace).cloned().collect();
    governing(&here).map(|governing| istiod(governing).trust_bundle)
}

/// What workloads trust, by these answers, the Secrets of the namespace, and the istiods of all.
pub(super) fn assemble(
    answers: &Answers,
    secrets: &[Value],
    istiods: &[Value],
    namespace: &str,
    at: Timestamp,
) -> Trust {
    let secret = |name: &str| secrets.iter().find(|secret| secret["metadata"]["name"] == name);
    let bundle = bundle_name(istiods, namespace);
    let governed = bundle.is_some();
    Trust {
        cacerts: secret(cacerts::NAME).map(|secret| ca_secret(secret, at)),
        own: secret(OWN_CA).filter(|_| governed).map(|secret| ca_secret(secret, at)),
        published: bundle.and_then(|name| published(answers.published.as_ref()?, name)),
        stale_workloads: stale_workloads(&answers.injected, secret(cacerts::NAME), istiods, namespace),
        at,
    }
}

/// What a ConfigMap publishes; none if it has nothing for workloads.
fn published(config_map: &Value, name: String) -> Option<Published> {
    let bundle = config_map["data"]["root-cert.pem"].as_str()?;
    let roots = go_pem::certificates(bundle.as_bytes())
        .and_then(|found| if found.certificates.is_empty() { Err(BundleFault::Empty) } else { Ok(found.certificates) });
    Some(Published { config_map: name, roots: roots.map_err(|fault| format!("root-cert.pem: {fault}")) })
}

fn ca_secret(secret: &Value, at: Timestamp) -> CaSecret {
    // What is not in the form of a Secret has no keys that istiod could read.
    cacerts::read(&serde_json::from_value::<Secret>(secret.clone()).unwrap_or_default(), at)
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
    use crate::model::pki::authority::tests::{issued_by, now, root};
    use crate::model::pki::chain::Certificate;
    use crate::model::seen::trust::Signing;

    fn secret(name: &str) -> (Value, Certificate) {
        let root = root();
        let secret = cacerts::cacerts(&issued_by(&root, "east"), &[], "istio-system", "test");
        let mut secret = serde_json::to_value(secret).unwrap();
        secret["metadata"]["name"] = json!(name);
        (secret, root.certificate)
    }

    fn istiod_with(bundle: &str) -> Value {
        let env = json!([{"name": "PILOT_CA_CERT_CONFIGMAP", "value": bundle}]);
        let mut istiod = at("istio-system", "istiod", "2026-01-01T00:00:00Z");
        istiod["spec"]["template"]["spec"]["containers"] = json!([{"name": "discovery", "env": env}]);
        istiod
    }

    fn seen(secrets: &[Value], root: Option<&Certificate>, istiods: &[Value]) -> Trust {
        let published = root.map(|root| json!({"data": {"root-cert.pem": root.pem()}}));
        assemble(&Answers { published, injected: Vec::new() }, secrets, istiods, "istio-system", now())
    }

    #[test]
    fn cacerts_signs_before_what_istiod_made_for_itself_and_what_is_published_is_kept_apart() {
        let ((cacerts, root), (own, _), other) = (secret("cacerts"), secret(OWN_CA), super::tests::root().certificate);
        let trust = seen(&[cacerts, own], Some(&other), &[istiod_with("")]);
        assert!(matches!(trust.signing(), Signing::Cacerts(secret) if secret.roots == [root.clone()]), "{trust:?}");
        assert_eq!(trust.roots(), [other]);
        let published = trust.published.unwrap();
        assert_eq!(published.config_map, "istio-ca-root-cert");
    }

    #[test]
    fn a_root_that_istiod_made_for_itself_is_told_apart() {
        let (mut own, root) = secret(OWN_CA);
        own["type"] = json!("istio.io/ca-root");
        let trust = seen(&[own], None, &[istiod_with("")]);
        assert!(matches!(trust.signing(), Signing::Own(secret) if secret.roots == [root.clone()]), "{trust:?}");
    }

    #[test]
    fn with_an_issuer_of_its_own_only_the_published_root_tells() {
        let root = root().certificate;
        let trust = seen(&[], Some(&root), &[istiod_with("other-root-cert")]);
        assert!(matches!(trust.signing(), Signing::Elsewhere(published) if published.config_map == "other-root-cert"));
        assert_eq!(trust.roots(), [root]);
    }

    #[test]
    fn what_an_istiod_that_is_gone_left_does_not_count() {
        let ((own, _), root) = (secret(OWN_CA), root().certificate);
        assert_eq!(seen(&[own], Some(&root), &[]).signing(), Signing::Nothing);
    }

    #[test]
    fn cacerts_that_cannot_be_used_says_why() {
        let (mut cacerts, _) = secret("cacerts");
        cacerts["data"].as_object_mut().unwrap().remove("ca-key.pem");
        let trust = seen(&[cacerts], None, &[]);
        assert_eq!(trust.cacerts.unwrap().problems, ["ca-key.pem is missing"]);
        let trust = seen(&[json!({"metadata": {"name": "cacerts"}, "data": 7})], None, &[]);
        assert!(!trust.cacerts.unwrap().problems.is_empty());
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
