//! Objects whose live state is needed.

use std::collections::BTreeMap;

use futures::future::try_join_all;
use serde_json::Value;

use super::Scope;
use crate::cluster::context::Cluster;
use crate::cluster::read::one;
use crate::model::kube::object_key::ObjectKey;
use crate::model::pki::chain::Fingerprint;
use crate::plugin::error::Result;

/// The wanted objects that no other facet reads.
pub(super) async fn ask(cluster: &Cluster, scope: &Scope) -> Result<Vec<Value>> {
    let wanted = scope.wanted.iter().filter(|key| !is_read_anyway(key, scope));
    let asked = wanted.map(|key| async move { one(cluster, &key.kind, &key.namespace, &key.name).await });
    Ok(try_join_all(asked).await?.into_iter().flatten().collect())
}

/// Whether another facet's requests bring this object as well.
fn is_read_anyway(key: &ObjectKey, scope: &Scope) -> bool {
    match key.kind.as_str() {
        "Istio" => true,
        "IstioCNI" => key.name == "default",
        "Secret" | "ServiceAccount" => key.namespace == scope.system_namespace,
        _ => false,
    }
}

/// The wanted objects among all that were read. A Secret's contents are replaced by digests: this value is shown,
/// logged and kept.
pub(super) fn assemble<'a>(read: impl Iterator<Item = &'a Value>, wanted: &[ObjectKey]) -> BTreeMap<ObjectKey, Value> {
    read.map(|object| (ObjectKey::of(object), object))
        .filter(|(key, _)| wanted.contains(key))
        .map(|(key, object)| (key, without_secrets(object.clone())))
        .collect()
}

/// The same Secret with a digest in place of each value, and without the annotation in which client-side apply keeps
/// them.
fn without_secrets(mut object: Value) -> Value {
    if object["kind"] != "Secret" {
        return object;
    }
    if let Some(data) = object.get_mut("data").and_then(Value::as_object_mut) {
        for value in data.values_mut() {
            let digest = Fingerprint::of(value.as_str().unwrap_or_default().as_bytes());
            *value = format!("sha256:{}", digest.full()).into();
        }
    }
    if let Some(annotations) = object["metadata"].get_mut("annotations").and_then(Value::as_object_mut) {
        annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
    }
    object
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn no_object_is_asked_for_twice() {
        let scope = Scope::default();
        let asked =
            |kind: &str, namespace: &str, name: &str| !is_read_anyway(&ObjectKey::new(kind, namespace, name), &scope);
        assert!(!asked("Secret", "istio-system", "cacerts"));
        assert!(!asked("IstioCNI", "", "default"));
        assert!(asked("Deployment", "istio-system", "istio-eastwestgateway"));
        assert!(asked("Namespace", "", "istio-system"));
        assert!(asked("Secret", "sample", "x"));
    }

    #[test]
    fn what_a_secret_holds_is_never_observed() {
        let secret = json!({
            "kind": "Secret", "data": {"ca-key.pem": "c2VjcmV0"},
            "metadata": {"name": "cacerts", "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "c2VjcmV0", "a": "b"}},
        });
        let text = without_secrets(secret).to_string();
        assert!(!text.contains("c2VjcmV0") && text.contains("\"ca-key.pem\":\"sha256:"), "{text}");
        assert!(text.contains("\"a\":\"b\""));
    }

    #[test]
    fn what_is_no_secret_stays_as_it_is() {
        let object = json!({"kind": "ConfigMap", "data": {"a": "b"}, "metadata": {"name": "x"}});
        assert_eq!(without_secrets(object.clone()), object);
    }
}
