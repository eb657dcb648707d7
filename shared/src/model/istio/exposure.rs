//! Which Gateways open a service to other networks.

use super::cross_network_gateway::{NAME, covers, passthrough_servers, selects};
use crate::model::kube::managed_by::{MANAGED_BY, MESH_FAILOVER};
use crate::model::kube::object_key::ObjectKey;
use crate::model::names::service::{DOMAIN, ServiceName};
use crate::model::seen::observed_traffic::ObservedTraffic;
use serde::Serialize;
use serde_json::Value;

/// A host of a Gateway that opens a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(into = "ShownOpening")]
pub struct Opening {
    /// The Gateway.
    pub gateway: ObjectKey,
    /// The host as written there, such as `*.local`.
    pub host: String,
    /// Whether that is the Gateway that we maintain.
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

/// Whether this is the Gateway that we maintain: it has our name for it, in istiod's namespace, and our label.
pub fn is_ours(gateway: &Value, seen: &ObservedTraffic) -> bool {
    ObjectKey::of(gateway) == ours(seen) && gateway["metadata"]["labels"][MANAGED_BY] == MESH_FAILOVER
}

/// Kind, namespace and name of the Gateway that we maintain in a cluster.
pub fn ours(seen: &ObservedTraffic) -> ObjectKey {
    ObjectKey::new("Gateway", &seen.membership.system_namespace, NAME)
}

/// Every host by which an east-west gateway of the cluster opens the service, ours first. Empty if it is not exposed.
pub fn openings(seen: &ObservedTraffic, service: &ServiceName) -> Vec<Opening> {
    let host = service.host();
    let mut found: Vec<Opening> = all_hosts(seen).into_iter().filter(|opening| covers(&opening.host, &host)).collect();
    found.sort_by_key(|opening| !opening.ours);
    found
}

/// All hosts that the east-west gateways of a cluster open.
pub fn all_hosts(seen: &ObservedTraffic) -> Vec<Opening> {
    let on_east_west =
        |gateway: &Value| seen.east_west_gateways().iter().find(|pods| selects(gateway, &pods.pod_labels));
    let mut found = Vec::new();
    for gateway in seen.gateway_rules() {
        let Some(pods) = on_east_west(gateway) else { continue };
        let ours = is_ours(gateway, seen);
        for (_, hosts) in passthrough_servers(gateway, pods.port) {
            found.extend(hosts.into_iter().map(|host| Opening { gateway: ObjectKey::of(gateway), host, ours }));
        }
    }
    found
}

/// How many endpoints of a service in a cluster are pods without a sidecar: they lack mutual TLS, so other networks
/// leave them out (istio/istio pilot/pkg/xds/mtls_checker.go). An endpoint that is not a pod counts too.
pub fn without_sidecar(seen: &ObservedTraffic, service: &ServiceName) -> usize {
    let endpoints = seen.services.by_name.get(service).map(|here| here.endpoints.as_slice()).unwrap_or_default();
    let pod = |name: &Option<String>| seen.pod(&service.namespace, name.as_deref()?);
    endpoints.iter().filter(|endpoint| !pod(&endpoint.pod).is_some_and(|pod| pod.sidecar)).count()
}
