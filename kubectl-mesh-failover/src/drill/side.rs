//! A side of a failover.

use mesh_shared::model::names::ClusterName;
use serde::Serialize;

/// The side that is failed, or the one that takes over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Side {
    pub cluster: ClusterName,
    pub context: String,
    /// The region in which it has the service's endpoints.
    pub region: String,
    /// How many endpoints are ready.
    pub endpoints: usize,
}
