//! What a user must be allowed to do in a cluster for the changes of a plan, and the files of docs/permissions.

use std::collections::BTreeSet;

use mesh_shared::model::kube::access::{Access, RoleFile};
use mesh_shared::model::kube::kinds::Target;
use mesh_shared::model::kube::object::ObjectKey;
use mesh_shared::model::kube::write::{Change, Write};
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

/// The permissions that the changes in one cluster need, each once.
pub fn needed(changes: &[Change], cluster: &ClusterName) -> Vec<Access> {
    let mut all = BTreeSet::new();
    for change in changes.iter().filter(|change| change.cluster == *cluster) {
        let write = &change.write;
        match write {
            // The API server does not know the name of what a POST creates when it asks whether that is allowed.
            Write::Create { manifest } => {
                let mut target = Target::of(manifest);
                target.key.name.clear();
                all.extend(access(&target, &["create"], None));
            }
            // Server-side apply is a patch, and a create where the object is not there yet.
            Write::Apply { manifest } => all.extend(access(&Target::of(manifest), &["create", "patch"], None)),
            // What stands is read where a patch is refused, to say what it is.
            Write::Patch { api_version, object, subresource, .. } => {
                all.extend(access(&target(api_version, object), &["get", "patch"], subresource.as_deref()));
            }
            Write::Delete { api_version, object, .. } => {
                all.extend(access(&target(api_version, object), &["delete"], None));
            }
        }
    }
    all.into_iter().collect()
}

fn target(api_version: &str, object: &ObjectKey) -> Target {
    Target { api_version: api_version.to_owned(), key: object.clone() }
}

fn access(target: &Target, verbs: &[&str], subresource: Option<&str>) -> Vec<Access> {
    verbs
        .iter()
        .map(|verb| {
            let key = &target.key;
            let access = Access::new(verb, target.group(), target.resource(), &key.namespace).named(&key.name);
            match subresource {
                Some(subresource) => access.subresource(subresource),
                None => access,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

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
        let change = |cluster: &ClusterName, write| Change { cluster: cluster.clone(), write, why: String::new() };
        let changes = [change(&east, Write::Create { manifest: gateway }), change(&west, scale)];
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
