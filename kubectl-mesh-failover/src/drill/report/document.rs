//! The content of every report of a drill: the JSON report is this, field by field. docs/drills.md describes it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use mesh_shared::plugin::finding::Findings;
use serde::Serialize;

use crate::drill::experiment::Experiment;
use crate::drill::recording::PutBack;

/// Version of this document: within it, fields are only added.
pub const SCHEMA: &str = "mesh-failover/drill/v1";

/// A drill and its result. Times are milliseconds from the drill's start.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Document {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// Version of the plugin.
    pub version: String,
    /// When the drill began.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// How it ended.
    pub verdict: Verdict,
    /// The verdict in a sentence, such as `helloworld.sample failed over from east to west and came back.`
    pub headline: String,
    /// Why it did not hold, and what to do; empty if it held.
    pub reasons: Vec<Reason>,
    /// What was to be shown.
    pub experiment: Experiment,
    /// Each part of the hypothesis.
    pub hypothesis: Vec<Expectation>,
    /// The table of figures.
    pub figures: Figures,
    /// Moments to mark on the timeline.
    pub moments: Vec<Moment>,
    /// Results by phase.
    pub phases: Vec<Phase>,
    /// Requests by the time of their end.
    pub timeline: Timeline,
    /// What the client's proxy counted, compared with ours.
    pub counters: Option<Counters>,
    /// What was changed, and whether it was put back.
    pub put_back: Vec<PutBack>,
    /// What a reader needs to know to judge the figures: lost samples, a rate that was not reached, a coarse
    /// resolution.
    #[serde(flatten)]
    pub notes: Findings,
}

/// How a drill ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The hypothesis held. Exit code 0.
    Held,
    /// It did not. Exit code 3.
    Failed,
    /// It was stopped before it could be judged, or although all parts held so far. Exit code 1, or 128 + signal.
    Stopped,
    /// Not everything was put back. Exit code 4, which takes precedence.
    NotRestored,
}

/// Why the hypothesis did not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// Such as `rule helloworld ejects at most 10 % of 2 hosts, which is less than one (maxEjectionPercent, default)`.
    pub why: String,
    /// A command or a sentence.
    #[serde(rename = "do")]
    pub remedy: Option<String>,
}

/// One part of the hypothesis.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Expectation {
    /// Such as `success in the baseline`.
    pub name: String,
    /// Such as `at least 99 %`.
    pub wanted: String,
    /// Such as `100 %`, or `not reached`.
    pub found: String,
    /// Whether it held; none if it could not be judged.
    pub held: Option<bool>,
}

/// The table of figures, in milliseconds. What did not happen is absent.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Figures {
    /// Resolution of times: the pause between two requests, or between two readings of the counters.
    pub resolution_ms: f64,
    /// From the accepted write to its first effect: the first failed request or the first answer from elsewhere.
    pub first_effect_ms: Option<f64>,
    /// From the accepted write to the first failed request.
    pub first_error_ms: Option<f64>,
    /// From the accepted write to the first answer from elsewhere.
    pub first_elsewhere_ms: Option<f64>,
    /// From the accepted write until the target answered the wanted share, and kept answering it.
    pub failover_ms: Option<f64>,
    /// The same, from the first effect.
    pub failover_from_effect_ms: Option<f64>,
    /// From the accepted write to the failed region's last answer before putting back was requested.
    pub last_from_failed_ms: Option<f64>,
    /// From the accepted restore until the baseline's split was back and stayed so.
    pub failback_ms: Option<f64>,
    /// Requests of the whole drill.
    pub requests: u64,
    /// Those that failed, of the whole drill.
    pub failed: u64,
    /// Samples that were lost in transit.
    pub lost: u64,
    /// Requests per second reached in the baseline.
    pub rate: f64,
}

/// A moment on the timeline.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Moment {
    /// Such as `first answer from west-1`.
    pub name: String,
    pub at_ms: f64,
}

/// One phase.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Phase {
    /// `baseline`, `fault`, `hold` or `after`.
    pub name: String,
    pub from_ms: f64,
    pub to_ms: f64,
    /// Requests that ended in it.
    pub requests: u64,
    /// Those that failed.
    pub failed: u64,
    /// Answers by region; those of an unknown region count under `unknown`.
    pub answers: BTreeMap<String, u64>,
    /// Of the requests that succeeded; absent if none did.
    pub latency: Option<Latency>,
}

/// Quantiles in milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Latency {
    /// Half are faster.
    pub p50: f64,
    /// 95 % are faster.
    pub p95: f64,
    /// 99 % are faster.
    pub p99: f64,
}

/// Requests by time.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Timeline {
    /// Width of a slice in milliseconds.
    pub width_ms: f64,
    /// Slices without a gap, from the drill's start.
    pub slices: Vec<Slice>,
}

/// Requests that ended in one slice of time.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Slice {
    /// Answers by region.
    pub answers: BTreeMap<String, u64>,
    /// Requests that failed.
    pub failed: u64,
}

/// What the client's proxy counted between its first and last reading, compared with what our traffic saw in that time.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counters {
    /// By region.
    pub attempts: BTreeMap<String, Attempts>,
    /// Answers by region to our traffic in that time.
    pub answers: BTreeMap<String, u64>,
    /// Our requests that failed in that time.
    pub failed: u64,
    /// Whether they agree with ours: as many successes by region, except for what a retry or a removed host explains.
    pub agrees: bool,
    /// The comparison in a sentence.
    pub told: String,
    /// Hosts that outlier detection ejected during the drill, with their regions.
    pub ejected: Vec<String>,
}

/// Attempts as a proxy counts them: a retried request counts several times.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Attempts {
    /// Those that succeeded.
    pub success: u64,
    /// Those that failed.
    pub error: u64,
}
