//! The gateway of a member, as a join decides it.

use std::collections::BTreeMap;

use mesh_shared::model::istio::east_west_gateway;
use mesh_shared::model::istio::network_gateway::NetworkGateway;
use mesh_shared::model::kube::object_key::ObjectKey;
use mesh_shared::plugin::finding::Claim;

use super::members::Member;

/// The gateway of a member, decided.
#[derive(Debug, Clone, PartialEq)]
pub enum GatewayPlan {
    /// Somebody made these: they are used, and nothing of theirs is written.
    Uses(Vec<NetworkGateway>),
    /// The one that joins make: it is created, or it exists and keeps what it has.
    Ours(OurGateway),
}

/// The gateway that joins make.
#[derive(Debug, Clone, PartialEq)]
pub struct OurGateway {
    /// The annotations that flags ask for.
    pub annotations: BTreeMap<String, String>,
}

/// Service, Deployment and ServiceAccount of the gateway that joins make.
pub fn our_objects(namespace: &str) -> [ObjectKey; 3] {
    ["Service", "Deployment", "ServiceAccount"].map(|kind| ObjectKey::new(kind, namespace, east_west_gateway::NAME))
}

/// A finding in the cluster of a member.
pub(super) fn here(found: Claim, member: &Member) -> Claim {
    found.cluster(&member.name).context(&member.context)
}
