//! What the client's proxy counted: between two readings, and compared with our own traffic.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use mesh_shared::plugin::text::{count, grouped};

use super::ordered_recording::{OrderedRecording, UNKNOWN};
use crate::drill::recording::{HostCounters, Reading};
use crate::drill::report::document::{Attempts, Counters};

/// What was counted between two readings.
pub struct Window<'a> {
    /// The earlier reading.
    pub from: Duration,
    /// The later one.
    pub to: Duration,
    /// Attempts by region.
    pub attempts: BTreeMap<&'a str, Attempts>,
    /// Regions of hosts that EDS removed in it: what they counted since the earlier reading is lost.
    pub removed: BTreeSet<&'a str>,
}

/// The increments between readings. A host that is new, or counts less than before, started from zero.
///
/// A reading without hosts between others is left out: a proxy that has none for a moment and one that could not be
/// read look alike, and taking the latter for the former would count everything twice.
pub fn windows(readings: &[Reading]) -> Vec<Window<'_>> {
    let mut told: Vec<&Reading> = readings.iter().filter(|reading| !reading.hosts.is_empty()).collect();
    told.sort_by_key(|reading| reading.at);
    told.windows(2).map(|pair| window(pair[0], pair[1])).collect()
}

fn window<'a>(earlier: &'a Reading, later: &'a Reading) -> Window<'a> {
    let before: BTreeMap<&str, Attempts> = earlier
        .hosts
        .iter()
        .map(|host| (host.address.as_str(), Attempts { success: host.success, error: host.error }))
        .collect();
    let mut attempts: BTreeMap<&str, Attempts> = BTreeMap::new();
    for host in &later.hosts {
        let then = before
            .get(host.address.as_str())
            .filter(|then| then.success <= host.success && then.error <= host.error)
            .copied()
            .unwrap_or_default();
        let sum = attempts.entry(region(host)).or_default();
        sum.success = sum.success.saturating_add(host.success - then.success);
        sum.error = sum.error.saturating_add(host.error - then.error);
    }
    let stays: BTreeSet<&str> = later.hosts.iter().map(|host| host.address.as_str()).collect();
    let removed = earlier.hosts.iter().filter(|host| !stays.contains(host.address.as_str())).map(region).collect();
    Window { from: earlier.at, to: later.at, attempts, removed }
}

/// The window that contains a moment.
pub fn window_at(windows: &[Window<'_>], at: Duration) -> Option<usize> {
    let index = windows.partition_point(|window| window.to < at);
    windows.get(index).is_some_and(|window| window.from < at).then_some(index)
}

/// Attempts of all windows, by region.
pub fn sum<'a>(windows: &[Window<'a>]) -> BTreeMap<&'a str, Attempts> {
    let mut all: BTreeMap<&str, Attempts> = BTreeMap::new();
    for (region, attempts) in windows.iter().flat_map(|window| &window.attempts) {
        let sum = all.entry(region).or_default();
        sum.success = sum.success.saturating_add(attempts.success);
        sum.error = sum.error.saturating_add(attempts.error);
    }
    all
}

/// Compares the client proxy's counters with our traffic of the same time; none if fewer than two readings have hosts.
///
/// They agree if the proxy counted as many successes as we did, in total and by region, give or take: the requests
/// pending at the first and the last reading; 2 %; answers whose sample was lost or whose region is unknown; and
/// answers of hosts that were removed, whose counters vanished with them. Failed attempts may differ: a retry hides
/// them.
pub fn beside(readings: &[Reading], windows: &[Window<'_>], ordered: &OrderedRecording<'_>) -> Option<Counters> {
    let attempts = sum(windows);
    let ours = Ours::between(windows, ordered)?;
    let successes = attempts.values().fold(0_u64, |sum, attempts| sum.saturating_add(attempts.success));
    let errors = attempts.values().fold(0_u64, |sum, attempts| sum.saturating_add(attempts.error));
    let in_all = ours.fits(successes, ours.answered(), ours.removed.values().sum());
    let regions: BTreeSet<&str> = attempts.keys().chain(ours.answers.keys()).copied().collect();
    let by_region = regions.into_iter().filter(|region| *region != UNKNOWN).all(|region| {
        let counted = attempts.get(region).map_or(0, |attempts| attempts.success);
        ours.fits(counted, ours.of(region), ours.removed.get(region).copied().unwrap_or(0))
    });
    let counted = format!("{} and {}", count(successes, "answer"), count(errors, "failed attempt"));
    let seen = format!("{} and {}", grouped(ours.answered()), grouped(ours.failed));
    let more = if !in_all && successes > ours.answered() {
        "; the client may have traffic of its own to this service".to_owned()
    } else if in_all && !by_region {
        ", but spread differently over the regions".to_owned()
    } else if errors > ours.failed {
        format!("; retries hid {} of them", grouped(errors - ours.failed))
    } else {
        String::new()
    };
    Some(Counters {
        attempts: attempts.into_iter().map(|(region, attempts)| (region.to_owned(), attempts)).collect(),
        answers: ours.answers.iter().map(|(region, answers)| ((*region).to_owned(), *answers)).collect(),
        failed: ours.failed,
        agrees: in_all && by_region,
        told: format!("it counted {counted}, we {seen}{more}"),
        ejected: ejected(readings),
    })
}

/// Our traffic between the first and the last reading.
struct Ours<'a> {
    answers: BTreeMap<&'a str, u64>,
    failed: u64,
    /// Answers by hosts that were removed before they were read again.
    removed: BTreeMap<&'a str, u64>,
    /// Samples that are lost.
    lost: u64,
}

impl<'a> Ours<'a> {
    fn between(windows: &[Window<'_>], ordered: &OrderedRecording<'a>) -> Option<Self> {
        let (first, last) = (windows.first()?, windows.last()?);
        let mut ours = Self { answers: BTreeMap::new(), failed: 0, removed: BTreeMap::new(), lost: ordered.lost };
        for request in ordered.requests.iter().filter(|request| request.at > first.from && request.at <= last.to) {
            let Some(region) = request.region else {
                ours.failed += 1;
                continue;
            };
            *ours.answers.entry(region).or_default() += 1;
            if window_at(windows, request.at).is_some_and(|index| windows[index].removed.contains(region)) {
                *ours.removed.entry(region).or_default() += 1;
            }
        }
        Some(ours)
    }

    fn answered(&self) -> u64 {
        self.answers.values().sum()
    }

    fn of(&self, region: &str) -> u64 {
        self.answers.get(region).copied().unwrap_or(0)
    }

    /// Whether the number counted and the number that we saw may be the same.
    fn fits(&self, counted: u64, seen: u64, removed: u64) -> bool {
        let slack = 2 + seen.max(counted) / 50;
        let slack = slack.saturating_add(self.of(UNKNOWN)).saturating_add(self.lost);
        counted <= seen.saturating_add(slack) && seen <= counted.saturating_add(slack).saturating_add(removed)
    }
}

/// Hosts that were seen ejected, with their regions.
fn ejected(readings: &[Reading]) -> Vec<String> {
    let hosts = readings.iter().flat_map(|reading| &reading.hosts).filter(|host| host.ejected);
    let seen: BTreeSet<(&str, &str)> = hosts.map(|host| (region(host), host.address.as_str())).collect();
    seen.into_iter().map(|(region, address)| format!("{address} ({region})")).collect()
}

/// The region of a host, also if its locality has none.
fn region(host: &HostCounters) -> &str {
    if host.region.is_empty() { UNKNOWN } else { &host.region }
}
