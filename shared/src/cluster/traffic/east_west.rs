//! The gateways by which other networks enter.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{array, labels, text};
use crate::cluster::wait::gateway::addresses;
use crate::model::istio::cross_network_gateway::PORT;
use crate::model::seen::traffic::{EastWestGateway, PodSeen};

/// Label of a gateway's Service that names another port for mutual TLS.
const PORT_LABEL: &str = "networking.istio.io/gatewayPort";

/// The Services that carry a network's label and have the port for mutual TLS between networks, with what their pods share.
///
/// Rule: istio/istio pilot/pkg/serviceregistry/kube/controller/network.go, `getGatewayDetails`.
pub(super) fn gateways(services: &[Value], pods: &[PodSeen]) -> Vec<EastWestGateway> {
    services.iter().filter_map(|service| Some(gateway(service, port(service)?, pods))).collect()
}

fn port(service: &Value) -> Option<u16> {
    let named = service["metadata"]["labels"][PORT_LABEL].as_str().and_then(|port| port.parse().ok());
    let wanted = named.unwrap_or(PORT);
    let has = array(&service["spec"]["ports"]).iter().any(|port| port["port"].as_u64() == Some(u64::from(wanted)));
    has.then_some(wanted)
}

fn gateway(service: &Value, port: u16, pods: &[PodSeen]) -> EastWestGateway {
    let namespace = text(&service["metadata"]["namespace"]);
    let selector = labels(&service["spec"]["selector"]);
    let is_ours = |pod: &&PodSeen| pod.namespace == namespace && pod.is_selected_by(&selector);
    let own: Vec<&PodSeen> = pods.iter().filter(is_ours).collect();
    EastWestGateway {
        service: text(&service["metadata"]["name"]),
        pod_labels: shared_labels(&own).unwrap_or_else(|| selector.clone()),
        addresses: addresses(service),
        port,
        ready: own.iter().filter(|pod| pod.ready).count(),
        namespace,
        selector,
    }
}

/// The labels that all of them have; none where there is no pod.
fn shared_labels(pods: &[&PodSeen]) -> Option<BTreeMap<String, String>> {
    let (first, rest) = pods.split_first()?;
    let in_all = |key: &String, value: &String| rest.iter().all(|pod| pod.labels.get(key) == Some(value));
    Some(first.labels.iter().filter(|(key, value)| in_all(key, value)).map(|(k, v)| (k.clone(), v.clone())).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::pods::pods;
    use super::*;

    fn service(port: u16) -> Value {
        json!({
            "metadata": {"namespace": "istio-system", "name": "gw", "labels": {"topology.istio.io/network": "n1"}},
            "spec": {"selector": {"app": "gw"}, "ports": [{"port": port}]},
            "status": {"loadBalancer": {"ingress": [{"ip": "10.0.1.11"}]}},
        })
    }

    fn pod(namespace: &str, hash: &str) -> Value {
        json!({
            "metadata": {"namespace": namespace, "name": hash, "labels": {"app": "gw", "istio": "eastwestgateway", "hash": hash}},
            "status": {"conditions": [{"type": "Ready", "status": "True"}]},
        })
    }

    #[test]
    fn a_gateway_is_known_by_label_and_port() {
        assert_eq!(gateways(&[service(15443), service(443)], &[]).len(), 1);
        let mut other = service(443);
        other["metadata"]["labels"][PORT_LABEL] = "443".into();
        assert_eq!(gateways(&[other], &[])[0].port, 443);
    }

    #[test]
    fn its_labels_are_those_that_all_its_pods_share() {
        let seen = pods(&[pod("istio-system", "a"), pod("istio-system", "b"), pod("elsewhere", "c")], &BTreeMap::new());
        let found = gateways(&[service(15443)], &seen).remove(0);
        assert_eq!(
            found.pod_labels,
            BTreeMap::from([("app", "gw"), ("istio", "eastwestgateway")].map(|(k, v)| (k.to_owned(), v.to_owned())))
        );
        assert_eq!((found.ready, found.addresses), (2, vec!["10.0.1.11".to_owned()]));
    }

    #[test]
    fn without_pods_the_services_selector_stands_for_their_labels() {
        let found = gateways(&[service(15443)], &[]).remove(0);
        assert_eq!((found.pod_labels, found.ready), (found.selector, 0));
    }
}
