//! One cluster as mesh-failover sees it, in facets.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use super::east_west::{EastWest, EastWestGateway};
use super::identity::{Identity, Membership};
use super::known::Known;
use super::locality::Locality;
use super::mesh_config::MeshConfig;
use super::rules::Rules;
use super::services::{EndpointSeen, PodSeen, Services};
use crate::model::istio::destination_rule::DestinationRule;
use crate::model::names::service::ServiceName;

/// What exposure, locality and drills base their decisions on, for one cluster.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ObservedTraffic {
    /// Which cluster it is.
    pub identity: Identity,
    /// Its place in the mesh.
    pub membership: Membership,
    /// The parts of istiod's mesh configuration that matter here.
    pub mesh_config: MeshConfig,
    /// What runs behind services, and where.
    pub services: Services,
    /// How other networks enter.
    pub east_west: Known<EastWest>,
    /// Which rules govern.
    pub rules: Known<Rules>,
}

impl ObservedTraffic {
    /// The east-west gateways; none if they were not asked for.
    pub fn east_west_gateways(&self) -> &[EastWestGateway] {
        self.east_west.known().map(|seen| seen.gateways.as_slice()).unwrap_or_default()
    }

    /// Every `Gateway` of `networking.istio.io`; none if they were not asked for.
    pub fn gateway_rules(&self) -> &[Value] {
        self.east_west.known().map(|seen| seen.gateway_rules.as_slice()).unwrap_or_default()
    }

    /// Every `DestinationRule`; none if they were not asked for.
    pub fn destination_rules(&self) -> &[DestinationRule] {
        self.rules.known().map(|seen| seen.destination_rules.as_slice()).unwrap_or_default()
    }

    /// The only namespaces in which gateways, their pods and Services, or `DestinationRule`s were read, if the user may
    /// not read those of all namespaces. Empty if all were read.
    pub fn narrowed_to(&self) -> BTreeSet<String> {
        let of_gateways = self.east_west.known().map(|seen| &seen.narrowed_to);
        let of_rules = self.rules.known().map(|seen| &seen.narrowed_to);
        of_gateways.into_iter().chain(of_rules).flatten().cloned().collect()
    }

    /// The pod behind an endpoint of a service in this namespace.
    pub fn pod(&self, namespace: &str, name: &str) -> Option<&PodSeen> {
        self.services.pods.iter().find(|pod| pod.namespace == namespace && pod.name == name)
    }

    /// How many ready endpoints a service has here, by region; those of unknown region are under the empty string.
    pub fn ready_by_region(&self, service: &ServiceName) -> BTreeMap<String, usize> {
        let mut regions = BTreeMap::new();
        let endpoints = self.services.by_name.get(service).map(|seen| seen.endpoints.as_slice()).unwrap_or_default();
        for endpoint in endpoints.iter().filter(|endpoint| endpoint.ready) {
            *regions.entry(self.locality_of(service, endpoint).region.clone()).or_insert(0) += 1;
        }
        regions
    }

    /// Where an endpoint of a service runs.
    pub fn locality_of<'a>(&'a self, service: &ServiceName, endpoint: &EndpointSeen) -> &'a Locality {
        static UNKNOWN: Locality = Locality { region: String::new(), zone: String::new(), sub_zone: String::new() };
        let pod = endpoint.pod.as_deref().and_then(|pod| self.pod(&service.namespace, pod));
        let node = || self.services.nodes.get(endpoint.node.as_deref()?);
        pod.map(|pod| &pod.locality).or_else(node).unwrap_or(&UNKNOWN)
    }
}
