//! Names for completion: read with small requests, from all clusters at once, and given up when somebody waits too long.

use std::time::Duration;

use futures::future::join_all;
use futures::stream::{FuturesUnordered, StreamExt as _};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use super::context::{Cluster, Connection, connect, contexts};
use super::kinds::list_path;
use super::list::{metadata, with_labels};
use super::traffic;
use crate::completion::subject::Live;
use crate::error::Result;

/// Somebody has pressed a key and waits.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// Where names are looked for.
#[derive(Debug, Clone)]
pub struct Place {
    /// How to reach clusters.
    pub connection: Connection,
    /// Contexts that the line names; none for the current one.
    pub contexts: Vec<String>,
    /// Namespace that the line names.
    pub namespace: Option<String>,
    /// Namespace of istiod.
    pub system_namespace: String,
}

/// The names that came within [`PATIENCE`], each once, sorted. Who does not answer, or does not let us read, has none.
pub async fn names(place: &Place, wanted: Live) -> Vec<String> {
    let deadline = Instant::now() + PATIENCE;
    let clusters = timeout_at(deadline, reachable(place)).await.unwrap_or_default();
    let mut asked: FuturesUnordered<_> = clusters.iter().map(|cluster| of_cluster(cluster, place, wanted)).collect();
    let mut all = Vec::new();
    while let Ok(Some(found)) = timeout_at(deadline, asked.next()).await {
        all.extend(found.unwrap_or_default());
    }
    all.sort();
    all.dedup();
    all
}

/// Clients for what the line names; a context that cannot be used is left out.
async fn reachable(place: &Place) -> Vec<Cluster> {
    let wanted = match contexts(&place.connection) {
        Ok((_, current)) if place.contexts.is_empty() => current.into_iter().collect(),
        _ => place.contexts.clone(),
    };
    let connection = Connection { request_timeout: Some(PATIENCE), ..place.connection.clone() };
    let made = join_all(wanted.iter().map(|context| connect(&connection, std::slice::from_ref(context)))).await;
    made.into_iter().flatten().flatten().collect()
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
        Live::Clusters => Ok(vec![traffic::name(cluster, &place.system_namespace).await?.to_string()]),
        Live::Regions => traffic::regions(cluster).await,
        Live::ConfigMaps { label, prefix } => {
            let found = objects(cluster, "ConfigMap", namespace, &[(label, "")]).await?;
            Ok(found.iter().filter_map(|one| Some(full_name(one).strip_prefix(prefix)?.to_owned())).collect())
        }
    }
}

/// Of all namespaces those of the platform are left out, whose services and workloads nobody means here unless he names them. Both
/// prefixes are reserved (kubernetes.io/docs/concepts/overview/working-with-objects/namespaces; OpenShift's docs on projects).
async fn of_users(cluster: &Cluster, kind: &str, namespace: &str) -> Result<Vec<Value>> {
    let mut found = objects(cluster, kind, namespace, &[]).await?;
    if namespace.is_empty() {
        let is_platform = |name: &str| name.starts_with("kube-") || name.starts_with("openshift-");
        found.retain(|one| !is_platform(one["metadata"]["namespace"].as_str().unwrap_or_default()));
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
