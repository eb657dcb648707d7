//! The gateways by which other networks enter, and what opens services on them.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::try_join_all;
use futures::try_join;
use serde_json::Value;

use super::narrowed::{all_or_near, istio};
use super::text;
use crate::cluster::context::Cluster;
use crate::cluster::read::every;
use crate::model::istio::NETWORK_LABEL;
use crate::model::istio::network_gateway::{service_addresses, service_port};
use crate::model::kube::labels;
use crate::model::seen::east_west::{EastWest, EastWestGateway};
use crate::model::seen::services::PodSeen;
use crate::plugin::error::Result;

/// The label that nearly every gateway's pods carry, and by which nearly every `Gateway` selects them.
const GATEWAY_LABEL: &str = "istio";

/// What the API server said.
#[derive(Default)]
pub(super) struct Answers {
    /// Services with a network's label.
    services: Vec<Value>,
    /// Their pods, and the other pods that have the label by which Gateways mostly select.
    pub(super) pods: Vec<Value>,
    gateway_rules: Vec<Value>,
    narrowed_to: BTreeSet<String>,
}

pub(super) async fn ask(cluster: &Cluster, near: &BTreeSet<String>) -> Result<Answers> {
    let ((gateway_rules, all_rules), (services, pods, all_gateways)) =
        try_join!(istio(cluster, "Gateway", near), gateways_and_pods(cluster, near))?;
    let narrowed_to = if all_rules && all_gateways { BTreeSet::new() } else { near.clone() };
    Ok(Answers { services, pods, gateway_rules, narrowed_to })
}

/// How other networks enter, by these answers and by all pods that are known.
pub(super) fn assemble(answers: Answers, pods: &[PodSeen]) -> EastWest {
    EastWest {
        gateways: gateways(&answers.services, pods),
        gateway_rules: answers.gateway_rules,
        narrowed_to: answers.narrowed_to,
    }
}

/// Services that carry a network's label, their pods and the other pods that have the label by which Gateways mostly
/// select, and whether all namespaces were read.
async fn gateways_and_pods(cluster: &Cluster, near: &BTreeSet<String>) -> Result<(Vec<Value>, Vec<Value>, bool)> {
    let ((services, all_services), (mut pods, all_pods)) = try_join!(
        all_or_near(near, async |namespace: &str| every(cluster, "Service", namespace, &[(NETWORK_LABEL, "")]).await),
        all_or_near(near, async |namespace: &str| every(cluster, "Pod", namespace, &[(GATEWAY_LABEL, "")]).await),
    )?;
    let asked = services.iter().filter_map(|service| {
        let selector = labels::read(&service["spec"]["selector"]);
        let is_new = !selector.is_empty() && !selector.contains_key(GATEWAY_LABEL);
        is_new.then(|| pods_of(cluster, text(&service["metadata"]["namespace"]), selector))
    });
    pods.extend(try_join_all(asked).await?.concat());
    Ok((services, pods, all_services && all_pods))
}

async fn pods_of(cluster: &Cluster, namespace: String, selector: BTreeMap<String, String>) -> Result<Vec<Value>> {
    let selector: Vec<(&str, &str)> = selector.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    every(cluster, "Pod", &namespace, &selector).await
}

/// The Services that carry a network's label and have the port for mutual TLS between networks, with what their pods
/// share.
fn gateways(services: &[Value], pods: &[PodSeen]) -> Vec<EastWestGateway> {
    services.iter().filter_map(|service| Some(gateway(service, service_port(service)?, pods))).collect()
}

fn gateway(service: &Value, port: u16, pods: &[PodSeen]) -> EastWestGateway {
    let namespace = text(&service["metadata"]["namespace"]);
    let selector = labels::read(&service["spec"]["selector"]);
    let is_ours = |pod: &&PodSeen| pod.namespace == namespace && pod.is_selected_by(&selector);
    let own: Vec<&PodSeen> = pods.iter().filter(is_ours).collect();
    EastWestGateway {
        service: text(&service["metadata"]["name"]),
        pod_labels: shared_labels(&own).unwrap_or_else(|| selector.clone()),
        addresses: service_addresses(service),
        port,
        ready: own.iter().filter(|pod| pod.ready).count(),
        namespace,
        selector,
    }
}

/// The labels that all of them share; none if there are no pods.
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
            "spec": {"type": "LoadBalancer", "selector": {"app": "gw"}, "ports": [{"port": port}]},
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
