//! What is reachable from where: each service in each cluster.

use std::collections::{BTreeMap, BTreeSet};

use mesh_shared::model::istio::cross_network_gateway::covers;
use mesh_shared::model::names::ClusterName;
use mesh_shared::model::names::service::ServiceName;
use mesh_shared::model::seen::observed_traffic::ObservedTraffic;
use mesh_shared::model::seen::services::{ServicePort, ServiceSeen};
use mesh_shared::plugin::finding::Finding;
use mesh_shared::plugin::finding::codes::exposure as codes;
use mesh_shared::plugin::text;
use serde::Serialize;

use mesh_shared::model::istio::exposure::{Opening, all_hosts, openings, without_sidecar};

/// Hosts that istiod always keeps inside each cluster (istio/istio pilot/pkg/model/cluster_local.go).
const ALWAYS_LOCAL: [&str; 2] = ["*.kube-system.svc.cluster.local", "kubernetes.default.svc.cluster.local"];

/// A service and where it is.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListedService {
    /// Such as `helloworld.sample`.
    #[serde(serialize_with = "as_text")]
    pub service: ServiceName,
    /// Its full host.
    pub host: String,
    /// Whether it is headless in some cluster.
    pub headless: bool,
    /// In the order of the mesh.
    pub clusters: Vec<ListedCluster>,
}

/// A service in one cluster.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListedCluster {
    /// The cluster.
    pub cluster: ClusterName,
    /// Ready endpoints.
    pub ready: usize,
    /// All endpoints.
    pub total: usize,
    /// Endpoints without a sidecar, which other networks leave out.
    pub without_sidecar: usize,
    /// Whether the Service exists there, so that its name resolves.
    pub resolves: bool,
    /// What exposes it; empty if nothing does.
    pub exposed_by: Vec<Opening>,
    /// Clusters whose clients send it here although it is not exposed here: these connections are refused.
    pub refused_from: Vec<ClusterName>,
    /// Ready endpoints by region; the empty string is no region.
    pub regions: BTreeMap<String, usize>,
    /// Its ports, as `5000/http`.
    pub ports: Vec<String>,
    /// Those of them whose connections nothing retries: neither HTTP by their protocol, nor sniffed.
    pub unretried_ports: Vec<u16>,
    /// What the user should know about it there.
    pub findings: Vec<Finding>,
}

/// What is listed.
#[derive(Debug, Clone, Copy, Default)]
pub struct ListRequest<'a> {
    /// One service alone.
    pub service: Option<&'a ServiceName>,
    /// One namespace alone.
    pub namespace: Option<&'a str>,
}

/// The services that have an injected workload behind them, and those that a Gateway opens by their own host.
pub fn list(request: &ListRequest<'_>, seen: &[&ObservedTraffic]) -> Vec<ListedService> {
    let named: BTreeSet<ServiceName> = match request.service {
        Some(service) => [service.clone()].into(),
        None => seen.iter().flat_map(|cluster| meshed(cluster).into_iter().chain(opened(cluster))).collect(),
    };
    let wanted = |service: &ServiceName| request.namespace.is_none_or(|namespace| service.namespace == namespace);
    named.into_iter().filter(wanted).map(|service| listed(service, seen)).collect()
}

fn listed(service: ServiceName, seen: &[&ObservedTraffic]) -> ListedService {
    let headless = seen.iter().any(|cluster| cluster.services.by_name.get(&service).is_some_and(|here| here.headless));
    let mut clusters: Vec<ListedCluster> = seen.iter().map(|cluster| in_cluster(&service, cluster, seen)).collect();
    for cluster in &mut clusters {
        cluster.findings = findings(&service, headless, cluster);
    }
    ListedService { host: service.host(), headless, clusters, service }
}

fn in_cluster(service: &ServiceName, cluster: &ObservedTraffic, seen: &[&ObservedTraffic]) -> ListedCluster {
    let here = cluster.services.by_name.get(service);
    let endpoints = here.map(|here| here.endpoints.as_slice()).unwrap_or_default();
    let exposed_by = openings(cluster, service);
    let bare = without_sidecar(cluster, service);
    let sent_here = exposed_by.is_empty() && endpoints.len() > bare;
    let clients = seen.iter().filter(|client| sent_here && sends_to(client, cluster, service));
    let ports = here.map(|here| here.ports.as_slice()).unwrap_or_default();
    ListedCluster {
        cluster: cluster.membership.name.clone(),
        ready: endpoints.iter().filter(|endpoint| endpoint.ready).count(),
        total: endpoints.len(),
        without_sidecar: bare,
        resolves: here.is_some(),
        refused_from: clients.map(|client| client.membership.name.clone()).collect(),
        regions: cluster.ready_by_region(service),
        ports: ports.iter().map(shown).collect(),
        unretried_ports: ports.iter().filter(|port| !is_retried(port)).map(|port| port.port).collect(),
        exposed_by,
        findings: Vec::new(),
    }
}

/// What the user should know about a service in a cluster.
fn findings(service: &ServiceName, headless: bool, cluster: &ListedCluster) -> Vec<Finding> {
    let mut found = Vec::new();
    if !cluster.refused_from.is_empty() {
        let clients: Vec<&str> = cluster.refused_from.iter().map(ClusterName::as_str).collect();
        let cost = match cluster.unretried_ports.as_slice() {
            [] => "HTTP is tried again elsewhere, TCP breaks".to_owned(),
            ports => {
                let ports: Vec<String> = ports.iter().map(ToString::to_string).collect();
                format!("connections to {} break", ports.join(", "))
            }
        };
        let what = format!("discovered by {}, not exposed: {cost}", text::list(&clients));
        found.push(
            codes::NOT_EXPOSED
                .found(what)
                .cluster(&cluster.cluster)
                .fix(format!("kubectl mesh-failover expose {service}")),
        );
    }
    let twice = cluster.exposed_by.iter().skip(1).find(|other| other.gateway != cluster.exposed_by[0].gateway);
    if let Some(other) = twice {
        let what = format!("opened again by {}: istiod drops one of them, or Envoy refuses both", other.gateway);
        let claim = codes::OPENED_TWICE.found(what).cluster(&cluster.cluster).object(&other.gateway);
        found.push(claim.as_documented());
    }
    if cluster.without_sidecar > 0 && cluster.total > 0 {
        let what = format!("{} without sidecar", cluster.without_sidecar);
        found.push(codes::NO_SIDECAR.found(what).cluster(&cluster.cluster).as_documented());
    }
    if headless && cluster.total > 0 {
        let what = "headless: no pod is reached by its own name from another network";
        found.push(codes::HEADLESS.found(what).cluster(&cluster.cluster).as_documented());
    }
    found
}

/// Whether clients of a cluster get endpoints of another cluster: the Service exists in theirs too, in another network,
/// and is not cluster-local.
///
/// Rule: discovery does not ask whether a host is exposed (istio/istio pilot/pkg/xds/endpoints/ep_filters.go).
fn sends_to(client: &ObservedTraffic, server: &ObservedTraffic, service: &ServiceName) -> bool {
    let host = service.host();
    let local = client.mesh_config.cluster_local.iter().map(String::as_str).chain(ALWAYS_LOCAL);
    client.membership.name != server.membership.name
        && client.membership.network != server.membership.network
        && client.services.by_name.contains_key(service)
        && !local.into_iter().any(|pattern| covers(pattern, &host))
}

/// HTTP is retried by default, which hides an endpoint that refuses; so is what Istio may detect as HTTP.
fn is_retried(port: &ServicePort) -> bool {
    matches!(port.protocol.as_str(), "http" | "http2" | "http_proxy" | "grpc" | "grpc-web" | "")
}

fn shown(port: &ServicePort) -> String {
    let protocol = if port.protocol.is_empty() { "sniffed" } else { &port.protocol };
    format!("{}/{protocol}", port.port)
}

/// Services with an endpoint that has a sidecar beside a container of its own: a gateway has none.
fn meshed(cluster: &ObservedTraffic) -> Vec<ServiceName> {
    let injected: BTreeSet<(&str, &str)> = cluster
        .services
        .pods
        .iter()
        .filter(|pod| pod.sidecar && !pod.containers.is_empty())
        .map(|pod| (pod.namespace.as_str(), pod.name.as_str()))
        .collect();
    let is_meshed = |(name, service): &(&ServiceName, &ServiceSeen)| {
        let mut pods = service.endpoints.iter().filter_map(|endpoint| endpoint.pod.as_deref());
        pods.any(|pod| injected.contains(&(name.namespace.as_str(), pod)))
    };
    cluster.services.by_name.iter().filter(is_meshed).map(|(name, _)| name.clone()).collect()
}

fn opened(cluster: &ObservedTraffic) -> Vec<ServiceName> {
    let hosts = all_hosts(cluster).into_iter().map(|opening| opening.host);
    hosts.filter_map(|host| ServiceName::parse(host.rsplit('/').next()?, None).ok()).collect()
}

fn as_text<S: serde::Serializer>(service: &ServiceName, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(service)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mesh::test_world::{cluster, gateway, our_gateway, service, with_service};

    fn all(seen: &[ObservedTraffic]) -> Vec<ListedService> {
        list(&ListRequest::default(), &seen.iter().collect::<Vec<_>>())
    }

    fn serving(name: &str, protocol: &str) -> ObservedTraffic {
        with_service(cluster(name), "db.sample", protocol, 1)
    }

    #[test]
    fn what_is_discovered_and_not_exposed_is_refused_to_the_other_cluster() {
        let mut west = serving("west", "tcp");
        let found = all(&[serving("east", "tcp"), west.clone()]).remove(0);
        assert_eq!(found.clusters[1].refused_from, [ClusterName::new("east").unwrap()]);
        assert_eq!(found.clusters[1].unretried_ports, [5000]);

        west.east_west.known_mut().unwrap().gateway_rules.push(our_gateway(&["db.sample.svc.cluster.local"]));
        let found = all(&[serving("east", "tcp"), west]).remove(0);
        assert!(found.clusters[1].refused_from.is_empty() && !found.clusters[0].refused_from.is_empty());
    }

    #[test]
    fn nobody_is_refused_where_nobody_is_sent() {
        let refused = |change: fn(&mut ObservedTraffic)| {
            let mut client = serving("east", "http");
            change(&mut client);
            all(&[client, serving("west", "http")]).remove(0).clusters[1].refused_from.len()
        };
        assert_eq!(refused(|_| ()), 1);
        assert_eq!(refused(|client| client.services.by_name.clear()), 0);
        assert_eq!(refused(|client| client.membership.network = cluster("west").membership.network), 0);
        assert_eq!(refused(|client| client.mesh_config.cluster_local = vec!["*.sample.svc.cluster.local".into()]), 0);
    }

    #[test]
    fn services_of_gateways_and_of_pods_without_a_sidecar_are_left_out() {
        let mut east = with_service(serving("east", "http"), "gateway.istio-system", "tls", 1);
        east.services.pods.last_mut().unwrap().containers.clear();
        east = with_service(east, "plain.sample", "http", 1);
        east.services.pods.last_mut().unwrap().sidecar = false;
        let names: Vec<String> = all(&[east]).iter().map(|listed| listed.service.to_string()).collect();
        assert_eq!(names, ["db.sample"]);
    }

    #[test]
    fn a_host_that_is_opened_is_listed_even_where_no_service_stands() {
        let mut east = cluster("east");
        east.east_west
            .known_mut()
            .unwrap()
            .gateway_rules
            .extend([our_gateway(&["gone.sample.svc.cluster.local"]), gateway("all", "somebody", &["*.local"])]);
        let found = all(&[east]);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].service.clone(), found[0].clusters[0].resolves), (service("gone.sample"), false));
        let by: Vec<&str> = found[0].clusters[0].exposed_by.iter().map(|opening| opening.host.as_str()).collect();
        assert_eq!(by, ["gone.sample.svc.cluster.local", "*.local"]);
    }

    #[test]
    fn one_namespace_or_one_service_can_be_asked_for() {
        let east = with_service(serving("east", "http"), "a.other", "http", 1);
        let count = |request: &ListRequest<'_>| list(request, &[&east]).len();
        assert_eq!(count(&ListRequest::default()), 2);
        assert_eq!(count(&ListRequest { namespace: Some("other"), service: None }), 1);
        let unknown = service("x.y");
        assert_eq!(count(&ListRequest { namespace: None, service: Some(&unknown) }), 1);
    }
}
