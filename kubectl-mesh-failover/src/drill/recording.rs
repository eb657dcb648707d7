//! What happened in a drill, as it was told: samples of the traffic, readings of the client proxy's counters, marks of the
//! phases. Times count from the drill's start, by this machine's monotonic clock.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::experiment::Experiment;
use super::request_outcome::Outcome;

/// Everything that a report is made of.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Recording {
    /// What was asked.
    pub experiment: Experiment,
    /// When the drill began, by this machine's clock.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// What happened when, in the order of time.
    pub marks: Vec<(Mark, Duration)>,
    /// Requests in the order of their numbers; a number that is missing was lost on the way to us.
    pub samples: Vec<Sample>,
    /// How the traffic ended.
    pub traffic: TrafficEnd,
    /// Counters of the client's proxy, in the order of time; empty where they could not be read.
    pub readings: Vec<Reading>,
    /// Every field that was changed, and what became of it.
    pub put_back: Vec<PutBack>,
    /// What ended the drill before its time.
    pub stopped: Option<Stop>,
}

impl Recording {
    /// Of a drill that begins: nothing has happened yet.
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
    /// The fault was asked for: its write was sent.
    FaultAsked,
    /// The API server accepted it.
    FaultAccepted,
    /// Traffic was seen to have failed over, or the time for that was over: the hold begins.
    Hold,
    /// Putting back was asked for.
    RestoreAsked,
    /// The API server accepted it.
    RestoreAccepted,
    /// The end of what was watched.
    End,
}

/// One request of the traffic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sample {
    /// Its number, from 1.
    pub number: u64,
    /// When its end was told to us.
    pub at: Duration,
    /// How long it took, by curl.
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
    /// Its end marker was seen, or we ended it ourselves once all was watched.
    Whole,
    /// It broke off.
    Broken(String),
}

/// The counters of the client's proxy for the service, at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reading {
    /// When.
    pub at: Duration,
    /// Per host of the cluster that the service's port makes (`outbound|port||host`).
    pub hosts: Vec<HostCounters>,
}

impl Reading {
    /// Successes of each host since an earlier reading, with its region. A host that counts less than before began at zero again.
    pub fn successes_since<'a>(&'a self, earlier: &'a Self) -> impl Iterator<Item = (&'a str, u64)> {
        self.hosts.iter().map(|host| {
            let before = earlier.hosts.iter().find(|one| one.address == host.address).map_or(0, |one| one.success);
            (host.region.as_str(), host.success.checked_sub(before).unwrap_or(host.success))
        })
    }
}

/// One host as the client's proxy counts. Counters are attempts, not requests: a retried one counts twice; they vanish with
/// a host that EDS removes and begin at zero when it comes back.
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
    /// What stood before.
    pub before: String,
    /// What the drill wrote.
    pub during: String,
    /// What stands after, read back.
    pub after: String,
    /// Whether that is what stood before.
    pub restored: bool,
    /// Why not, and what to do, where it is not.
    pub fault: Option<String>,
    /// What it is in that case.
    pub left: Option<Left>,
}

/// How a change stands that is not put back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Left {
    /// Somebody else has changed it since, and it is left as they have it.
    Theirs,
    /// It is as before, and a request of the drill may still change it.
    Open,
    /// It is as the drill made it, or nobody knows how it is.
    Unknown,
}

impl PutBack {
    /// Whether it is as before and yet not settled: a request of the drill may still be carried out.
    pub fn is_open(&self) -> bool {
        self.left == Some(Left::Open)
    }

    /// In a sentence without its end, such as `Deployment sample/web in east: replicas was 3, is 0: it could not be put back in time`.
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

/// Why a drill ended before its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stop {
    /// The baseline was below what the hypothesis asks for: no fault was injected.
    Baseline,
    /// The stop condition was met: so many requests had failed.
    MaxErrors(u64),
    /// The client's traffic broke off.
    Traffic(String),
    /// Somebody else took the lock, or it could not be renewed.
    LockLost(String),
    /// A signal.
    Signal(i32),
    /// Something else failed.
    Failed(String),
}
