//! The requests of an observation: nearly all at once; the pods of gateways and the mesh configuration of another revision
//! follow, once it is known which.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::try_join_all;
use futures::try_join;
use serde_json::Value;

use super::{Scope, governing, labels, text};
use crate::cluster::context::Cluster;
use crate::cluster::list::{every, every_metadata, metadata, one, served};
use crate::model::istio::NETWORK_LABEL;
use crate::model::kube::kinds::list_path;
use crate::model::kube::object::ObjectKey;
use crate::plugin::error::{Error, Kind, Result};

/// The label that nearly every gateway's pods carry, and by which nearly every `Gateway` selects them.
const GATEWAY_LABEL: &str = "istio";

/// What the API server said.
#[derive(Default)]
pub(super) struct Answers {
    pub(super) namespaces: Vec<Value>,
    pub(super) nodes: Vec<Value>,
    pub(super) istiods: Vec<Value>,
    pub(super) mesh_config: Option<Value>,
    pub(super) services: Vec<Value>,
    /// Those of the name that was asked for, where its own namespace has none.
    pub(super) namesakes: Vec<Value>,
    pub(super) slices: Vec<Value>,
    pub(super) pods: Vec<Value>,
    /// Services with a network's label, in all namespaces.
    pub(super) labelled_services: Vec<Value>,
    pub(super) gateways: Vec<Value>,
    pub(super) destination_rules: Vec<Value>,
    /// As in `ObservedTraffic`.
    pub(super) narrowed_to: BTreeSet<String>,
}

/// The istiods of a namespace.
pub(super) async fn istiods(cluster: &Cluster, namespace: &str) -> Result<Vec<Value>> {
    every(cluster, "Deployment", namespace, &[("app", "istiod")]).await
}

pub(super) async fn ask(cluster: &Cluster, scope: &Scope) -> Result<Answers> {
    let of_service = scope.service.as_ref().map(|service| service.namespace.as_str()).unwrap_or_default();
    let place = async {
        try_join!(
            every(cluster, "Namespace", "", &[]),
            // Nodes are large, and nothing but their labels is wanted.
            every_metadata(cluster, "Node"),
            control_plane(cluster, &scope.system_namespace),
        )
    };
    let near = scope.near();
    let rules = async { try_join!(istio(cluster, "Gateway", &near), istio(cluster, "DestinationRule", &near)) };
    let workloads = async {
        try_join!(
            every(cluster, "Service", of_service, &[]),
            every(cluster, "EndpointSlice", of_service, &[]),
            wanted_pods(cluster, scope),
            gateways(cluster, &near),
        )
    };
    let (
        (namespaces, nodes, (istiods, mesh_config)),
        ((gateways, all_gateways), (destination_rules, all_rules)),
        (services, slices, mut pods, (labelled_services, of_gateways, all_of_gateways)),
    ) = try_join!(place, rules, workloads)?;
    let whole = all_gateways && all_rules && all_of_gateways;
    for pod in of_gateways {
        if !pods.iter().any(|known| ObjectKey::of(known) == ObjectKey::of(&pod)) {
            pods.push(pod);
        }
    }
    let namesakes = namesakes(cluster, scope, &services).await;
    Ok(Answers {
        namespaces,
        nodes,
        istiods,
        mesh_config,
        services,
        namesakes,
        slices,
        pods,
        labelled_services,
        gateways,
        destination_rules,
        narrowed_to: if whole { BTreeSet::new() } else { near },
    })
}

/// The istiods, and the ConfigMap `istio` or `istio-<revision>` of the one that governs.
async fn control_plane(cluster: &Cluster, namespace: &str) -> Result<(Vec<Value>, Option<Value>)> {
    let (istiods, config) = try_join!(istiods(cluster, namespace), one(cluster, "ConfigMap", namespace, "istio"))?;
    let revision = governing(&istiods).map(|istiod| text(&istiod["metadata"]["labels"]["istio.io/rev"]));
    let of_revision = match revision.as_deref() {
        None | Some("" | "default") => None,
        Some(revision) => one(cluster, "ConfigMap", namespace, &format!("istio-{revision}")).await?,
    };
    Ok((istiods, of_revision.or(config)))
}

/// They only help to say what was probably meant: where they may not be read, there are none.
async fn namesakes(cluster: &Cluster, scope: &Scope, services: &[Value]) -> Vec<Value> {
    let Some(wanted) = &scope.service else { return Vec::new() };
    if services.iter().any(|service| service["metadata"]["name"] == wanted.name.as_str()) {
        return Vec::new();
    }
    let Ok((_, path)) = list_path("Service", "") else { return Vec::new() };
    metadata(cluster, format!("{path}?fieldSelector=metadata.name%3D{}", wanted.name)).await.unwrap_or_default()
}

async fn wanted_pods(cluster: &Cluster, scope: &Scope) -> Result<Vec<Value>> {
    match scope.pod_namespaces() {
        None => every(cluster, "Pod", "", &[]).await,
        Some(namespaces) => {
            let asked = namespaces.iter().map(|namespace| every(cluster, "Pod", namespace, &[]));
            Ok(try_join_all(asked).await?.concat())
        }
    }
}

/// Services that carry a network's label, their pods and the other pods that have the label by which Gateways mostly select, and
/// whether all namespaces were read.
async fn gateways(cluster: &Cluster, near: &BTreeSet<String>) -> Result<(Vec<Value>, Vec<Value>, bool)> {
    let ((services, all_services), (mut pods, all_pods)) = try_join!(
        all_or_near(near, async |namespace: &str| every(cluster, "Service", namespace, &[(NETWORK_LABEL, "")]).await),
        all_or_near(near, async |namespace: &str| every(cluster, "Pod", namespace, &[(GATEWAY_LABEL, "")]).await),
    )?;
    let asked = services.iter().filter_map(|service| {
        let selector = labels(&service["spec"]["selector"]);
        let is_new = !selector.is_empty() && !selector.contains_key(GATEWAY_LABEL);
        is_new.then(|| pods_of(cluster, text(&service["metadata"]["namespace"]), selector))
    });
    pods.extend(try_join_all(asked).await?.concat());
    Ok((services, pods, all_services && all_pods))
}

/// What is read of all namespaces; where that is forbidden and some matter more than others, of these. And whether it was all.
async fn all_or_near(
    near: &BTreeSet<String>,
    read: impl AsyncFn(&str) -> Result<Vec<Value>>,
) -> Result<(Vec<Value>, bool)> {
    match read("").await {
        Err(error) if error.kind == Kind::Forbidden && !near.is_empty() => {
            let found = try_join_all(near.iter().map(|namespace| read(namespace))).await?;
            Ok((found.concat(), false))
        }
        found => found.map(|found| (found, true)),
    }
}

async fn pods_of(cluster: &Cluster, namespace: String, selector: BTreeMap<String, String>) -> Result<Vec<Value>> {
    let selector: Vec<(&str, &str)> = selector.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    every(cluster, "Pod", &namespace, &selector).await
}

/// Objects of Istio's networking API, and whether all namespaces were read.
///
/// # Errors
/// A refusal where the cluster does not serve the kind.
async fn istio(cluster: &Cluster, kind: &str, near: &BTreeSet<String>) -> Result<(Vec<Value>, bool)> {
    let read = async |namespace: &str| {
        served(cluster, kind, namespace, &[]).await?.ok_or_else(|| {
            Error::refused(format!("{} does not serve Istio's {kind}", cluster.context))
                .at(format!("context {}, API networking.istio.io/v1", cluster.context))
                .because("Istio is not installed there, or is older than 1.22")
                .fix("make the cluster part of a mesh: kubectl mesh-mc join")
        })
    };
    all_or_near(near, read).await
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cluster::test_api_server::{Answer, answering};

    fn rules(name: &str) -> Answer {
        Answer::Status(200, json!({"items": [{"metadata": {"name": name}}]}))
    }

    fn forbidden() -> Answer {
        Answer::Status(403, json!({"kind": "Status", "reason": "Forbidden", "message": "cannot list"}))
    }

    #[tokio::test]
    async fn who_may_not_read_all_namespaces_reads_those_that_matter_to_the_service() {
        let near: BTreeSet<String> = ["istio-system", "sample"].map(str::to_owned).into();
        let (cluster, asked) = answering([forbidden(), rules("a"), rules("b")]);
        let (found, whole) = istio(&cluster, "DestinationRule", &near).await.unwrap();
        assert_eq!((found.len(), whole), (2, false));
        let paths: Vec<String> = asked.lock().unwrap().iter().map(|(_, path, _)| path.clone()).collect();
        let of = |namespace: &str| format!("/apis/networking.istio.io/v1{namespace}/destinationrules?limit=500");
        assert_eq!(paths, [of(""), of("/namespaces/istio-system"), of("/namespaces/sample")]);
    }

    #[tokio::test]
    async fn where_every_service_is_wanted_a_part_is_not_enough() {
        let (cluster, _) = answering([forbidden()]);
        let error = istio(&cluster, "DestinationRule", &BTreeSet::new()).await.unwrap_err();
        assert_eq!(error.kind, Kind::Forbidden);
    }
}
