//! What a user must be allowed to do in a cluster for the changes of a plan.

use std::collections::BTreeSet;

use mesh_shared::cluster::access::Access;
use mesh_shared::cluster::kinds::Target;
use mesh_shared::mesh::name::ClusterName;
use mesh_shared::observed::cluster::ObjectKey;
use mesh_shared::plan::change::{Change, Write};

/// The permissions that the changes in one cluster need, each once.
pub fn needed(changes: &[Change], cluster: &ClusterName) -> Vec<Access> {
    let mut all = BTreeSet::new();
    for change in changes.iter().filter(|change| change.cluster == *cluster) {
        let write = &change.write;
        match write {
            Write::Create { manifest } => all.extend(access(&Target::of(manifest), &["create"], None)),
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
            let access = Access::new(verb, target.group(), target.resource(), &target.key.namespace);
            match subresource {
                Some(subresource) => access.subresource(subresource),
                None => access,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
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
        assert_eq!(words(&west), ["get deployments.apps/scale in sample", "patch deployments.apps/scale in sample"]);
    }
}
