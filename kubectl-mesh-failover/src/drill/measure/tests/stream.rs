//! Builds recordings: a client that sends 50 requests a second, and a proxy whose counters are read twice a second.

use std::collections::BTreeMap;
use std::time::Duration;

use mesh_shared::model::names::ClusterName;
use mesh_shared::model::names::service::ServiceName;

use crate::drill::experiment::{Client, Experiment, Hypothesis};
use crate::drill::faults::Fault;
use crate::drill::faults::tests::{errors, scaling};
use crate::drill::governing_rule::Rule;
use crate::drill::recording::{HostCounters, Mark, PutBack, Reading, Recording, Sample, Stop};
use crate::drill::request_outcome::Outcome;
use crate::drill::side::Side;

/// Pause between two requests.
pub const PAUSE: Duration = Duration::from_millis(20);

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// Version v1 in east.
    East,
    /// Version v2 in west.
    West,
    /// Version v3 in north.
    North,
    /// East, with an error.
    EastFails,
    /// West, with an error.
    WestFails,
    /// Nobody.
    Nobody,
}

/// A drill in progress.
pub struct Stream {
    /// What was recorded so far.
    pub recording: Recording,
    now: Duration,
    number: u64,
    hosts: BTreeMap<&'static str, HostCounters>,
}

fn side(cluster: &str) -> Side {
    Side {
        cluster: ClusterName::new(cluster).unwrap(),
        context: cluster.into(),
        region: format!("{cluster}-1"),
        endpoints: 1,
    }
}

/// The experiment of all streams: helloworld.sample, east to west.
pub fn experiment(fault: Fault) -> Experiment {
    Experiment {
        run: "7f3a9c01".into(),
        service: ServiceName { namespace: "sample".into(), name: "helloworld".into() },
        fault,
        failed: side("east"),
        target: side("west"),
        workloads: vec!["Deployment sample/helloworld-v1".into()],
        client: Client {
            workload: "Deployment/curl".into(),
            namespace: "sample".into(),
            pod: "curl-7d9c-x2".into(),
            container: "curl".into(),
            cluster: ClusterName::new("east").unwrap(),
            region: "east-1".into(),
        },
        url: "http://helloworld.sample.svc.cluster.local:5000/hello".into(),
        rate: Some(50),
        pattern: Some("version: v[0-9]+".into()),
        hypothesis: Hypothesis {
            baseline_success: 0.99,
            failover_share: 0.99,
            failover_within: Duration::from_secs(10),
            failback_within: Duration::from_secs(61),
            max_errors: None,
        },
        baseline: Duration::from_secs(10),
        hold: Duration::from_secs(10),
        rule: Some(Rule {
            name: "DestinationRule sample/helloworld".into(),
            failover_to: Some("west-1".into()),
            outlier_detection: true,
            consecutive_5xx: 1,
            interval: Duration::from_secs(1),
            base_ejection: Duration::from_mins(1),
            max_ejection_percent: 100,
            hosts: 2,
        }),
    }
}

impl Stream {
    /// A drill at its first request.
    pub fn begin(fault: Fault) -> Self {
        let recording = Recording {
            ended: "2026-11-24T21:41:00Z".parse().unwrap(),
            ..Recording::begin(experiment(fault), "2026-11-24T21:40:00Z".parse().unwrap())
        };
        let mut stream = Self { recording, now: Duration::ZERO, number: 0, hosts: BTreeMap::new() };
        stream.host_appears("10.0.1.11:5000");
        stream.host_appears("10.0.2.11:15443");
        stream.read();
        stream.mark(Mark::Baseline)
    }

    /// A moment of the drill.
    pub fn mark(mut self, mark: Mark) -> Self {
        self.recording.marks.push((mark, self.now));
        self
    }

    /// The fault is requested, and accepted 10 ms later.
    pub fn fault(self) -> Self {
        self.mark(Mark::FaultAsked).later(10).mark(Mark::FaultAccepted)
    }

    /// Putting back is requested, accepted 10 ms later, and read back.
    pub fn restore(self) -> Self {
        let mut stream = self.mark(Mark::RestoreAsked).later(10).mark(Mark::RestoreAccepted);
        stream.recording.put_back = vec![replicas("1", true)];
        stream
    }

    /// Nothing happens for this many milliseconds.
    pub fn later(mut self, milliseconds: u64) -> Self {
        self.now += Duration::from_millis(milliseconds);
        self
    }

    /// A number of requests, one every 20 ms, answered by these in turn.
    pub fn requests(mut self, count: u64, who: &[Who]) -> Self {
        for who in who.iter().cycle().take(usize::try_from(count).unwrap()) {
            self.request(*who);
        }
        self
    }

    fn request(&mut self, who: Who) {
        self.now += PAUSE;
        self.number += 1;
        let (outcome, text, host, took) = match who {
            Who::East => (Outcome::Answered(200), Some("version: v1"), Some("10.0.1.11:5000"), 1_200),
            Who::West => (Outcome::Answered(200), Some("version: v2"), Some("10.0.2.11:15443"), 2_000),
            Who::North => (Outcome::Answered(200), Some("version: v3"), Some("10.0.3.11:15443"), 3_000),
            Who::EastFails => (Outcome::Answered(503), None, Some("10.0.1.11:5000"), 900),
            Who::WestFails => (Outcome::Answered(503), None, Some("10.0.2.11:15443"), 900),
            Who::Nobody => (Outcome::Failed("Operation timed out".into()), None, None, 3_000),
        };
        let failed = !matches!(outcome, Outcome::Answered(200));
        if let Some(host) = host
            && who == Who::North
            && !self.hosts.contains_key(host)
        {
            self.host_appears(host);
        }
        if let Some(counters) = host.and_then(|host| self.hosts.get_mut(host)) {
            if failed {
                counters.error += 1;
            } else {
                counters.success += 1;
            }
        }
        self.recording.samples.push(Sample {
            number: self.number,
            at: self.now,
            took: Duration::from_micros(took),
            outcome,
            answered_by: text.map(str::to_owned),
        });
        if self.number.is_multiple_of(25) {
            self.read();
        }
    }

    /// The counters are read.
    pub fn read(&mut self) {
        self.recording.readings.push(Reading { at: self.now, hosts: self.hosts.values().cloned().collect() });
    }

    /// EDS removes a host and its counters.
    pub fn host_goes(mut self, address: &str) -> Self {
        self.hosts.remove(address);
        self
    }

    /// EDS adds a host, whose counters start from zero.
    pub fn host_comes(mut self, address: &'static str) -> Self {
        self.host_appears(address);
        self
    }

    /// Outlier detection ejects a host, or takes it back.
    pub fn eject(mut self, address: &str, ejected: bool) -> Self {
        if let Some(host) = self.hosts.get_mut(address) {
            host.ejected = ejected;
        }
        self
    }

    fn host_appears(&mut self, address: &'static str) {
        let region = match &address[..7] {
            "10.0.1." => "east-1",
            "10.0.2." => "west-1",
            _ => "north-1",
        };
        self.hosts.insert(
            address,
            HostCounters {
                address: address.into(),
                region: region.into(),
                priority: u32::from(region != "east-1"),
                success: 0,
                error: 0,
                ejected: false,
            },
        );
    }

    /// The drill is over.
    pub fn end(self) -> Recording {
        self.mark(Mark::End).recording
    }

    /// The drill was stopped.
    pub fn stopped(mut self, stop: Stop) -> Recording {
        self.recording.stopped = Some(stop);
        self.end()
    }
}

/// Outcome of the scaled workload.
pub fn replicas(after: &str, restored: bool) -> PutBack {
    PutBack {
        object: "Deployment sample/helloworld-v1 in east".into(),
        field: "replicas".into(),
        before: "1".into(),
        during: "0".into(),
        after: after.into(),
        restored,
        fault: (!restored).then(|| "someone else scaled it".into()),
        left: (!restored).then_some(crate::drill::recording::Left::Theirs),
    }
}

/// A drill by scaling to zero that holds: west answers 0.25 s after the fault, and east 3 s after the restore.
pub fn held() -> Stream {
    Stream::begin(scaling())
        .requests(500, &[Who::East])
        .fault()
        .requests(12, &[Who::East])
        .host_goes("10.0.1.11:5000")
        .requests(88, &[Who::West])
        .mark(Mark::Hold)
        .requests(500, &[Who::West])
        .restore()
        .requests(150, &[Who::West])
        .host_comes("10.0.1.11:5000")
        .requests(250, &[Who::East])
}

/// A drill by errors that the proxy never ejects for: all of 600 fail.
pub fn never_ejected() -> Recording {
    let mut stream = Stream::begin(errors(100))
        .requests(500, &[Who::East])
        .fault()
        .requests(500, &[Who::EastFails])
        .mark(Mark::Hold)
        .requests(100, &[Who::EastFails])
        .restore()
        .requests(250, &[Who::East]);
    stream.recording.experiment.rule.as_mut().unwrap().max_ejection_percent = 10;
    stream.end()
}
