//! Probes that other runs have started.

use jiff::Timestamp;
use serde_json::Value;

use crate::cluster::context::Cluster;
use crate::cluster::probe;
use crate::cluster::read::metadata;
use crate::model::seen::probes::{ProbeNamespace, Probes};
use crate::plugin::error::Result;

/// The probes' namespaces, with those whose run must be over kept apart.
pub(super) async fn observe(cluster: &Cluster) -> Result<Probes> {
    let mut found = metadata(cluster, format!("/api/v1/namespaces?labelSelector={}", probe::SELECTOR)).await?;
    found.retain(probe::is_ours);
    // The API server's clock is only asked if there is a probe to judge by it.
    let time = if found.is_empty() { None } else { cluster.time().await };
    Ok(assemble(&found, time))
}

fn assemble(namespaces: &[Value], time: Option<Timestamp>) -> Probes {
    let is_over = |namespace: &&Value| time.is_some_and(|time| probe::is_over(namespace, time));
    let (leftover, other): (Vec<&Value>, Vec<&Value>) = namespaces.iter().partition(is_over);
    Probes { leftover: named(&leftover), other: named(&other) }
}

fn named(objects: &[&Value]) -> Vec<ProbeNamespace> {
    objects.iter().filter_map(|object| probe::named(object)).collect()
}
