//! Control planes: the Sail operator's resources, and the istiods that run, whoever installed them.

use futures::try_join;
use serde_json::Value;

use super::sail;
use crate::cluster::context::Cluster;
use crate::cluster::read::{every, list};
use crate::cluster::request::Call;
use crate::model::seen::control_plane::{ControlPlanes, Istiod, ObservedResource};
use crate::plugin::error::Result;

/// What the API server said.
#[derive(Default)]
pub(super) struct Answers {
    /// `v1` or `v1alpha1`, if the operator's Istio is served.
    sail: Option<String>,
    crd: Option<Value>,
    pub(super) istios: Vec<Value>,
    pub(super) cni: Option<Value>,
    /// Those of all namespaces.
    pub(super) istiods: Vec<Value>,
}

/// Two round trips with the Sail operator, one without.
pub(super) async fn ask(cluster: &Cluster) -> Result<Answers> {
    let deployments =
        list(cluster, "/apis/apps/v1/deployments?labelSelector=app%3Distiod".into(), "apps/v1", "Deployment");
    let operator = async {
        let (v1, v1alpha1) = try_join!(
            cluster.maybe(Call::get("/apis/sailoperator.io/v1")),
            cluster.maybe(Call::get("/apis/sailoperator.io/v1alpha1")),
        )?;
        let Some(version) = sail::served(v1.as_ref(), v1alpha1.as_ref()) else {
            return Ok(Answers::default());
        };
        let api = format!("sailoperator.io/{version}");
        let (crd, istios, cni) = try_join!(
            cluster.if_allowed(Call::get(
                "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/istios.sailoperator.io"
            )),
            list(cluster, format!("/apis/{api}/istios"), &api, "Istio"),
            cluster.maybe(Call::get(format!("/apis/{api}/istiocnis/default"))),
        )?;
        Ok(Answers { sail: Some(version), crd, istios, cni, istiods: Vec::new() })
    };
    let (istiods, operator) = try_join!(deployments, operator)?;
    Ok(Answers { istiods, ..operator })
}

/// The control planes in these answers.
pub(super) fn assemble(answers: &Answers) -> ControlPlanes {
    ControlPlanes {
        sail: answers.sail.as_ref().map(|version| sail::api(version, answers.crd.as_ref())),
        istios: answers.istios.iter().map(resource).collect(),
        cni: answers.cni.as_ref().map(resource),
        istiods: answers.istiods.iter().map(istiod).collect(),
    }
}

fn resource(object: &Value) -> ObservedResource {
    ObservedResource {
        name: object["metadata"]["name"].as_str().unwrap_or_default().to_owned(),
        object: object.clone(),
    }
}

/// The istiods of a namespace.
pub(super) async fn istiods(cluster: &Cluster, namespace: &str) -> Result<Vec<Value>> {
    every(cluster, "Deployment", namespace, &[("app", "istiod")]).await
}

/// The istiod of the default revision, else the first by name.
pub(super) fn governing(istiods: &[Value]) -> Option<&Value> {
    let revision = |istiod: &&Value| istiod["metadata"]["labels"]["istio.io/rev"] == "default";
    let name = |istiod: &&Value| istiod["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    istiods.iter().find(revision).or_else(|| istiods.iter().min_by_key(name))
}

/// What an istiod's Deployment says about it.
pub(super) fn istiod(deployment: &Value) -> Istiod {
    let metadata = &deployment["metadata"];
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let containers =
        deployment["spec"]["template"]["spec"]["containers"].as_array().map(Vec::as_slice).unwrap_or_default();
    let environment = containers.iter().filter_map(|container| container["env"].as_array()).flatten();
    Istiod {
        namespace: text(&metadata["namespace"]).unwrap_or_default(),
        name: text(&metadata["name"]).unwrap_or_default(),
        revision: text(&metadata["labels"]["istio.io/rev"]),
        by_sail: is_by_sail(metadata),
        cluster_id: environment
            .clone()
            .find(|entry| entry["name"] == "CLUSTER_ID")
            .and_then(|entry| text(&entry["value"])),
    }
}

/// The operator marks what it installs by its label and by an owner (sail-operator pkg/helm/postrenderer.go).
fn is_by_sail(metadata: &Value) -> bool {
    let labels = &metadata["labels"];
    let owners = metadata["ownerReferences"].as_array().map(Vec::as_slice).unwrap_or_default();
    labels["managed-by"] == "sail-operator" || owners.iter().any(|owner| owner["kind"] == "IstioRevision")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_istiod_of_the_operator_is_known_by_label_or_owner() {
        let by = |metadata: Value| istiod(&json!({"metadata": metadata})).by_sail;
        assert!(by(json!({"labels": {"managed-by": "sail-operator"}})));
        assert!(by(json!({"ownerReferences": [{"kind": "IstioRevision"}]})));
        assert!(!by(json!({"labels": {"app.kubernetes.io/managed-by": "Helm"}})));
    }

    #[test]
    fn an_istiod_tells_revision_and_cluster() {
        let found = istiod(&json!({
            "metadata": {"namespace": "istio-system", "name": "istiod", "labels": {"istio.io/rev": "default"}},
            "spec": {"template": {"spec": {"containers": [{"env": [{"name": "REVISION"}, {"name": "CLUSTER_ID", "value": "east"}]}]}}},
        }));
        assert_eq!((found.revision.as_deref(), found.cluster_id.as_deref()), (Some("default"), Some("east")));
    }
}
