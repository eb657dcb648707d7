//! The namespaces of a control plane.

use serde_json::{Value, json};

use super::NETWORK_LABEL;
use crate::model::kube::managed_by::MANAGED_BY;
use crate::model::names::NetworkName;

/// The control plane's namespace with its network label, and with our label if `created`.
pub fn system(name: &str, network: &NetworkName, created: bool, managed_by: &str) -> Value {
    namespace(name, &[(NETWORK_LABEL, network.as_str())], created, managed_by)
}

/// A namespace that only needs to exist.
pub fn plain(name: &str, managed_by: &str) -> Value {
    namespace(name, &[], true, managed_by)
}

fn namespace(name: &str, labels: &[(&str, &str)], created: bool, managed_by: &str) -> Value {
    let mut all: serde_json::Map<String, Value> =
        labels.iter().map(|(key, value)| ((*key).to_owned(), Value::from(*value))).collect();
    if created {
        all.insert(MANAGED_BY.into(), managed_by.into());
    }
    json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name, "labels": all } })
}
