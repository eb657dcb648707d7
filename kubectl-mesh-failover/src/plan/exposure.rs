//! Which Gateways open a service to other networks, and by which labels and port an east-west gateway is told to.

use std::collections::{BTreeMap, BTreeSet};

use mesh_shared::error::{Error, Result};
use mesh_shared::istio::MANAGED_BY;
use mesh_shared::istio::cross_network_gateway::{NAME, covers, passthrough_servers, selects};
use mesh_shared::mesh::service::{DOMAIN, ServiceName};
use mesh_shared::observed::cluster::ObjectKey;
use mesh_shared::observed::traffic::{EastWestGateway, ObservedTraffic, PodSeen};
use serde::Serialize;
use serde_json::Value;

use crate::cli::MANAGER;

/// A host of a Gateway that opens a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(into = "ShownOpening")]
pub struct Opening {
    /// The Gateway.
    pub gateway: ObjectKey,
    /// The host as it is written there, such as `*.local`.
    pub host: String,
    /// Whether that is the Gateway that we keep.
    pub ours: bool,
}

/// An opening as JSON shows it.
#[derive(Serialize)]
struct ShownOpening {
    gateway: String,
    host: String,
    ours: bool,
}

impl From<Opening> for ShownOpening {
    fn from(opening: Opening) -> Self {
        let gateway = format!("{}/{}", opening.gateway.namespace, opening.gateway.name);
        Self { gateway, host: opening.host, ours: opening.ours }
    }
}

impl Opening {
    /// Whether the host opens all services of the mesh.
    pub fn is_everything(&self) -> bool {
        covers(&self.host, &format!(".{DOMAIN}"))
    }
}

impl std::fmt::Display for Opening {
    /// `Gateway istio-system/everything (*.local)`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.gateway, self.host)
    }
}

/// Whether this is the Gateway that we keep: its name in istiod's namespace, and the mark that we made it.
pub fn is_ours(gateway: &Value, seen: &ObservedTraffic) -> bool {
    ObjectKey::of(gateway) == ours(seen) && gateway["metadata"]["labels"][MANAGED_BY] == MANAGER
}

/// Kind, namespace and name of the Gateway that we keep in a cluster.
pub fn ours(seen: &ObservedTraffic) -> ObjectKey {
    ObjectKey::new("Gateway", &seen.system_namespace, NAME)
}

/// Every host by which an east-west gateway of the cluster opens the service, ours first. Empty: it is not exposed there.
pub fn openings(seen: &ObservedTraffic, service: &ServiceName) -> Vec<Opening> {
    let host = service.host();
    let mut found: Vec<Opening> = all_hosts(seen).into_iter().filter(|opening| covers(&opening.host, &host)).collect();
    found.sort_by_key(|opening| !opening.ours);
    found
}

/// All hosts that the east-west gateways of a cluster open.
pub fn all_hosts(seen: &ObservedTraffic) -> Vec<Opening> {
    let on_east_west = |gateway: &Value| seen.east_west.iter().find(|pods| selects(gateway, &pods.pod_labels));
    let mut found = Vec::new();
    for gateway in &seen.gateways {
        let Some(pods) = on_east_west(gateway) else { continue };
        let ours = is_ours(gateway, seen);
        for (_, hosts) in passthrough_servers(gateway, pods.port) {
            found.extend(hosts.into_iter().map(|host| Opening { gateway: ObjectKey::of(gateway), host, ours }));
        }
    }
    found
}

/// How many endpoints of a service in a cluster are pods without a sidecar: no mutual TLS, so that other networks leave them out
/// (istio/istio pilot/pkg/xds/mtls_checker.go). An endpoint that is no pod counts as one.
pub fn without_sidecar(seen: &ObservedTraffic, service: &ServiceName) -> usize {
    let endpoints = seen.services.get(service).map(|here| here.endpoints.as_slice()).unwrap_or_default();
    let pod = |name: &Option<String>| seen.pod(&service.namespace, name.as_deref()?);
    endpoints.iter().filter(|endpoint| !pod(&endpoint.pod).is_some_and(|pod| pod.sidecar)).count()
}

/// The labels by which a Gateway selects the east-west gateways of a cluster, and the port that they take connections on.
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
/// A refusal where there is no east-west gateway, or nothing tells its pods from others.
pub fn binding(seen: &ObservedTraffic) -> Result<Binding> {
    let place = format!("context {}", seen.context);
    let Some(first) = seen.east_west.first() else {
        return Err(Error::refused(format!("{} has no east-west gateway", seen.name))
            .at(place)
            .because("no Service there has the label topology.istio.io/network and the port 15443")
            .fix("make one: kubectl mesh-mc join --contexts A,B,…"));
    };
    let gateways = seen.east_west.iter().map(|gateway| format!("{}/{}", gateway.namespace, gateway.service));
    let gateways: Vec<String> = gateways.collect();
    if seen.east_west.iter().any(|gateway| gateway.port != first.port) {
        return Err(Error::refused(format!(
            "the east-west gateways of {} take connections on several ports",
            seen.name
        ))
        .at(place)
        .because(format!("Services {}", gateways.join(", ")))
        .fix("write the Gateways yourself, one for each"));
    }
    let shared = shared(&seen.east_west);
    let others: Vec<&PodSeen> =
        seen.pods.iter().filter(|pod| !seen.east_west.iter().any(|of| is_pod_of(pod, of))).collect();
    let told_apart = |selector: &BTreeMap<String, String>| {
        !selector.is_empty() && !others.iter().any(|pod| pod.is_selected_by(selector))
    };
    candidates(&shared, first)
        .into_iter()
        .find(told_apart)
        .map(|selector| Binding { selector, port: first.port })
        .ok_or_else(|| {
            Error::refused(format!("no label tells the east-west gateway of {} from other pods", seen.name))
                .at(place)
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
    // The hash goes with the next rollout.
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
