//! Names for completion: read with small requests, from all clusters at once, and given up when they take too long.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::future::join_all;
use futures::stream::{FuturesUnordered, StreamExt as _};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use crate::cluster::context::{Cluster, Connection, connect, contexts};
use crate::cluster::observe;
use crate::cluster::read::{metadata, with_labels};
use crate::model::istio::remote_secret::{CLUSTER_ANNOTATION, LABEL};
use crate::model::kube::kinds::list_path;
use crate::model::names::ClusterName;
use crate::plugin::completion::subject::Live;
use crate::plugin::error::Result;

/// Someone has pressed a key and is waiting.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// Where names are looked for.
#[derive(Debug, Clone)]
pub struct Place {
    pub connection: Connection,
    /// Contexts of the mesh's clusters that the line names.
    pub contexts: Vec<String>,
    /// The context from which the others are found, if the line does not name them; none for the current one.
    pub context: Option<String>,
    /// Namespace that the line names.
    pub namespace: Option<String>,
    /// Namespace of istiod.
    pub system_namespace: String,
}

/// The names that arrived within [`PATIENCE`], each once, sorted. A cluster that does not answer, or that we may not
/// read, adds none.
pub async fn names(place: &Place, wanted: Live) -> Vec<String> {
    let deadline = Instant::now() + PATIENCE;
    let (clusters, others) = timeout_at(deadline, reachable(place)).await.unwrap_or_default();
    let mut asked: FuturesUnordered<_> = clusters.iter().map(|cluster| of_cluster(cluster, place, wanted)).collect();
    let mut all = if wanted == Live::Clusters { others } else { Vec::new() };
    while let Ok(Some(found)) = timeout_at(deadline, asked.next()).await {
        all.extend(found.unwrap_or_default());
    }
    all.sort();
    all.dedup();
    all
}

/// Clients for the clusters that the line names, else for that of `--context` or the current one and for its peers; and
/// the names of peers without a context. A context that cannot be used is left out.
async fn reachable(place: &Place) -> (Vec<Cluster>, Vec<String>) {
    if !place.contexts.is_empty() {
        return (connected(place, &place.contexts).await, Vec::new());
    }
    let Ok((known, current)) = contexts(&place.connection) else { return Default::default() };
    let begin: Vec<String> = place.context.clone().or(current).into_iter().collect();
    let mut clusters = connected(place, &begin).await;
    let Some(first) = clusters.first() else { return Default::default() };
    let (peers, others) = contexts_of(peers(first, &place.system_namespace).await, &known);
    clusters.extend(connected(place, &peers).await);
    (clusters, others)
}

async fn connected(place: &Place, wanted: &[String]) -> Vec<Cluster> {
    let connection = Connection { request_timeout: Some(PATIENCE), ..place.connection.clone() };
    let made = join_all(wanted.iter().map(|context| connect(&connection, std::slice::from_ref(context)))).await;
    made.into_iter().flatten().flatten().collect()
}

/// The clusters that a control plane is set up to read, from the metadata of its remote secrets: the contents of
/// Secrets are not read while a line is typed. Empty if they may not be listed.
async fn peers(cluster: &Cluster, system_namespace: &str) -> BTreeSet<String> {
    let secrets = objects(cluster, "Secret", system_namespace, &[(LABEL, "true")]).await.unwrap_or_default();
    let annotated = |secret: &Value| secret["metadata"]["annotations"][CLUSTER_ANNOTATION].as_str().map(str::to_owned);
    let called = |secret: &Value| name(secret).strip_prefix("istio-remote-secret-").map(str::to_owned);
    secrets.iter().filter_map(|secret| annotated(secret).or_else(|| called(secret))).collect()
}

/// The contexts to which a join gives these names, and the names for which there is no such context, or more than one.
fn contexts_of(peers: BTreeSet<String>, known: &[String]) -> (Vec<String>, Vec<String>) {
    let (mut found, mut others) = (Vec::new(), Vec::new());
    for peer in peers {
        let is_its = |context: &&String| ClusterName::from_context(context).is_ok_and(|name| name.as_str() == peer);
        match known.iter().filter(is_its).collect::<Vec<_>>()[..] {
            [context] => found.push(context.clone()),
            _ => others.push(peer),
        }
    }
    (found, others)
}

async fn of_cluster(cluster: &Cluster, place: &Place, wanted: Live) -> Result<Vec<String>> {
    let namespace = place.namespace.as_deref().unwrap_or_default();
    match wanted {
        Live::Services => {
            let found = of_users(cluster, "Service", namespace).await?;
            let short = !namespace.is_empty();
            Ok(found.iter().map(|one| if short { name(one) } else { full_name(one) }).collect())
        }
        Live::Workloads => {
            let kinds = [("deploy", "Deployment"), ("sts", "StatefulSet"), ("ds", "DaemonSet")];
            let lists = kinds.map(|(short, kind)| async move {
                let found = of_users(cluster, kind, namespace).await.unwrap_or_default();
                found.iter().map(|one| format!("{short}/{}", name(one))).collect::<Vec<_>>()
            });
            Ok(join_all(lists).await.concat())
        }
        Live::Namespaces => Ok(objects(cluster, "Namespace", "", &[]).await?.iter().map(name).collect()),
        Live::Clusters => Ok(vec![observe::name(cluster, &place.system_namespace).await?.to_string()]),
        Live::Regions => observe::regions(cluster).await,
        Live::ConfigMaps { label, prefix } => {
            let found = objects(cluster, "ConfigMap", namespace, &[(label, "")]).await?;
            Ok(found.iter().filter_map(|one| Some(full_name(one).strip_prefix(prefix)?.to_owned())).collect())
        }
    }
}

/// Of all namespaces, leaves out the platform's, and the API server's Service: no one means these unless they name the
/// namespace. Both prefixes are reserved
/// (kubernetes.io/docs/concepts/overview/working-with-objects/namespaces; OpenShift's docs on projects).
async fn of_users(cluster: &Cluster, kind: &str, namespace: &str) -> Result<Vec<Value>> {
    let mut found = objects(cluster, kind, namespace, &[]).await?;
    if namespace.is_empty() {
        found.retain(|one| {
            let full = full_name(one);
            let namespace = full.rsplit('.').next().unwrap_or_default();
            full != "kubernetes.default" && !namespace.starts_with("kube-") && !namespace.starts_with("openshift-")
        });
    }
    Ok(found)
}

async fn objects(cluster: &Cluster, kind: &str, namespace: &str, labels: &[(&str, &str)]) -> Result<Vec<Value>> {
    let (_, path) = list_path(kind, namespace)?;
    metadata(cluster, with_labels(&path, labels)).await
}

fn name(object: &Value) -> String {
    object["metadata"]["name"].as_str().unwrap_or_default().to_owned()
}

fn full_name(object: &Value) -> String {
    format!("{}.{}", name(object), object["metadata"]["namespace"].as_str().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_found_by_the_one_context_that_a_join_would_call_so() {
        let known = ["east", "admin@west", "admin-west", "South_1"].map(ToOwned::to_owned);
        let peers = ["north", "south-1", "admin-west"].map(ToOwned::to_owned).into();
        let (found, others) = contexts_of(peers, &known);
        assert_eq!(found, ["South_1"]);
        assert_eq!(others, ["admin-west", "north"]);
    }
}
