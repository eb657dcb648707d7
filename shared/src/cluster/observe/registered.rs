//! The clusters that a control plane is set up to read.

use k8s_openapi::api::core::v1::Secret;
use serde_json::Value;

use crate::cluster::context::Cluster;
use crate::cluster::read::every;
use crate::model::istio::remote_secret::LABEL;
use crate::model::istio::remote_secret::reading::{RegisteredCluster, read};
use crate::plugin::error::Result;

/// Every cluster that the remote secrets of istiod's namespace register, in the order of the Secrets' names.
///
/// # Errors
/// If the Secrets may not be read, or the API server does not answer.
pub async fn registered(cluster: &Cluster, system_namespace: &str) -> Result<Vec<RegisteredCluster>> {
    let secrets = every(cluster, "Secret", system_namespace, &[(LABEL, "true")]).await;
    let secrets =
        secrets.map_err(|error| error.fix("or name the mesh's clusters, and no Secret is read: --contexts A,B,…"))?;
    Ok(clusters(secrets))
}

fn clusters(secrets: Vec<Value>) -> Vec<RegisteredCluster> {
    let mut found: Vec<RegisteredCluster> = secrets
        .into_iter()
        .filter_map(|secret| serde_json::from_value::<Secret>(secret).ok())
        .flat_map(|secret| read(&secret))
        .collect();
    found.sort_by(|one, other| one.secret.cmp(&other.secret));
    found
}
