//! The labels and the port by which a Gateway opens a service on an east-west gateway.

use std::collections::{BTreeMap, BTreeSet};

use mesh_shared::model::seen::east_west::EastWestGateway;
use mesh_shared::model::seen::observed_traffic::ObservedTraffic;
use mesh_shared::model::seen::services::PodSeen;
use mesh_shared::plugin::finding::codes::exposure as codes;
use mesh_shared::plugin::finding::{Claim, Code, Finding};

/// The labels by which a Gateway selects the east-west gateways of a cluster, and the port on which they accept
/// connections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// `spec.selector`.
    pub selector: BTreeMap<String, String>,
    /// Mostly 15443.
    pub port: u16,
}

/// What a Gateway of a cluster is bound to: the fewest labels that all pods of its east-west gateways carry and no other pod
/// that is known, `istio` before `app` before both before all that they share.
///
/// # Errors
/// That there is no east-west gateway, that there are several with different ports, or that no labels select just its pods.
pub fn binding(seen: &ObservedTraffic) -> Result<Binding, Finding> {
    let found = |code: &'static Code, what: String| -> Claim {
        code.found(what).cluster(&seen.membership.name).context(&seen.identity.context)
    };
    let Some(first) = seen.east_west_gateways().first() else {
        return Err(found(&codes::NO_GATEWAY, format!("{} has no east-west gateway", seen.membership.name))
            .because("no Service there has the label topology.istio.io/network and the port 15443")
            .fix("make one: kubectl mesh-mc join --contexts A,B,…"));
    };
    let gateways = seen.east_west_gateways().iter().map(|gateway| format!("{}/{}", gateway.namespace, gateway.service));
    let gateways: Vec<String> = gateways.collect();
    if seen.east_west_gateways().iter().any(|gateway| gateway.port != first.port) {
        let what = format!("the east-west gateways of {} take connections on several ports", seen.membership.name);
        return Err(found(&codes::GATEWAY_PORTS_DIFFER, what)
            .because(format!("Services {}", gateways.join(", ")))
            .fix("write the Gateways yourself, one for each"));
    }
    let shared = shared(seen.east_west_gateways());
    let others: Vec<&PodSeen> = seen
        .services
        .pods
        .iter()
        .filter(|pod| !seen.east_west_gateways().iter().any(|of| is_pod_of(pod, of)))
        .collect();
    let selects_no_other = |selector: &BTreeMap<String, String>| {
        !selector.is_empty() && !others.iter().any(|pod| pod.is_selected_by(selector))
    };
    candidates(&shared, first)
        .into_iter()
        .find(selects_no_other)
        .map(|selector| Binding { selector, port: first.port })
        .ok_or_else(|| {
            let what =
                format!("no label distinguishes the east-west gateway of {} from other pods", seen.membership.name);
            found(&codes::GATEWAY_NOT_SELECTABLE, what)
                .because(format!("pods of Service {} have {}", gateways.join(", "), words(&shared)))
                .fix("give these pods a label of their own, such as istio: eastwestgateway")
        })
}

fn candidates(shared: &BTreeMap<String, String>, first: &EastWestGateway) -> Vec<BTreeMap<String, String>> {
    let only = |keys: &[&str]| -> BTreeMap<String, String> {
        let kept = shared.iter().filter(|(key, _)| keys.contains(&key.as_str()));
        kept.map(|(key, value)| (key.clone(), value.clone())).collect()
    };
    let of_service = first.selector.keys().map(String::as_str).collect::<Vec<_>>();
    // The hash changes with the next rollout.
    let lasting: Vec<&str> = shared.keys().map(String::as_str).filter(|key| *key != "pod-template-hash").collect();
    vec![only(&["istio"]), only(&["app"]), only(&["istio", "app"]), only(&of_service), only(&lasting)]
}

fn shared(gateways: &[EastWestGateway]) -> BTreeMap<String, String> {
    let keys: BTreeSet<&String> = gateways.iter().flat_map(|gateway| gateway.pod_labels.keys()).collect();
    let common = |key: &&String| {
        let first = gateways.first().and_then(|gateway| gateway.pod_labels.get(*key));
        first.is_some() && gateways.iter().all(|gateway| gateway.pod_labels.get(*key) == first)
    };
    keys.into_iter().filter(common).map(|key| (key.clone(), gateways[0].pod_labels[key].clone())).collect()
}

fn is_pod_of(pod: &PodSeen, gateway: &EastWestGateway) -> bool {
    pod.namespace == gateway.namespace && pod.is_selected_by(&gateway.selector)
}

/// Such as `app=a, istio=b`.
pub fn words(labels: &BTreeMap<String, String>) -> String {
    labels.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(", ")
}
