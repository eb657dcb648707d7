//! One cluster as traffic sees it, by reads alone: where workloads run, what is exposed, which rules govern.
//!
//! Asking ([`ask`]) and making values of the answers are apart, so that the second is tested on values.

mod ask;
mod east_west;
mod endpoints;
mod mesh_config;
mod nodes;
mod pods;
mod remote_secrets;
mod services;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use self::ask::{Answers, ask};
pub use self::remote_secrets::registered;
use super::context::Cluster;
use super::list::every_metadata;
use super::observe::{control_planes, uid};
use crate::model::istio::NETWORK_LABEL;
use crate::model::names::service::ServiceName;
use crate::model::names::{ClusterName, NetworkName};
use crate::model::seen::traffic::ObservedTraffic;
use crate::plugin::error::{Error, Result};

/// What is looked at.
#[derive(Debug, Clone)]
pub struct Scope {
    /// Namespace of istiod.
    pub system_namespace: String,
    /// The one service that a command is about: then Services, EndpointSlices and pods of its namespace alone are read; none
    /// for those of all namespaces.
    pub service: Option<ServiceName>,
    /// Further namespaces whose pods are wanted, such as the client's.
    pub namespaces: Vec<String>,
}

impl Scope {
    /// The namespaces that matter to the service, where the user may not read all: istiod's, the service's, and those that were
    /// asked for; none where all services are wanted.
    fn near(&self) -> BTreeSet<String> {
        let asked = self.pod_namespaces().into_iter().flatten();
        let mut near: BTreeSet<String> = asked.map(str::to_owned).collect();
        if !near.is_empty() {
            near.insert(self.system_namespace.clone());
        }
        near
    }

    /// The namespaces whose pods are read, each once; none where those of all are.
    fn pod_namespaces(&self) -> Option<BTreeSet<&str>> {
        let service = self.service.as_ref()?;
        Some(self.namespaces.iter().chain([&service.namespace]).map(String::as_str).collect())
    }
}

/// The name by which the mesh knows a cluster: its istiod's `CLUSTER_ID`. Nothing else is asked.
///
/// # Errors
/// A refusal where no istiod stands in the namespace, or its name is no DNS label.
pub async fn name(cluster: &Cluster, system_namespace: &str) -> Result<ClusterName> {
    name_of(&cluster.context, system_namespace, &ask::istiods(cluster, system_namespace).await?)
}

/// The regions of a cluster's nodes, as they come.
///
/// # Errors
/// Where the API server does not answer or does not let us read them.
pub async fn regions(cluster: &Cluster) -> Result<Vec<String>> {
    let nodes = nodes::nodes(&every_metadata(cluster, "Node").await?);
    Ok(nodes.into_values().map(|place| place.region).filter(|region| !region.is_empty()).collect())
}

/// Everything about one cluster that exposure, locality and drills decide by.
///
/// # Errors
/// A refusal where the cluster has no istiod in the namespace or does not serve Istio's networking API; where the API server
/// cannot be reached or does not let us read what has to be known.
pub async fn observe(cluster: &Cluster, scope: &Scope) -> Result<ObservedTraffic> {
    assemble(&cluster.context, scope, Box::pin(ask(cluster, scope)).await?)
}

fn assemble(context: &str, scope: &Scope, answers: Answers) -> Result<ObservedTraffic> {
    let namespace = &scope.system_namespace;
    let name = name_of(context, namespace, &answers.istiods)?;
    let uid = uid(context, named(&answers.namespaces, "kube-system"))?;
    let network = named(&answers.namespaces, namespace)["metadata"]["labels"][NETWORK_LABEL].as_str();
    let nodes = nodes::nodes(&answers.nodes);
    let pods = pods::pods(&answers.pods, &nodes);
    Ok(ObservedTraffic {
        context: context.to_owned(),
        uid,
        network: network.map(NetworkName::new).transpose()?,
        system_namespace: namespace.clone(),
        mesh_config: mesh_config::read(answers.mesh_config.as_ref(), governing(&answers.istiods), namespace)
            .map_err(|error| error.at(format!("context {context}, ConfigMap {namespace}/istio")))?,
        namespaces: answers.namespaces.iter().map(|object| text(&object["metadata"]["name"])).collect(),
        services: services::services(&answers.services, &answers.slices),
        namesakes: answers.namesakes.iter().map(|object| text(&object["metadata"]["namespace"])).collect(),
        east_west: east_west::gateways(&answers.labelled_services, &pods),
        gateways: answers.gateways,
        destination_rules: answers.destination_rules,
        narrowed_to: answers.narrowed_to,
        name,
        nodes,
        pods,
    })
}

fn name_of(context: &str, namespace: &str, istiods: &[Value]) -> Result<ClusterName> {
    let Some(istiod) = governing(istiods) else {
        return Err(Error::refused(format!("{context} has no control plane of Istio"))
            .at(format!("context {context}, namespace {namespace}"))
            .because("no Deployment there carries the label app=istiod")
            .fix("name the namespace of istiod: --istio-namespace NAMESPACE")
            .fix("or make the cluster part of a mesh: kubectl mesh-mc join"));
    };
    // What istiod takes itself for where nothing is set (istio/istio pilot/pkg/features/pilot.go) is no DNS label.
    let id = control_planes::istiod(istiod).cluster_id.unwrap_or_else(|| "Kubernetes".into());
    ClusterName::new(id.as_str()).map_err(|error| {
        Error::refused(format!("{context} has a name that no mesh of several clusters can use: {id:?}"))
            .at(format!("context {context}, istiod in {namespace}"))
            .because(error.why.unwrap_or_default())
            .fix("give it a name of its own: values.global.multiCluster.clusterName")
    })
}

/// The istiod of the default revision, else the first by name.
fn governing(istiods: &[Value]) -> Option<&Value> {
    let revision = |istiod: &&Value| istiod["metadata"]["labels"]["istio.io/rev"] == "default";
    istiods.iter().find(revision).or_else(|| istiods.iter().min_by_key(|istiod| text(&istiod["metadata"]["name"])))
}

fn named<'a>(objects: &'a [Value], name: &str) -> &'a Value {
    objects.iter().find(|object| object["metadata"]["name"] == name).unwrap_or(&Value::Null)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn labels(value: &Value) -> BTreeMap<String, String> {
    let map = value.as_object().into_iter().flatten();
    map.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}
