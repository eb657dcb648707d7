//! Control planes: the Sail operator's resources, and the istiods that run, whoever installed them.

use futures::future::try_join_all;
use futures::try_join;
use serde_json::Value;

use super::{array, facet, sail, text};
use crate::cluster::context::Cluster;
use crate::cluster::read::{every, list, one};
use crate::cluster::request::{Call, items};
use crate::model::istio::mesh_settings::MeshSettings;
use crate::model::seen::control_plane::{ControlPlanes, Istiod, ObservedResource, TRUST_BUNDLE};
use crate::model::seen::known::Known;
use crate::plugin::error::{Error, Result};

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
    /// For each of them, the ConfigMap of its mesh configuration.
    settings: Vec<Known<Option<Value>>>,
    tags: Known<Vec<Value>>,
}

/// Two round trips, one without a control plane.
pub(super) async fn ask(cluster: &Cluster) -> Result<Answers> {
    let deployments = async {
        let path = "/apis/apps/v1/deployments?labelSelector=app%3Distiod";
        let istiods = list(cluster, path.into(), "apps/v1", "Deployment").await?;
        let settings = try_join_all(istiods.iter().map(|istiod| settings(cluster, istiod))).await?;
        Ok((istiods, settings))
    };
    let operator = async {
        let (v1, v1alpha1) = try_join!(
            cluster.maybe(Call::get("/apis/sailoperator.io/v1")),
            cluster.maybe(Call::get("/apis/sailoperator.io/v1alpha1")),
        )?;
        let Some(version) = sail::served(v1.as_ref(), v1alpha1.as_ref()) else {
            return Ok(Answers::default());
        };
        let api = format!("sailoperator.io/{version}");
        let (crd, istios, cni, tags) = try_join!(
            cluster.if_allowed(Call::get(
                "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/istios.sailoperator.io"
            )),
            list(cluster, format!("/apis/{api}/istios"), &api, "Istio"),
            cluster.maybe(Call::get(format!("/apis/{api}/istiocnis/default"))),
            facet(true, cluster.maybe(Call::get(format!("/apis/{api}/istiorevisiontags")))),
        )?;
        let tags = match tags {
            Known::Known(Some(list)) => Known::Known(items(Some(list))),
            Known::Known(None) | Known::NotAsked => Known::NotAsked,
            Known::Unknown(error) => Known::Unknown(error),
        };
        Ok(Answers { sail: Some(version), crd, istios, cni, tags, ..Answers::default() })
    };
    let ((istiods, settings), operator) = try_join!(deployments, operator)?;
    Ok(Answers { istiods, settings, ..operator })
}

/// The ConfigMap of an istiod's mesh configuration: `istio`, or `istio-<revision>`.
async fn settings(cluster: &Cluster, istiod: &Value) -> Result<Known<Option<Value>>> {
    let metadata = &istiod["metadata"];
    let name = match metadata["labels"]["istio.io/rev"].as_str() {
        None | Some("" | "default") => "istio".to_owned(),
        Some(revision) => format!("istio-{revision}"),
    };
    let namespace = text(&metadata["namespace"]);
    facet(true, one(cluster, "ConfigMap", &namespace, &name)).await
}

/// The settings in a ConfigMap, with Istio's defaults where there is none.
fn read_settings(config_map: &Known<Option<Value>>) -> Known<MeshSettings> {
    let mesh = match config_map {
        Known::Known(config_map) => config_map.as_ref().and_then(|map| map["data"]["mesh"].as_str()).unwrap_or("{}"),
        Known::Unknown(error) => return Known::Unknown(error.clone()),
        Known::NotAsked => return Known::NotAsked,
    };
    MeshSettings::of_yaml(mesh).map_or_else(
        |why| {
            let error = Error::failed("the mesh configuration cannot be read").because(why);
            Known::Unknown(Box::new(error.fix("correct what the control plane was given as its meshConfig")))
        },
        Known::Known,
    )
}

/// The control planes in these answers.
pub(super) fn assemble(answers: &Answers) -> ControlPlanes {
    ControlPlanes {
        sail: answers.sail.as_ref().map(|version| sail::api(version, answers.crd.as_ref())),
        istios: answers.istios.iter().map(resource).collect(),
        cni: answers.cni.as_ref().map(resource),
        tags: match &answers.tags {
            Known::Known(tags) => Known::Known(tags.iter().map(|tag| text(&tag["metadata"]["name"])).collect()),
            Known::Unknown(error) => Known::Unknown(error.clone()),
            Known::NotAsked => Known::NotAsked,
        },
        istiods: answers
            .istiods
            .iter()
            .zip(&answers.settings)
            .map(|(deployment, settings)| Istiod { settings: read_settings(settings), ..istiod(deployment) })
            .collect(),
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
    let variable = |name: &str| environment(deployment, name).filter(|value| !value.is_empty());
    let is_true = |name: &str| variable(name).is_some_and(|value| value.eq_ignore_ascii_case("true") || value == "1");
    Istiod {
        namespace: text(&metadata["namespace"]).unwrap_or_default(),
        name: text(&metadata["name"]).unwrap_or_default(),
        revision: text(&metadata["labels"]["istio.io/rev"]),
        by_sail: is_by_sail(metadata),
        cluster_id: environment(deployment, "CLUSTER_ID"),
        version: version(deployment).and_then(|version| version.parse().ok()),
        trust_bundle: variable("PILOT_CA_CERT_CONFIGMAP").unwrap_or_else(|| TRUST_BUNDLE.into()),
        any_trust_domain: is_true("PILOT_SKIP_VALIDATE_TRUST_DOMAIN"),
        only_namespace: variable("ISTIO_WATCH_NAMESPACE"),
        settings: Known::NotAsked,
    }
}

/// The value of an environment variable of any of the containers.
fn environment(deployment: &Value, name: &str) -> Option<String> {
    let containers = array(&deployment["spec"]["template"]["spec"]["containers"]).iter();
    let mut all = containers.flat_map(|container| array(&container["env"]));
    all.find(|entry| entry["name"] == name).and_then(|entry| entry["value"].as_str()).map(str::to_owned)
}

/// The tag of istiod's image if that is a version, else the chart's label.
pub(super) fn version(istiod: &Value) -> Option<String> {
    let template = &istiod["spec"]["template"];
    let containers = array(&template["spec"]["containers"]);
    let discovery = containers.iter().find(|container| container["name"] == "discovery").or(containers.first());
    let image = discovery.map(|container| text(&container["image"])).unwrap_or_default();
    let tag = image.split('@').next().and_then(|image| image.rsplit_once(':')).map(|(_, tag)| tag.to_owned());
    let chart = istiod["metadata"]["labels"]["app.kubernetes.io/version"].as_str().map(str::to_owned);
    [tag, chart].into_iter().flatten().find(|text| is_version(text))
}

fn is_version(text: &str) -> bool {
    let mut parts = text.trim_start_matches('v').split('.');
    let mut number = || parts.next().is_some_and(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()));
    number() && number()
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
    #[test]
    fn the_mesh_configuration_is_read_and_one_that_is_no_yaml_is_not_known() {
        let with = |mesh: &str| read_settings(&Known::Known(Some(json!({"data": {"mesh": mesh}}))));
        assert_eq!(with("trustDomain: a").known().unwrap().trust_domain.name, "a");
        assert_eq!(read_settings(&Known::Known(None)), Known::Known(MeshSettings::default()));
        assert!(matches!(with("a: ["), Known::Unknown(_)));
    }

    #[test]
    fn an_istiod_tells_what_it_was_given_as_environment() {
        let with = |env: Value| {
            istiod(&json!({"spec": {"template": {"spec": {"containers": [{"image": "pilot:1.30.4", "env": env}]}}}}))
        };
        let bare = with(json!([]));
        assert_eq!(
            (bare.trust_bundle.as_str(), bare.any_trust_domain, bare.only_namespace),
            (TRUST_BUNDLE, false, None)
        );
        assert_eq!(bare.version.unwrap().to_string(), "1.30.4");
        let given = with(json!([
            {"name": "PILOT_CA_CERT_CONFIGMAP", "value": "other"},
            {"name": "PILOT_SKIP_VALIDATE_TRUST_DOMAIN", "value": "true"},
            {"name": "ISTIO_WATCH_NAMESPACE", "value": "team"},
        ]));
        assert_eq!((given.trust_bundle.as_str(), given.any_trust_domain), ("other", true));
        assert_eq!(given.only_namespace.as_deref(), Some("team"));
    }

    #[test]
    fn the_version_is_the_images_tag_or_the_charts() {
        let of = |image: &str, chart: &str| {
            version(&json!({
                "metadata": {"labels": {"app.kubernetes.io/version": chart}},
                "spec": {"template": {"spec": {"containers": [{"name": "discovery", "image": image}]}}},
            }))
        };
        assert_eq!(of("docker.io/istio/pilot:1.31.0-distroless", "").as_deref(), Some("1.31.0-distroless"));
        assert_eq!(of("registry:5000/istio/pilot", "1.30.2").as_deref(), Some("1.30.2"));
        assert_eq!(of("pilot:latest@sha256:abc", "1.0.0").as_deref(), Some("1.0.0"));
        assert_eq!(of("pilot:latest", ""), None);
    }
}
