//! What happened in a drill, as reported: samples of the traffic, readings of the client proxy's counters, marks of the
//! phases. Times count from the drill's start, by this machine's monotonic clock.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::experiment::Experiment;
use super::request_outcome::Outcome;

/// Everything that a report is made of.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Recording {
    /// What was to be shown.
    pub experiment: Experiment,
    /// When the drill began, by this machine's clock.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// What happened when, in chronological order.
    pub marks: Vec<(Mark, Duration)>,
    /// Requests in the order of their numbers; a missing number was lost in transit.
    pub samples: Vec<Sample>,
    /// How the traffic ended.
    pub traffic: TrafficEnd,
    /// Counters of the client's proxy, in chronological order; empty if they could not be read.
    pub readings: Vec<Reading>,
    /// Every field that was changed, and what became of it.
    pub put_back: Vec<PutBack>,
    /// Why the drill ended early, if it did.
    pub stopped: Option<Stop>,
}

impl Recording {
    /// The recording of a drill in which nothing has happened yet.
    pub fn begin(experiment: Experiment, started: Timestamp) -> Self {
        Self {
            experiment,
            started,
            ended: started,
            marks: Vec::new(),
            samples: Vec::new(),
            traffic: TrafficEnd::Whole,
            readings: Vec::new(),
            put_back: Vec::new(),
            stopped: None,
        }
    }
}

/// A moment of the drill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mark {
    /// The first request was sent: the baseline begins.
    Baseline,
    /// The fault was requested: its write was sent.
    FaultAsked,
    /// The API server accepted it.
    FaultAccepted,
    /// Traffic has failed over, or the time for that is over: the hold begins.
    Hold,
    /// Putting back was requested.
    RestoreAsked,
    /// The API server accepted it.
    RestoreAccepted,
    /// The end of observation.
    End,
}

/// One request of the traffic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sample {
    /// Its number, from 1.
    pub number: u64,
    /// When its end was reported to us.
    pub at: Duration,
    /// How long it took, by curl's measurement.
    pub took: Duration,
    /// How it ended.
    pub outcome: Outcome,
    /// What the pattern matched in the answer.
    pub answered_by: Option<String>,
}

/// How the traffic's one long exec ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TrafficEnd {
    /// Its end marker was seen, or we ended it ourselves when everything had been watched.
    Whole,
    /// It broke off.
    Broken(String),
}

/// The client proxy's counters for the service, at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reading {
    pub at: Duration,
    /// Per host of the Envoy cluster of the service's port (`outbound|port||host`).
    pub hosts: Vec<HostCounters>,
}

impl Reading {
    /// Successes of each host since an earlier reading, with its region. A host that counts less than before started
    /// from zero.
    pub fn successes_since<'a>(&'a self, earlier: &'a Self) -> impl Iterator<Item = (&'a str, u64)> {
        self.hosts.iter().map(|host| {
            let before = earlier.hosts.iter().find(|one| one.address == host.address).map_or(0, |one| one.success);
            (host.region.as_str(), host.success.checked_sub(before).unwrap_or(host.success))
        })
    }
}

/// The client proxy's counters of one host. They count attempts, not requests: a retried one counts twice. They vanish
/// with a host that EDS removes and start from zero when it comes back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HostCounters {
    /// `address:port`.
    pub address: String,
    /// Region of its locality.
    pub region: String,
    /// 0 is preferred.
    pub priority: u32,
    /// Attempts that succeeded.
    pub success: u64,
    /// Attempts that failed.
    pub error: u64,
    /// Whether outlier detection has it ejected.
    pub ejected: bool,
}

/// A field that the drill changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PutBack {
    /// Such as `Deployment sample/helloworld-v1 in east`.
    pub object: String,
    /// Such as `replicas`, or `the EnvoyFilter itself`.
    pub field: String,
    /// The value before.
    pub before: String,
    /// The value that the drill wrote.
    pub during: String,
    /// The value after, read back.
    pub after: String,
    /// Whether that is the value before.
    pub restored: bool,
    /// If not, why, and what to do.
    pub fault: Option<String>,
    /// If not, in which state it was left.
    pub left: Option<Left>,
}

/// State of a change that is not put back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Left {
    /// Someone else has changed it since, and that is kept.
    Theirs,
    /// It is as before, but a request of the drill may still change it.
    Open,
    /// It is as the drill made it, or unknown.
    Unknown,
}

impl PutBack {
    /// Whether it is as before but not settled: a request of the drill may still be carried out.
    pub fn is_open(&self) -> bool {
        self.left == Some(Left::Open)
    }

    /// A sentence without a full stop, such as
    /// `Deployment sample/web in east: replicas was 3, is 0: it could not be put back in time`.
    pub fn unrestored(&self) -> String {
        let Self { object, field, before, after, fault, .. } = self;
        let fault = fault.as_deref().unwrap_or("it is not as it was");
        if self.is_open() {
            format!("{object}: {field} is {after} as before, but {fault}")
        } else {
            format!("{object}: {field} was {before}, is {after}: {fault}")
        }
    }
}

/// Why a drill ended early.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stop {
    /// The baseline was below what the hypothesis asks for: no fault was injected.
    Baseline,
    /// The stop condition was met: this many requests had failed.
    MaxErrors(u64),
    /// The client's traffic broke off.
    Traffic(String),
    /// Someone else took the lock, or it could not be renewed.
    LockLost(String),
    /// A signal.
    Signal(i32),
    /// Something else failed.
    Failed(String),
}
