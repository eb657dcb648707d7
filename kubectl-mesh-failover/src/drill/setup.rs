//! What conducting a drill needs.

use super::changed::reversible::Making;
use super::experiment::Experiment;
use super::fault_record::Record;
use super::fence::Fence;
use super::phase::Timing;
use super::traffic::Curl;
use mesh_shared::cluster::context::Cluster;
use regex_lite::Regex;
use std::time::Duration;

/// Everything a drill needs once it may begin.
pub struct Drill {
    /// What is to be shown.
    pub experiment: Experiment,
    /// How long its phases take.
    pub timing: Timing,
    /// The record of what is changed, as it is in the cluster.
    pub record: Record,
    /// How the fault is made, for each change of the record.
    pub makings: Vec<Making>,
    /// The fence that every injecting request has to pass.
    pub fence: Fence,
    /// The cluster that is failed.
    pub failed: Cluster,
    /// The client's cluster.
    pub client: Cluster,
    /// What the client's curl can do.
    pub curl: Curl,
    /// Whether the client's container has a shell.
    pub shell: bool,
    /// The pattern, compiled.
    pub pattern: Option<Regex>,
    /// Envoy's name of the service's port, such as `outbound|5000||helloworld.sample.svc.cluster.local`.
    pub envoy_cluster: String,
    /// How long putting back is tried.
    pub restore_timeout: Duration,
}
