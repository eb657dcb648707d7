//! The resources of the Sail operator that a join writes, and the values that it sets in them.

use serde::Serialize;
use serde_json::{Value, json};

use crate::model::names::{ClusterName, MeshId, NetworkName};

/// Group of the Sail operator's resources.
pub const GROUP: &str = "sailoperator.io";

/// Name of the CNI plugin's DaemonSet in Istio's chart.
pub const DAEMON_SET: &str = "istio-cni-node";

/// What makes a control plane a member of a multi-network mesh (istio/istio manifests/charts/istio-control, `global`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Membership {
    /// `values.global.meshID`.
    pub mesh: MeshId,
    /// `values.global.multiCluster.clusterName`.
    pub cluster: ClusterName,
    /// `values.global.network`.
    pub network: NetworkName,
    /// `values.pilot.cni.enabled`: set unless the platform's profile already sets it.
    pub enable_cni: bool,
}

impl Membership {
    /// The values that a join sets itself; a user may not set them in the same run.
    pub fn values(&self) -> Value {
        let mut values = json!({
            "global": {
                "meshID": self.mesh.as_str(),
                "multiCluster": { "clusterName": self.cluster.as_str() },
                "network": self.network.as_str(),
            },
        });
        if self.enable_cni {
            values["pilot"] = json!({ "cni": { "enabled": true } });
        }
        values
    }
}

/// Paths of values that a join sets itself, so that a user's `--set` of one is refused.
pub const RESERVED_VALUES: [&[&str]; 4] = [
    &["global", "meshID"],
    &["global", "multiCluster", "clusterName"],
    &["global", "network"],
    &["pilot", "cni", "enabled"],
];

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Resource<Spec> {
    api_version: String,
    kind: &'static str,
    metadata: Metadata,
    spec: Spec,
}

#[derive(Serialize)]
struct Metadata {
    name: String,
    labels: Value,
}

#[derive(Serialize)]
struct ControlPlaneSpec<'a> {
    namespace: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
    #[serde(skip_serializing_if = "is_empty")]
    values: Value,
}

fn is_empty(value: &Value) -> bool {
    value.as_object().is_none_or(serde_json::Map::is_empty)
}

/// The resource `Istio`: the control plane of one cluster. Without a version the operator uses its own default.
pub fn istio(api: &str, name: &str, namespace: &str, version: Option<&str>, values: Value, managed_by: &str) -> Value {
    manifest("Istio", api, name, ControlPlaneSpec { namespace, version, values }, managed_by)
}

/// The resource `IstioCNI`, which must be named `default`.
pub fn istio_cni(api: &str, namespace: &str, version: Option<&str>, managed_by: &str) -> Value {
    manifest("IstioCNI", api, "default", ControlPlaneSpec { namespace, version, values: json!({}) }, managed_by)
}

fn manifest(kind: &'static str, api: &str, name: &str, spec: ControlPlaneSpec<'_>, managed_by: &str) -> Value {
    let resource = Resource {
        api_version: format!("{GROUP}/{api}"),
        kind,
        metadata: Metadata {
            name: name.to_owned(),
            labels: json!({ crate::model::kube::managed_by::MANAGED_BY: managed_by }),
        },
        spec,
    };
    // Serialising plain strings and JSON values cannot fail.
    serde_json::to_value(resource).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn membership(enable_cni: bool) -> Membership {
        Membership {
            mesh: MeshId::new("mesh1").unwrap(),
            cluster: ClusterName::new("east").unwrap(),
            network: NetworkName::new("network-east").unwrap(),
            enable_cni,
        }
    }

    fn leaves_of(value: &Value, path: Vec<String>, leaves: &mut Vec<Vec<String>>) {
        match value.as_object() {
            None => leaves.push(path),
            Some(map) => {
                for (key, value) in map {
                    leaves_of(value, [path.clone(), vec![key.clone()]].concat(), leaves);
                }
            }
        }
    }

    #[test]
    fn every_value_that_membership_sets_is_reserved() {
        let mut leaves = Vec::new();
        leaves_of(&membership(true).values(), Vec::new(), &mut leaves);
        let reserved: Vec<Vec<String>> =
            RESERVED_VALUES.iter().map(|p| p.iter().map(ToString::to_string).collect()).collect();
        leaves.sort();
        let mut sorted = reserved;
        sorted.sort();
        assert_eq!(leaves, sorted);
    }

    #[test]
    fn a_platform_that_sets_the_cni_itself_keeps_its_word() {
        assert!(membership(false).values().get("pilot").is_none());
    }

    #[test]
    fn without_a_version_the_operator_takes_its_own() {
        let object = istio("v1", "default", "istio-system", None, json!({}), "me");
        assert_eq!(object["apiVersion"], "sailoperator.io/v1");
        assert!(object["spec"].get("version").is_none() && object["spec"].get("values").is_none());
    }
}
