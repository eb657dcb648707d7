//! What an existing gateway of ours lacks. Whatever else it has stays: an annotation, a port or a type that somebody gave
//! it is not taken back.

use serde_json::{Value, json};

use super::Gateway;
use crate::model::istio::NETWORK_LABEL;
use crate::model::istio::cross_network_gateway::PORT;
use crate::model::istio::network_gateway::service_port;
use crate::model::kube::write::{Operation, segment};

const REVISION_LABEL: &str = "istio.io/rev";

/// What the Service lacks of its network's label, the annotations that were asked for, and a port for mutual TLS; empty
/// if nothing.
pub fn to_service(wanted: &Gateway<'_>, live: &Value) -> Vec<Operation> {
    let mut operations = Vec::new();
    field(&mut operations, live, "/metadata/labels", NETWORK_LABEL, wanted.network.as_str());
    for (key, value) in wanted.annotations {
        field(&mut operations, live, "/metadata/annotations", key, value);
    }
    if service_port(live).is_none() {
        let port = json!({"name": "tls-mesh", "port": PORT, "targetPort": PORT, "protocol": "TCP"});
        operations.push(Operation::Add { path: "/spec/ports/-".into(), value: port });
    }
    unless_replaced(operations, live)
}

/// The revision that injects its pods, if they name another: one that is gone would leave them without a proxy.
pub fn to_deployment(wanted: &Gateway<'_>, live: &Value) -> Vec<Operation> {
    let mut operations = Vec::new();
    let labels = "/spec/template/metadata/labels";
    let has = live.pointer(labels).and_then(|labels| labels[REVISION_LABEL].as_str());
    if let (Some(revision), Some(_)) = (wanted.revision, has) {
        field(&mut operations, live, labels, REVISION_LABEL, revision);
    }
    unless_replaced(operations, live)
}

/// Sets an entry of a map, unless it has that value; an existing one must still be what was seen.
fn field(operations: &mut Vec<Operation>, live: &Value, map: &str, key: &str, wanted: &str) {
    let path = format!("{map}/{}", segment(key));
    let has = live.pointer(map).filter(|map| map.is_object());
    match has.and_then(|map| map.get(key)) {
        Some(value) if value == wanted => {}
        Some(value) => operations.extend([
            Operation::Test { path: path.clone(), value: value.clone() },
            Operation::Replace { path, value: wanted.into() },
        ]),
        None => {
            let is_first =
                !operations.iter().any(|operation| matches!(operation, Operation::Add { path, .. } if path == map));
            if has.is_none() && is_first {
                operations.push(Operation::Add { path: map.to_owned(), value: json!({}) });
            }
            operations.push(Operation::Add { path, value: wanted.into() });
        }
    }
}

/// With the precondition that it is still the object that was seen.
fn unless_replaced(operations: Vec<Operation>, live: &Value) -> Vec<Operation> {
    if operations.is_empty() {
        return operations;
    }
    let test = Operation::Test { path: "/metadata/uid".into(), value: live["metadata"]["uid"].clone() };
    std::iter::once(test).chain(operations).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::model::names::NetworkName;

    fn added(annotations: &[(&str, &str)], live: &Value) -> Vec<Operation> {
        let network = NetworkName::new("n1").unwrap();
        let annotations: BTreeMap<String, String> =
            annotations.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let gateway = Gateway {
            namespace: "istio-system",
            network: &network,
            revision: Some("new"),
            annotations: &annotations,
            managed_by: "me",
        };
        if live["kind"] == "Deployment" { to_deployment(&gateway, live) } else { to_service(&gateway, live) }
    }

    fn service() -> Value {
        json!({
            "kind": "Service",
            "metadata": {"uid": "u", "labels": {NETWORK_LABEL: "n1"}, "annotations": {"internal": "true"}},
            "spec": {"type": "ClusterIP", "ports": [{"port": 15443}, {"port": 15012}]},
        })
    }

    #[test]
    fn what_nobody_asks_for_stays_as_it_is() {
        assert_eq!(added(&[], &service()), [], "annotations, type and ports are somebody's");
        assert_eq!(added(&[("internal", "true")], &service()), []);
    }

    #[test]
    fn what_is_asked_for_is_added_or_replaced_and_nothing_is_removed() {
        let test = Operation::Test { path: "/metadata/uid".into(), value: "u".into() };
        assert_eq!(
            added(&[("a/b", "c")], &service()),
            [test.clone(), Operation::Add { path: "/metadata/annotations/a~1b".into(), value: "c".into() }]
        );
        assert_eq!(
            added(&[("internal", "false")], &service()),
            [
                test,
                Operation::Test { path: "/metadata/annotations/internal".into(), value: "true".into() },
                Operation::Replace { path: "/metadata/annotations/internal".into(), value: "false".into() },
            ]
        );
    }

    #[test]
    fn what_a_gateway_cannot_do_without_is_added() {
        let mut bare = service();
        bare["metadata"] = json!({"uid": "u"});
        bare["spec"]["ports"] = json!([{"port": 15021}]);
        let paths: Vec<String> = added(&[("a", "b"), ("c", "d")], &bare)
            .iter()
            .map(|operation| serde_json::to_value(operation).unwrap()["path"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(
            paths,
            [
                "/metadata/uid",
                "/metadata/labels",
                "/metadata/labels/topology.istio.io~1network",
                "/metadata/annotations",
                "/metadata/annotations/a",
                "/metadata/annotations/c",
                "/spec/ports/-",
            ]
        );
    }

    #[test]
    fn only_a_revision_that_pods_name_is_replaced() {
        let deployment = |labels: Value| json!({"kind": "Deployment", "metadata": {"uid": "u"}, "spec": {"template": {"metadata": {"labels": labels}}}});
        assert_eq!(added(&[], &deployment(json!({}))), []);
        assert_eq!(added(&[], &deployment(json!({REVISION_LABEL: "new"}))), []);
        assert_eq!(added(&[], &deployment(json!({REVISION_LABEL: "old"}))).len(), 3);
    }
}
