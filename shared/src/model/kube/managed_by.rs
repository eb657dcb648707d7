//! The label on objects that we create, and its values: the names of our field managers.

/// Label that names who made an object; it goes on what we created, never on a user's object.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";

/// What mesh-mc makes.
pub const MESH_MC: &str = "kubectl-mesh-mc";

/// What mesh-failover makes.
pub const MESH_FAILOVER: &str = "kubectl-mesh-failover";
