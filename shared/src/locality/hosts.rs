//! The hosts that a client's proxy counts for a service, over all priorities.

use serde::Serialize;

use super::merge::Need;
use crate::mesh::name::ClusterName;
use crate::mesh::service::ServiceName;
use crate::observed::traffic::ObservedTraffic;

/// One host as Envoy counts it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Host {
    /// Region of its locality; empty where it is not known.
    pub region: String,
    /// The cluster whose endpoints it leads to.
    pub cluster: ClusterName,
    /// Address of a pod, or of the gateway that leads to many.
    pub address: String,
    /// Whether it is a gateway.
    pub gateway: bool,
}

/// The hosts of a service as a client of one cluster has them: the ready pods of its own network, and of every other network
/// the addresses of its gateways, each once however many pods are behind it.
///
/// A gateway's address that would be there for two regions is one host, in the region that comes first by name: Envoy drops
/// what is repeated.
///
/// Rule: `EndpointsByNetworkFilter` (istio/istio pilot/pkg/xds/endpoints/ep_filters.go); a network without a gateway keeps its
/// pods' own addresses.
pub fn hosts(observed: &[&ObservedTraffic], client: &ClusterName, service: &ServiceName) -> Vec<Host> {
    let own_network = observed.iter().find(|seen| seen.name == *client).and_then(|seen| seen.network.as_ref());
    let mut hosts: Vec<Host> = Vec::new();
    for seen in observed {
        let here = seen.name == *client || (seen.network.is_some() && seen.network.as_ref() == own_network);
        let gateways: Vec<&String> = seen.east_west.iter().flat_map(|gateway| &gateway.addresses).collect();
        let endpoints = seen.services.get(service).map(|seen| seen.endpoints.as_slice()).unwrap_or_default();
        for endpoint in endpoints.iter().filter(|endpoint| endpoint.ready) {
            let region = &seen.locality_of(service, endpoint).region;
            let host = |address: &str, gateway| Host {
                region: region.clone(),
                cluster: seen.name.clone(),
                address: address.to_owned(),
                gateway,
            };
            if here || gateways.is_empty() {
                hosts.push(host(&endpoint.address, false));
            } else {
                hosts.extend(gateways.iter().map(|address| host(address, true)));
            }
        }
    }
    hosts.sort();
    let mut known: Vec<String> = Vec::new();
    hosts.retain(|host| {
        let first = !known.contains(&host.address);
        known.push(host.address.clone());
        first
    });
    hosts
}

/// What a client of a cluster has to eject before all traffic of one of that cluster's own regions goes elsewhere, for every
/// region in which the cluster has hosts of the service.
pub fn needs(observed: &[&ObservedTraffic], client: &ClusterName, service: &ServiceName) -> Vec<Need> {
    let all = hosts(observed, client, service);
    let mut regions: Vec<&str> =
        all.iter().filter(|host| host.cluster == *client).map(|host| host.region.as_str()).collect();
    regions.dedup();
    regions
        .into_iter()
        .map(|region| Need {
            region: region.to_owned(),
            own: all.iter().filter(|host| host.region == region).count(),
            hosts: all.len(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::locality::test_world::{cluster, service, with_pods};

    fn each(observed: &[ObservedTraffic]) -> Vec<&ObservedTraffic> {
        observed.iter().collect()
    }

    #[test]
    fn many_pods_behind_a_gateway_are_one_host() {
        let observed = [
            with_pods(cluster("east"), "east-1", &["10.1.0.1", "10.1.0.2"]),
            with_pods(cluster("west"), "west-1", &["10.2.0.1", "10.2.0.2", "10.2.0.3"]),
        ];
        let found = hosts(&each(&observed), &observed[0].name, &service());
        let told: Vec<(&str, &str)> = found.iter().map(|host| (host.region.as_str(), host.address.as_str())).collect();
        assert_eq!(told, [("east-1", "10.1.0.1"), ("east-1", "10.1.0.2"), ("west-1", "192.0.2.west")]);
    }

    #[test]
    fn without_a_gateway_the_other_sides_pods_are_hosts_themselves() {
        let mut west = with_pods(cluster("west"), "west-1", &["10.2.0.1", "10.2.0.2"]);
        west.east_west.clear();
        let observed = [with_pods(cluster("east"), "east-1", &["10.1.0.1"]), west];
        assert_eq!(hosts(&each(&observed), &observed[0].name, &service()).len(), 3);
    }

    #[test]
    fn a_gateway_that_leads_to_two_regions_counts_once() {
        let mut west = with_pods(cluster("west"), "west-2", &["10.2.0.1"]);
        west = with_pods(west, "west-1", &["10.2.0.2"]);
        let observed = [with_pods(cluster("east"), "east-1", &["10.1.0.1"]), west];
        let found = hosts(&each(&observed), &observed[0].name, &service());
        assert_eq!(found.iter().map(|host| host.region.as_str()).collect::<Vec<_>>(), ["east-1", "west-1"]);
    }
}
