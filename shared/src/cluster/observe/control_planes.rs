//! The istiods that run, and the workloads that started before the one that would sign for them now.

use serde_json::Value;

use crate::model::seen::cluster::Istiod;

/// What is known of an istiod by its Deployment.
pub(in crate::cluster) fn istiod(deployment: &Value) -> Istiod {
    let metadata = &deployment["metadata"];
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let containers =
        deployment["spec"]["template"]["spec"]["containers"].as_array().map(Vec::as_slice).unwrap_or_default();
    let environment = containers.iter().filter_map(|container| container["env"].as_array()).flatten();
    Istiod {
        namespace: text(&metadata["namespace"]).unwrap_or_default(),
        name: text(&metadata["name"]).unwrap_or_default(),
        revision: text(&metadata["labels"]["istio.io/rev"]),
        by_sail: is_by_sail(metadata),
        cluster_id: environment
            .clone()
            .find(|entry| entry["name"] == "CLUSTER_ID")
            .and_then(|entry| text(&entry["value"])),
    }
}

/// The operator marks what it installs by its label and by an owner (sail-operator pkg/helm/postrenderer.go).
fn is_by_sail(metadata: &Value) -> bool {
    let labels = &metadata["labels"];
    let owners = metadata["ownerReferences"].as_array().map(Vec::as_slice).unwrap_or_default();
    labels["managed-by"] == "sail-operator" || owners.iter().any(|owner| owner["kind"] == "IstioRevision")
}

/// Injected pods that are older than `cacerts` or than every istiod of the namespace: their certificates come from before.
/// Times are RFC 3339 in UTC, which sort as text.
pub(super) fn stale_workloads(
    pods: &[Value],
    cacerts: Option<&Value>,
    istiods: &[Value],
    namespace: &str,
) -> Vec<String> {
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

    fn at(namespace: &str, name: &str, time: &str) -> Value {
        json!({"metadata": {"namespace": namespace, "name": name, "creationTimestamp": time}})
    }

    #[test]
    fn an_istiod_of_the_operator_is_known_by_label_or_owner() {
        let by = |metadata: Value| istiod(&json!({"metadata": metadata})).by_sail;
        assert!(by(json!({"labels": {"managed-by": "sail-operator"}})));
        assert!(by(json!({"ownerReferences": [{"kind": "IstioRevision"}]})));
        assert!(!by(json!({"labels": {"app.kubernetes.io/managed-by": "Helm"}})));
    }

    #[test]
    fn an_istiod_tells_revision_and_cluster() {
        let found = istiod(&json!({
            "metadata": {"namespace": "istio-system", "name": "istiod", "labels": {"istio.io/rev": "default"}},
            "spec": {"template": {"spec": {"containers": [{"env": [{"name": "REVISION"}, {"name": "CLUSTER_ID", "value": "east"}]}]}}},
        }));
        assert_eq!((found.revision.as_deref(), found.cluster_id.as_deref()), (Some("default"), Some("east")));
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
