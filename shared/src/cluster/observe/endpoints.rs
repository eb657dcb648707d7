//! Endpoints of services, from their EndpointSlices.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{array, text};
use crate::model::names::service::ServiceName;
use crate::model::seen::services::EndpointSeen;

/// Label of a slice that names its Service.
const SERVICE: &str = "kubernetes.io/service-name";

/// Ready and not ready endpoints by their Services. A pod counts once, however many addresses and ports it has.
pub(super) fn by_service(slices: &[Value]) -> BTreeMap<ServiceName, Vec<EndpointSeen>> {
    let mut found: BTreeMap<ServiceName, Vec<EndpointSeen>> = BTreeMap::new();
    let mut sorted: Vec<&Value> = slices.iter().filter(|slice| slice["addressType"] != "FQDN").collect();
    // IPv4 before IPv6: of a pod with both, IPv4 is shown.
    sorted.sort_by_key(|slice| text(&slice["addressType"]));
    for slice in sorted {
        let name = text(&slice["metadata"]["labels"][SERVICE]);
        let service = ServiceName { namespace: text(&slice["metadata"]["namespace"]), name };
        let known = found.entry(service).or_default();
        for endpoint in array(&slice["endpoints"]).iter().filter_map(endpoint) {
            let same = |other: &EndpointSeen| match (&other.pod, &endpoint.pod) {
                (Some(one), Some(other)) => one == other,
                _ => other.address == endpoint.address,
            };
            if !known.iter().any(same) {
                known.push(endpoint);
            }
        }
    }
    found
}

fn endpoint(endpoint: &Value) -> Option<EndpointSeen> {
    let of = &endpoint["targetRef"];
    Some(EndpointSeen {
        address: array(&endpoint["addresses"]).first()?.as_str()?.to_owned(),
        // An unknown condition counts as ready (k8s.io/api discovery/v1, EndpointConditions).
        ready: endpoint["conditions"]["ready"].as_bool().unwrap_or(true),
        pod: of["name"].as_str().filter(|_| of["kind"] == "Pod").map(str::to_owned),
        node: endpoint["nodeName"].as_str().map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn slice(address_type: &str, endpoints: &Value) -> Value {
        json!({
            "metadata": {"namespace": "sample", "labels": {SERVICE: "a"}},
            "addressType": address_type, "endpoints": endpoints,
        })
    }

    fn pod(name: &str, address: &str, ready: Option<bool>) -> Value {
        json!({"addresses": [address], "conditions": {"ready": ready}, "targetRef": {"kind": "Pod", "name": name}})
    }

    #[test]
    fn a_pod_in_several_slices_is_one_endpoint() {
        let slices = [
            slice("IPv6", &json!([pod("a-1", "fd00::1", None)])),
            slice("IPv4", &json!([pod("a-1", "10.0.0.1", None), pod("a-2", "10.0.0.2", Some(false))])),
            slice("IPv4", &json!([pod("a-1", "10.0.0.1", None), {"addresses": ["192.0.2.1"]}])),
            slice("FQDN", &json!([{"addresses": ["api.example.com"]}])),
        ];
        let found = by_service(&slices).into_values().next().unwrap();
        let words: Vec<_> = found.iter().map(|endpoint| (endpoint.address.as_str(), endpoint.ready)).collect();
        assert_eq!(words, [("10.0.0.1", true), ("10.0.0.2", false), ("192.0.2.1", true)]);
    }
}
