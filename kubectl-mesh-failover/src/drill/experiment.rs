//! What a drill is to show, and how: settled before anything is changed.

use std::time::Duration;

use mesh_shared::model::names::ClusterName;
use mesh_shared::model::names::service::ServiceName;
use serde::Serialize;

use super::faults::Fault;
use super::governing_rule::{Rule, milliseconds};
use super::side::Side;

/// A drill before it begins.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Experiment {
    /// Identifies this drill: its requests have the user agent `mesh-failover/<run>`, the objects it creates have its
    /// label.
    pub run: String,
    /// The service whose endpoints are failed in one cluster.
    pub service: ServiceName,
    /// What is done to them.
    pub fault: Fault,
    /// The cluster in which they are failed.
    pub failed: Side,
    /// Where the rule that governs the client then sends traffic.
    pub target: Side,
    /// Workloads that the fault is applied to, such as `Deployment sample/helloworld-v1`.
    pub workloads: Vec<String>,
    /// Who sends the requests.
    pub client: Client,
    /// The URL requested, such as `http://helloworld.sample.svc.cluster.local:5000/hello`.
    pub url: String,
    /// Wanted requests per second; none if the client's curl cannot hold a rate.
    pub rate: Option<u32>,
    /// A pattern whose match in an answer identifies who answered; none if the client proxy's counters do.
    pub pattern: Option<String>,
    /// What has to hold.
    pub hypothesis: Hypothesis,
    /// How long to watch the steady state before the fault.
    #[serde(rename = "baselineMs", serialize_with = "milliseconds")]
    pub baseline: Duration,
    /// How long the fault stays once traffic has failed over.
    #[serde(rename = "holdMs", serialize_with = "milliseconds")]
    pub hold: Duration,
    /// The rule that governs the client, if one does.
    pub rule: Option<Rule>,
}

/// The client, whose own container sends the requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Client {
    /// Such as `Deployment/curl`.
    pub workload: String,
    pub namespace: String,
    /// The pod that was chosen.
    pub pod: String,
    /// The container in which curl runs.
    pub container: String,
    pub cluster: ClusterName,
    /// Its region, which decides what is near.
    pub region: String,
}

/// What has to hold. Shares are fractions of one.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Hypothesis {
    /// Least share of requests that succeed in the baseline.
    pub baseline_success: f64,
    /// Least share of requests that the failover target answers, once traffic has failed over.
    pub failover_share: f64,
    /// How long after the first effect that share may take to be reached.
    #[serde(rename = "failoverWithinMs", serialize_with = "milliseconds")]
    pub failover_within: Duration,
    /// How long after the end of the fault the baseline's split may take to come back: by default the longest time that
    /// an ejection can last.
    #[serde(rename = "failbackWithinMs", serialize_with = "milliseconds")]
    pub failback_within: Duration,
    /// Stop condition: this many failed requests end the drill at once.
    pub max_errors: Option<u64>,
}
