//! The hosts that a client's proxy counts for a service, over all priorities.

use serde::Serialize;

use super::merge::Need;
use crate::model::names::ClusterName;
use crate::model::names::service::ServiceName;
use crate::model::seen::observed_traffic::ObservedTraffic;

/// One host as Envoy counts it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Host {
    /// Region of its locality; empty if unknown.
    pub region: String,
    /// The cluster whose endpoints it leads to.
    pub cluster: ClusterName,
    /// Address of a pod, or of the gateway that leads to many.
    pub address: String,
    /// Whether it is a gateway.
    pub gateway: bool,
    /// Whether it is ready, or an endpoint behind it is.
    pub ready: bool,
}

/// The hosts of a service as a client of one cluster has them: the pods of its own network, and for every other network
/// the addresses of its gateways, each once however many pods are behind it. From Istio 1.31 on this includes pods that
/// are not ready.
///
/// A gateway's address that would appear in two regions is one host, in the region that comes first by name: Envoy
/// drops duplicates.
///
/// Rules: `EndpointsByNetworkFilter` (istio/istio pilot/pkg/xds/endpoints/ep_filters.go); a network without a gateway
/// keeps its pods' own addresses. `PILOT_AUTO_SEND_UNHEALTHY_ENDPOINTS` (pilot/pkg/features/experimental.go), assumed
/// at its default.
pub fn hosts(observed: &[&ObservedTraffic], client: &ClusterName, service: &ServiceName) -> Vec<Host> {
    let own = observed.iter().find(|seen| seen.membership.name == *client);
    let network = own.and_then(|seen| seen.membership.network.as_ref());
    let with_unready = own.and_then(|seen| seen.mesh_config.version.as_deref()).is_some_and(sends_unready);
    let mut hosts: Vec<Host> = Vec::new();
    for seen in observed {
        let here = seen.membership.name == *client
            || (seen.membership.network.is_some() && seen.membership.network.as_ref() == network);
        let gateways: Vec<&String> = seen.east_west_gateways().iter().flat_map(|gateway| &gateway.addresses).collect();
        let endpoints = seen.services.by_name.get(service).map(|seen| seen.endpoints.as_slice()).unwrap_or_default();
        for endpoint in endpoints.iter().filter(|endpoint| endpoint.ready || with_unready) {
            let region = &seen.locality_of(service, endpoint).region;
            let host = |address: &str, gateway| Host {
                region: region.clone(),
                cluster: seen.membership.name.clone(),
                address: address.to_owned(),
                gateway,
                ready: endpoint.ready,
            };
            if here || gateways.is_empty() {
                hosts.push(host(&endpoint.address, false));
            } else {
                hosts.extend(gateways.iter().map(|address| host(address, true)));
            }
        }
    }
    hosts.sort();
    let mut known: Vec<Host> = Vec::new();
    for host in hosts {
        match known.iter_mut().find(|known| known.address == host.address) {
            Some(known) => known.ready |= host.ready,
            None => known.push(host),
        }
    }
    known
}

/// Whether this version of Istio sends endpoints that are not ready, as unhealthy ones.
fn sends_unready(version: &str) -> bool {
    let mut parts = version.trim_start_matches('v').split('.').map(str::parse::<u32>);
    matches!((parts.next(), parts.next()), (Some(Ok(major)), Some(Ok(minor))) if (major, minor) >= (1, 31))
}

/// What a client of a cluster has to eject before all traffic of a region goes elsewhere.
pub fn need(hosts: &[Host], region: &str) -> Need {
    let ready = |own: bool| hosts.iter().filter(|host| host.ready && (host.region == region) == own).count();
    Need { region: region.to_owned(), own: ready(true), elsewhere: ready(false), hosts: hosts.len() }
}

/// The same for every region in which a cluster has hosts of the service itself.
pub fn needs(observed: &[&ObservedTraffic], client: &ClusterName, service: &ServiceName) -> Vec<Need> {
    let all = hosts(observed, client, service);
    let mut regions: Vec<&str> =
        all.iter().filter(|host| host.cluster == *client).map(|host| host.region.as_str()).collect();
    regions.dedup();
    regions.into_iter().map(|region| need(&all, region)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::locality::test_world::{cluster, service, with_pods};

    fn each(observed: &[ObservedTraffic]) -> Vec<&ObservedTraffic> {
        observed.iter().collect()
    }

    #[test]
    fn many_pods_behind_a_gateway_are_one_host() {
        let observed = [
            with_pods(cluster("east"), "east-1", &["10.1.0.1", "10.1.0.2"]),
            with_pods(cluster("west"), "west-1", &["10.2.0.1", "10.2.0.2", "10.2.0.3"]),
        ];
        let found = hosts(&each(&observed), &observed[0].membership.name, &service());
        let told: Vec<(&str, &str)> = found.iter().map(|host| (host.region.as_str(), host.address.as_str())).collect();
        assert_eq!(told, [("east-1", "10.1.0.1"), ("east-1", "10.1.0.2"), ("west-1", "192.0.2.west")]);
    }

    #[test]
    fn without_a_gateway_the_other_sides_pods_are_hosts_themselves() {
        let mut west = with_pods(cluster("west"), "west-1", &["10.2.0.1", "10.2.0.2"]);
        west.east_west.known_mut().unwrap().gateways.clear();
        let observed = [with_pods(cluster("east"), "east-1", &["10.1.0.1"]), west];
        assert_eq!(hosts(&each(&observed), &observed[0].membership.name, &service()).len(), 3);
    }

    #[test]
    fn a_gateway_that_leads_to_two_regions_counts_once() {
        let mut west = with_pods(cluster("west"), "west-2", &["10.2.0.1"]);
        west = with_pods(west, "west-1", &["10.2.0.2"]);
        let observed = [with_pods(cluster("east"), "east-1", &["10.1.0.1"]), west];
        let found = hosts(&each(&observed), &observed[0].membership.name, &service());
        assert_eq!(found.iter().map(|host| host.region.as_str()).collect::<Vec<_>>(), ["east-1", "west-1"]);
    }

    #[test]
    fn pods_that_are_not_ready_are_hosts_from_1_31_on() {
        let mut east = with_pods(cluster("east"), "east-1", &["10.1.0.1", "10.1.0.2"]);
        east.services.by_name.get_mut(&service()).unwrap().endpoints[0].ready = false;
        for (version, count) in [("1.30.3", 1), ("1.31.0-beta.1", 2), ("2.0", 2)] {
            east.mesh_config.version = Some(version.into());
            let found = hosts(&[&east], &east.membership.name, &service());
            assert_eq!(found.len(), count, "{version}");
            let need = need(&found, "east-1");
            assert_eq!((need.own, need.elsewhere, need.hosts), (1, 0, count));
        }
    }
}
