//! How this plugin identifies itself to clusters and users.

use mesh_shared::model::kube::managed_by::MESH_MC;
use mesh_shared::plugin::release::Build;

/// Name of our field manager, of `managed-by` labels, and of the User-Agent before the slash.
pub const MANAGER: &str = MESH_MC;

/// What this build is.
pub const BUILD: Build = mesh_shared::this_build!("mesh-mc");
