//! The label on objects that we create, and its values, which are also our field managers.

/// Label that names what created an object. It goes on objects that we created, never on a user's object.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";

/// Created by mesh-mc.
pub const MESH_MC: &str = "kubectl-mesh-mc";

/// Created by mesh-failover.
pub const MESH_FAILOVER: &str = "kubectl-mesh-failover";
