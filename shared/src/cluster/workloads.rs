//! The workloads behind pods, found by their owners, and what else scales or manages them.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::try_join_all;
use futures::try_join;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::core::{Selector, SelectorExt};
use serde_json::Value;

use super::context::Cluster;
use super::read::every;
use super::request::{Call, items};
use super::write::get;
use crate::model::kube::kinds::Target;
use crate::model::kube::labels;
use crate::model::kube::object_key::ObjectKey;
use crate::model::seen::services::PodSeen;
use crate::model::seen::workload::{Autoscaler, Owners, Workload};
use crate::plugin::error::{Error, Result};

/// Returns what is behind the pods of one namespace, in the order of the names.
///
/// # Errors
/// If the API server does not answer or does not let us read the owners.
pub async fn owners(cluster: &Cluster, namespace: &str, pods: &[&PodSeen]) -> Result<Owners> {
    let mut found = Owners::default();
    let mut scalable = BTreeSet::new();
    let mut sets = BTreeSet::new();
    for pod in pods {
        match &pod.owner {
            Some((kind, name)) if kind == "ReplicaSet" => {
                sets.insert(name.clone());
            }
            Some((kind, name)) if kind == "StatefulSet" => {
                scalable.insert((kind.clone(), name.clone()));
            }
            Some((kind, name)) => found.unscalable.push((kind.clone(), name.clone())),
            None => found.unscalable.push(("Pod".into(), pod.name.clone())),
        }
    }
    let owned = try_join_all(sets.iter().map(|set| async move {
        let object = get(cluster, &Target::new("ReplicaSet", namespace, set)?).await?;
        Ok::<_, Error>(object.as_ref().and_then(controller).unwrap_or(("ReplicaSet".into(), set.clone())))
    }))
    .await?;
    for (kind, name) in owned {
        if kind == "Deployment" {
            scalable.insert((kind, name));
        } else {
            found.unscalable.push((kind, name));
        }
    }
    found.unscalable.sort();
    found.unscalable.dedup();
    let scalers =
        cluster.if_allowed(Call::get(format!("/apis/autoscaling/v2/namespaces/{namespace}/horizontalpodautoscalers")));
    let reading = try_join_all(scalable.iter().map(|(kind, name)| async move {
        let target = Target::new(kind, namespace, name)?;
        Ok::<_, Error>(get(cluster, &target).await?.map(|object| (target, object)))
    }));
    let (objects, scalers) = try_join!(reading, scalers)?;
    let scalers = items(scalers);
    found.workloads =
        objects.into_iter().flatten().map(|(target, object)| workload(&target, &object, &scalers)).collect();
    Ok(found)
}

/// Which pods are a workload's: its whole `spec.selector`, including `matchExpressions`.
#[derive(Debug, Clone)]
pub struct PodSelector(Selector);

impl PodSelector {
    /// Whether a pod of the workload's namespace with these labels is selected. An empty selector selects nothing here,
    /// as the API server does not accept one in a workload.
    pub fn selects(&self, labels: &BTreeMap<String, String>) -> bool {
        !self.0.selects_all() && self.0.matches(labels)
    }
}

/// The pods of one workload, by its kind (`Deployment`, `StatefulSet`, `DaemonSet`, `ReplicaSet`) and name.
///
/// # Errors
/// As for [`owners`]; if it does not exist, or its selector cannot be read.
pub async fn selector(cluster: &Cluster, kind: &str, namespace: &str, name: &str) -> Result<PodSelector> {
    let target = Target::new(kind, namespace, name)?;
    let Some(object) = get(cluster, &target).await? else {
        // Only for suggestions: if it may not be read, there are none.
        let others = every(cluster, kind, namespace, &[]).await.unwrap_or_default();
        let others = others.iter().filter_map(|object| object["metadata"]["name"].as_str());
        return Err(Error::refused(format!("there is no {} in {}", target.key, cluster.context))
            .at(format!("context {}, namespace {namespace}", cluster.context))
            .meant(name, others)
            .fix(format!(
                "list what exists: kubectl --context {} -n {namespace} get {}",
                cluster.context,
                target.resource()
            )));
    };
    pod_selector(&object["spec"]["selector"]).map_err(|why| {
        Error::refused(format!("the selector of {} in {} cannot be read", target.key, cluster.context))
            .at(format!("context {}, {}", cluster.context, target.key))
            .because(why)
            .fix("name one of its pods instead: pod/NAME")
    })
}

fn pod_selector(selector: &Value) -> std::result::Result<PodSelector, String> {
    let selector: LabelSelector = serde_json::from_value(selector.clone()).map_err(|error| error.to_string())?;
    Selector::try_from(selector).map(PodSelector).map_err(|error| error.to_string())
}

fn controller(object: &Value) -> Option<(String, String)> {
    let owners = object["metadata"]["ownerReferences"].as_array()?;
    let owner = owners.iter().find(|owner| owner["controller"] == true)?;
    Some((owner["kind"].as_str()?.to_owned(), owner["name"].as_str()?.to_owned()))
}

fn workload(target: &Target, object: &Value, scalers: &[Value]) -> Workload {
    let spec = &object["spec"];
    let retention = &spec["persistentVolumeClaimRetentionPolicy"]["whenScaled"];
    let has_volumes = spec["volumeClaimTemplates"].as_array().is_some_and(|templates| !templates.is_empty());
    Workload {
        object: target.key.clone(),
        api_version: target.api_version.clone(),
        uid: object["metadata"]["uid"].as_str().unwrap_or_default().to_owned(),
        generation: object["metadata"]["generation"].as_u64().unwrap_or_default(),
        replicas: spec["replicas"].as_u64().unwrap_or(1),
        ready: object["status"]["readyReplicas"].as_u64().unwrap_or_default(),
        selector: labels::read(&spec["selector"]["matchLabels"]),
        loses_volumes: has_volumes && retention == "Delete",
        keeper: keeper(&object["metadata"]),
        autoscaler: scalers.iter().find(|scaler| scales(scaler, &target.key)).map(autoscaler),
    }
}

fn scales(scaler: &Value, key: &ObjectKey) -> bool {
    let target = &scaler["spec"]["scaleTargetRef"];
    target["kind"] == key.kind.as_str() && target["name"] == key.name.as_str()
}

fn autoscaler(scaler: &Value) -> Autoscaler {
    let metadata = &scaler["metadata"];
    let keda = controller(scaler).filter(|(kind, _)| kind == "ScaledObject").map(|(_, name)| name);
    let labelled = metadata["labels"]["scaledobject.keda.sh/name"].as_str().map(str::to_owned);
    Autoscaler {
        name: metadata["name"].as_str().unwrap_or_default().to_owned(),
        least: scaler["spec"]["minReplicas"].as_u64().unwrap_or(1),
        most: scaler["spec"]["maxReplicas"].as_u64().unwrap_or_default(),
        keda: keda.or(labelled),
    }
}

/// What reconciles the object from elsewhere, by the marks of Argo CD (docs/user-guide/resource_tracking.md) and of
/// Flux (kustomize-controller and helm-controller label what they own).
fn keeper(metadata: &Value) -> Option<String> {
    let label = |key: &str| metadata["labels"][key].as_str();
    let annotation = |key: &str| metadata["annotations"][key].as_str();
    let argo = annotation("argocd.argoproj.io/tracking-id")
        .map(|id| id.split(':').next().unwrap_or(id))
        .or_else(|| label("argocd.argoproj.io/instance"));
    argo.map(|name| format!("Argo CD application {name}"))
        .or_else(|| label("kustomize.toolkit.fluxcd.io/name").map(|name| format!("Flux Kustomization {name}")))
        .or_else(|| label("helm.toolkit.fluxcd.io/name").map(|name| format!("Flux HelmRelease {name}")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn deployment() -> Target {
        Target::new("Deployment", "shop", "web").unwrap()
    }

    #[test]
    fn replicas_and_selector_are_read_with_kubernetes_defaults() {
        let object = json!({"metadata": {"uid": "u", "generation": 4}, "spec": {"selector": {"matchLabels": {"app": "web"}}}, "status": {}});
        let found = workload(&deployment(), &object, &[]);
        assert_eq!((found.replicas, found.ready, found.generation), (1, 0, 4));
        assert_eq!(found.selector["app"], "web");
        assert_eq!((found.keeper, found.autoscaler, found.loses_volumes), (None, None, false));
    }

    #[test]
    fn a_workload_has_the_pods_that_its_whole_selector_selects() {
        let pod = |app: &str, tier: &str| -> BTreeMap<String, String> {
            [("app", app), ("tier", tier)].map(|(key, value)| (key.to_owned(), value.to_owned())).into()
        };
        let expressions = json!({"matchExpressions": [{"key": "tier", "operator": "In", "values": ["front"]}]});
        let selector = pod_selector(&expressions).unwrap();
        assert!(selector.selects(&pod("web", "front")) && !selector.selects(&pod("web", "back")));
        let both = json!({"matchLabels": {"app": "web"}, "matchExpressions": expressions["matchExpressions"]});
        assert!(!pod_selector(&both).unwrap().selects(&pod("shop", "front")));
        assert!(!pod_selector(&json!({})).unwrap().selects(&pod("web", "front")), "an empty selector selects nothing");
    }

    #[test]
    fn who_puts_replicas_back_is_known_by_its_marks() {
        let kept = |labels: Value, annotations: Value| keeper(&json!({"labels": labels, "annotations": annotations}));
        assert_eq!(
            kept(json!({}), json!({"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:shop/web"})).as_deref(),
            Some("Argo CD application shop")
        );
        assert_eq!(
            kept(json!({"kustomize.toolkit.fluxcd.io/name": "apps"}), json!({})).as_deref(),
            Some("Flux Kustomization apps")
        );
        assert_eq!(kept(json!({"app": "web"}), json!({})), None);
    }

    #[test]
    fn an_autoscaler_of_keda_is_told_from_another() {
        let scaler = |owner: &str| {
            json!({
                "metadata": {"name": "h", "ownerReferences": [{"kind": owner, "name": "web", "controller": true}]},
                "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "web"}, "maxReplicas": 9},
            })
        };
        let of = |owner: &str| workload(&deployment(), &json!({}), &[scaler(owner)]).autoscaler.unwrap();
        assert_eq!(of("ScaledObject").keda.as_deref(), Some("web"));
        assert_eq!((of("Other").keda, of("Other").most, of("Other").least), (None, 9, 1));
    }

    #[test]
    fn a_set_whose_volumes_go_is_known() {
        let target = Target::new("StatefulSet", "shop", "db").unwrap();
        let object = |when: &str| json!({"spec": {"volumeClaimTemplates": [{}], "persistentVolumeClaimRetentionPolicy": {"whenScaled": when}}});
        assert!(workload(&target, &object("Delete"), &[]).loses_volumes);
        assert!(!workload(&target, &object("Retain"), &[]).loses_volumes);
    }
}
