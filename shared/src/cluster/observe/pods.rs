//! Pods, and the locality of each as Istio reads it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{array, text};
use crate::model::kube::labels;
use crate::model::seen::locality::Locality;
use crate::model::seen::services::PodSeen;

/// Labels of a pod that name its locality: the first that is present counts, even if it is empty.
const OWN: [&str; 2] = ["topology.istio.io/locality", "istio-locality"];

/// The pods that have not ended.
pub(super) fn pods<'a>(pods: impl IntoIterator<Item = &'a Value>, nodes: &BTreeMap<String, Locality>) -> Vec<PodSeen> {
    let ended = |pod: &&Value| matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed"));
    pods.into_iter().filter(|pod| !ended(pod)).map(|pod| seen(pod, nodes)).collect()
}

fn seen(pod: &Value, nodes: &BTreeMap<String, Locality>) -> PodSeen {
    let (metadata, spec, status) = (&pod["metadata"], &pod["spec"], &pod["status"]);
    let labels = labels::read(&metadata["labels"]);
    let own = own_locality(&labels);
    let node = spec["nodeName"].as_str().map(str::to_owned);
    let of_node = || node.as_ref().and_then(|node| nodes.get(node)).cloned();
    let containers = array(&spec["containers"]);
    let all = containers.iter().chain(array(&spec["initContainers"]));
    let ready = array(&status["conditions"]).iter().any(|c| c["type"] == "Ready" && c["status"] == "True");
    let owner = array(&metadata["ownerReferences"]).iter().find(|owner| owner["controller"] == true);
    let ports = containers.iter().flat_map(|container| array(&container["ports"]));
    PodSeen {
        namespace: text(&metadata["namespace"]),
        name: text(&metadata["name"]),
        locality_of_its_own: own.is_some(),
        locality: own.or_else(of_node).unwrap_or_default(),
        address: status["podIP"].as_str().map(str::to_owned),
        ready: ready && metadata["deletionTimestamp"].is_null(),
        sidecar: all.clone().any(|container| container["name"] == "istio-proxy"),
        containers: containers
            .iter()
            .map(|container| text(&container["name"]))
            .filter(|name| name != "istio-proxy")
            .collect(),
        ports: ports
            .filter_map(|port| {
                Some((port["name"].as_str()?.to_owned(), u16::try_from(port["containerPort"].as_u64()?).ok()?))
            })
            .collect(),
        owner: owner.map(|owner| (text(&owner["kind"]), text(&owner["name"]))),
        node,
        labels,
    }
}

/// The locality that a pod's own label names. It counts as a whole: the node's labels then add nothing.
///
/// Rule: dots separate it, since no label holds a slash; if it has one, only slashes do (istio/istio
/// pkg/model/proxy.go, `GetLocalityLabel` and `SanitizeLocalityLabel`;
/// pilot/pkg/serviceregistry/kube/controller/controller.go, `getPodLocality`).
fn own_locality(labels: &BTreeMap<String, String>) -> Option<Locality> {
    let label = OWN.iter().find_map(|key| labels.get(*key)).filter(|label| !label.is_empty())?;
    let separator = if label.contains('/') { '/' } else { '.' };
    let mut parts = label.split(separator).map(str::to_owned);
    let mut next = || parts.next().unwrap_or_default();
    Some(Locality { region: next(), zone: next(), sub_zone: next() })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::nodes::nodes;
    use super::*;

    fn locality(own: &Value) -> (String, bool) {
        let nodes = nodes(&[json!({"metadata": {"name": "n1", "labels": {
            "topology.kubernetes.io/region": "eu", "failure-domain.beta.kubernetes.io/region": "old",
            "failure-domain.beta.kubernetes.io/zone": "eu-1", "topology.istio.io/subzone": "rack",
        }}})]);
        let pod = json!({"metadata": {"namespace": "a", "name": "b", "labels": own}, "spec": {"nodeName": "n1"}});
        let pod = pods(&[pod], &nodes).remove(0);
        (pod.locality.path(), pod.locality_of_its_own)
    }

    #[test]
    fn a_pods_own_label_comes_before_its_nodes_labels() {
        assert_eq!(locality(&json!({})), ("eu/eu-1/rack".into(), false));
        assert_eq!(
            locality(&json!({"topology.istio.io/locality": "us.us-1.x", "istio-locality": "no"})),
            ("us/us-1/x".into(), true)
        );
        assert_eq!(locality(&json!({"istio-locality": "us"})), ("us".into(), true));
        assert_eq!(locality(&json!({"istio-locality": "us.west/us-1"})), ("us.west/us-1".into(), true));
        assert_eq!(
            locality(&json!({"topology.istio.io/locality": "", "istio-locality": "us"})),
            ("eu/eu-1/rack".into(), false)
        );
    }

    #[test]
    fn a_pod_that_has_ended_is_left_out_and_one_on_its_way_out_is_not_ready() {
        let pod = |phase: &str, deleted: Value| {
            json!({
                "metadata": {"name": phase, "deletionTimestamp": deleted},
                "status": {"phase": phase, "conditions": [{"type": "Ready", "status": "True"}]},
            })
        };
        let all = [
            pod("Succeeded", Value::Null),
            pod("Failed", Value::Null),
            pod("Running", Value::Null),
            pod("Pending", json!("2026-01-01T00:00:00Z")),
        ];
        let seen = pods(&all, &BTreeMap::new());
        let ready: Vec<_> = seen.iter().map(|pod| (pod.name.as_str(), pod.ready)).collect();
        assert_eq!(ready, [("Running", true), ("Pending", false)]);
    }

    #[test]
    fn a_sidecar_is_found_among_both_kinds_of_containers() {
        let pod = json!({"metadata": {"ownerReferences": [{"kind": "ReplicaSet", "name": "a-1", "controller": true}]}, "spec": {
            "initContainers": [{"name": "istio-validation"}, {"name": "istio-proxy", "restartPolicy": "Always"}],
            "containers": [{"name": "app", "ports": [{"name": "http", "containerPort": 5000}, {"containerPort": 1}]}],
        }});
        let seen = pods(&[pod], &BTreeMap::new()).remove(0);
        assert!(seen.sidecar);
        assert_eq!(seen.containers, ["app"]);
        assert_eq!(seen.ports, BTreeMap::from([("http".to_owned(), 5000)]));
        assert_eq!(seen.owner, Some(("ReplicaSet".into(), "a-1".into())));
        let bare = pods(&[json!({"spec": {"containers": [{"name": "app"}]}})], &BTreeMap::new()).remove(0);
        assert!(!bare.sidecar);
    }
}
