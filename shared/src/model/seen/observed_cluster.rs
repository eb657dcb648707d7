//! One cluster as mesh-mc sees it, in facets.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::access::RemoteAccess;
use super::control_plane::ControlPlanes;
use super::identity::{Identity, Platform};
use super::known::Known;
use super::probes::Probes;
use super::trust::Trust;
use crate::model::istio::network_gateway::NetworkGateway;
use crate::model::kube::object_key::ObjectKey;

/// What a join bases its decisions on, for one cluster.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ObservedCluster {
    /// Which cluster it is.
    pub identity: Identity,
    /// What it runs on.
    pub platform: Platform,
    /// Its control planes.
    pub control_planes: ControlPlanes,
    /// What its workloads trust.
    pub trust: Trust,
    /// Which peers it reads, and how peers read it.
    pub access: RemoteAccess,
    /// Its gateways of networks, whoever made them: Services and Gateways of the Gateway API, in all namespaces.
    pub gateways: Known<Vec<NetworkGateway>>,
    /// Probes that other runs started.
    pub probes: Probes,
    /// Objects that a join writes and that already exist, by [`ObjectKey`].
    #[serde(serialize_with = "by_text")]
    pub objects: BTreeMap<ObjectKey, Value>,
}

fn by_text<S: serde::Serializer>(objects: &BTreeMap<ObjectKey, Value>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(objects.iter().map(|(key, object)| (key.to_string(), object)))
}
