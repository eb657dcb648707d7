//! What a user must be allowed to do in a cluster for the changes of a plan, and the files of docs/permissions.

use std::collections::BTreeSet;

use mesh_shared::engine::steps::Writes;
use mesh_shared::model::kube::rbac::{Access, RoleFile};
use mesh_shared::model::kube::write_permissions::{Existence, permissions};
use mesh_shared::model::names::ClusterName;

/// Grants what every verb reads.
pub const VIEW: RoleFile = RoleFile("mesh-failover-view.yaml");
/// Grants finding the mesh's clusters by its remote secrets, without `--contexts`.
pub const PEERS: RoleFile = RoleFile("mesh-failover-peers.yaml");
/// Grants `expose` and `unexpose`.
pub const EXPOSE: RoleFile = RoleFile("mesh-failover-expose.yaml");
/// Grants `locality apply` and `locality remove`.
pub const LOCALITY: RoleFile = RoleFile("mesh-failover-locality.yaml");
/// Grants `regions set`.
pub const REGIONS_SET: RoleFile = RoleFile("mesh-failover-regions-set.yaml");
/// Grants `drill` and `drill recover`.
pub const DRILL: RoleFile = RoleFile("mesh-failover-drill.yaml");
/// Grants `drill list`.
pub const DRILL_LIST: RoleFile = RoleFile("mesh-failover-drill-list.yaml");

/// The permissions that the changes in one cluster need, each once. An apply also needs the one to create: what exists
/// now may be gone when it is written.
pub fn needed(changes: &Writes, cluster: &ClusterName) -> Vec<Access> {
    let here = changes.iter().filter(|(_, change)| change.cluster.as_ref() == Some(cluster));
    let all: BTreeSet<Access> = here.flat_map(|(_, change)| permissions(change.write(), Existence::Unknown)).collect();
    all.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use mesh_shared::model::kube::object_key::ObjectKey;
    use mesh_shared::model::kube::write::Write;
    use serde_json::json;

    use super::*;

    #[test]
    fn each_write_needs_its_verbs_in_its_own_cluster_alone() {
        let [east, west] = ["east", "west"].map(|name| ClusterName::new(name).unwrap());
        let gateway = json!({"apiVersion": "networking.istio.io/v1", "kind": "Gateway", "metadata": {"namespace": "istio-system", "name": "a"}});
        let scale = Write::Patch {
            api_version: "apps/v1".into(),
            object: ObjectKey::new("Deployment", "sample", "a"),
            subresource: Some("scale".into()),
            operations: Vec::new(),
        };
        let mut changes = Writes::default();
        changes.write(&east, Write::Create { manifest: gateway }, "");
        changes.write(&west, scale, "");
        let words = |cluster| needed(&changes, cluster).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(words(&east), ["create gateways.networking.istio.io in istio-system"]);
        assert_eq!(
            words(&west),
            ["get deployments.apps/scale a in sample", "patch deployments.apps/scale a in sample"]
        );
    }

    #[test]
    fn the_files_that_errors_name_are_there() {
        for file in [VIEW, PEERS, EXPOSE, LOCALITY, REGIONS_SET, DRILL, DRILL_LIST] {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/permissions").join(file.0);
            assert!(path.is_file(), "{}", path.display());
        }
    }
}
