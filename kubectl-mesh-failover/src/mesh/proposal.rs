//! What a verb would do.

use mesh_shared::engine::steps::Writes;
use mesh_shared::model::kube::rbac::RoleFile;
use mesh_shared::model::names::ClusterName;
use serde_json::Value;

/// What a verb would do.
#[derive(Debug, Clone)]
pub struct Proposal {
    /// What was found and what will be done, in one screen.
    pub overview: String,
    /// The writes. Those of one cluster are made in this order, those of several clusters at once.
    pub changes: Writes,
    /// Every object that a write makes or changes, as it would be then: what `-o` prints.
    pub manifests: Vec<(ClusterName, Value)>,
    /// The file of docs/permissions that grants the writes.
    pub granted_by: RoleFile,
}
