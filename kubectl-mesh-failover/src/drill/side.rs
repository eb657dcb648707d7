//! One side of a failover.

use mesh_shared::model::names::ClusterName;
use serde::Serialize;

/// The side that is failed, or the one that takes over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Side {
    /// The cluster.
    pub cluster: ClusterName,
    /// Its context.
    pub context: String,
    /// The region in which it has the service's endpoints.
    pub region: String,
    /// How many of them are ready.
    pub endpoints: usize,
}
