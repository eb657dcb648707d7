//! The reader's token: its account comes from the control plane's chart, its Secret is filled by the cluster.

use k8s_openapi::api::core::v1::Secret;
use serde_json::Value;
use tokio::time::Instant;

use super::late;
use crate::cluster::context::Cluster;
use crate::cluster::watch::{Source, Verdict, until};
use crate::model::istio::remote_secret::{ReaderCredential, reader_credential};
use crate::model::kube::kinds::Target;
use crate::plugin::error::Result;

/// Waits until an account exists, such as the reader account that the control plane's chart creates.
///
/// # Errors
/// The deadline.
pub async fn service_account(cluster: &Cluster, namespace: &str, name: &str, deadline: Instant) -> Result<()> {
    let since = Instant::now();
    let target = Target::new("ServiceAccount", namespace, name)?;
    let place = target.key.to_string();
    until(
        cluster,
        &[Source::one(&target.collection()?, name)],
        deadline,
        |state| {
            if state[0].is_empty() { Verdict::Wait("the account does not exist yet".into()) } else { Verdict::Done(()) }
        },
        |last| late(cluster, "the reader account", &place, since, last),
    )
    .await
}

/// Waits until a token Secret is filled.
///
/// # Errors
/// The deadline. The cluster deletes a token Secret at once if its account does not exist: then the error says so.
pub async fn token_filled(
    cluster: &Cluster,
    namespace: &str,
    secret: &str,
    deadline: Instant,
) -> Result<ReaderCredential> {
    let since = Instant::now();
    let target = Target::new("Secret", namespace, secret)?;
    let place = target.key.to_string();
    until(
        cluster,
        &[Source::one(&target.collection()?, secret)],
        deadline,
        |state| match state[0].values().next() {
            Some(found) => {
                credential(found).map_or_else(|| Verdict::Wait("the Secret has no token yet".into()), Verdict::Done)
            }
            None => {
                Verdict::Wait("the Secret does not exist: the cluster deletes one whose account does not exist".into())
            }
        },
        |last| late(cluster, "the reader's token", &place, since, last),
    )
    .await
}

/// Token and authority of a token Secret, if both are in it.
fn credential(secret: &Value) -> Option<ReaderCredential> {
    reader_credential(&serde_json::from_value::<Secret>(secret.clone()).ok()?)
}
