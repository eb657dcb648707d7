//! Computes the figures of a drill.

use std::collections::BTreeMap;
use std::time::Duration;

use super::answerers::Source;
use super::ordered_recording::{OrderedRecording, Part, Request, UNKNOWN};
use crate::drill::experiment::Experiment;
use crate::drill::recording::Recording;
use crate::drill::report::document::{Figures, Latency, Moment};
use crate::drill::report::wording::{real, share};

/// A state has settled only if it was watched for this long afterwards.
pub const WATCHED: Duration = Duration::from_secs(1);

/// And for this many requests.
pub const WATCHED_REQUESTS: usize = 10;

/// How far the split may be from the baseline's, as a fraction of all requests, and still count as back.
pub const SPLIT_TOLERANCE: f64 = 0.05;

/// Above this fraction of answers from elsewhere in the baseline, the first one under the fault proves nothing.
const ELSEWHERE_BEFORE: f64 = 0.01;

/// Tolerance for rounding errors in comparing counts with a share.
pub const ROUNDING: f64 = 1e-9;

/// Milliseconds, rounded to the microsecond.
pub fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

/// What happened when, from the drill's start.
#[derive(Debug, Default)]
pub struct Times<'a> {
    /// The first failed request under the fault.
    pub first_error: Option<Duration>,
    /// The first answer under the fault from a region other than the failed one, and that region; none if there were
    /// such before.
    pub first_elsewhere: Option<(Duration, &'a str)>,
    /// The earlier of the two; else the failover itself.
    pub first_effect: Option<Duration>,
    /// From when on the target answered the wanted share.
    pub failover: Option<Duration>,
    /// The last answer of the failed region under the fault.
    pub last_from_failed: Option<Duration>,
    /// The failed region's first answer since putting back counts.
    pub first_back: Option<Duration>,
    /// From when on the baseline's split was back.
    pub failback: Option<Duration>,
}

/// How the baseline's requests were spread.
#[derive(Debug, Clone, Copy)]
pub struct Baseline {
    /// All of them.
    pub requests: u64,
    /// Those that failed.
    pub failed: u64,
    /// Those that the failed region answered, as a fraction.
    pub from_failed: f64,
    /// Those that another known region answered, as a fraction.
    pub from_elsewhere: f64,
}

impl Baseline {
    /// Counts the baseline's requests.
    pub fn of(experiment: &Experiment, ordered: &OrderedRecording<'_>) -> Self {
        let requests = ordered.part(Part::Baseline);
        let all = count(requests, |_| true);
        Self {
            requests: all,
            failed: count(requests, |request| request.failed),
            from_failed: share(count(requests, |request| is_from(request, &experiment.failed.region)), all),
            from_elsewhere: share(count(requests, |request| elsewhere(request, &experiment.failed.region)), all),
        }
    }

    /// Whether the first answer from elsewhere shows that the fault takes effect.
    pub fn local(&self) -> bool {
        self.from_elsewhere <= ELSEWHERE_BEFORE
    }

    /// Whether enough came from the failed region for its return to be seen.
    pub fn tells(&self) -> bool {
        self.from_failed > SPLIT_TOLERANCE
    }
}

/// How many requests match.
pub fn count(requests: &[Request<'_>], is: impl Fn(&Request<'_>) -> bool) -> u64 {
    u64::try_from(requests.iter().filter(|request| is(request)).count()).unwrap_or(u64::MAX)
}

/// Whether a region answered the request.
pub fn is_from(request: &Request<'_>, region: &str) -> bool {
    request.region == Some(region)
}

fn elsewhere(request: &Request<'_>, failed: &str) -> bool {
    request.region.is_some_and(|region| region != failed && region != UNKNOWN)
}

/// The moments by which a drill is judged.
pub fn times<'a>(experiment: &Experiment, ordered: &OrderedRecording<'a>, baseline: Baseline) -> Times<'a> {
    let failed = experiment.failed.region.as_str();
    let target = experiment.target.region.as_str();
    if ordered.fault().is_none() {
        return Times::default();
    }
    let under = ordered.under_fault();
    let first = |requests: &[Request<'_>], is: &dyn Fn(&Request<'_>) -> bool| {
        requests.iter().find(|request| is(request)).map(|request| request.at)
    };
    let first_error = first(under, &|request| request.failed);
    let first_elsewhere = under
        .iter()
        .filter(|request| baseline.local() && elsewhere(request, failed))
        .find_map(|request| Some((request.at, request.region?)));
    let failover = settled(under, experiment.hypothesis.failover_share, |request| is_from(request, target));
    let first_effect = [first_error, first_elsewhere.map(|(at, _)| at)].into_iter().flatten().min().or(failover);
    let restored = ordered.restored();
    let back = (baseline.from_failed - SPLIT_TOLERANCE).max(0.0);
    Times {
        first_error,
        first_elsewhere,
        first_effect,
        failover,
        last_from_failed: under.iter().rev().find(|request| is_from(request, failed)).map(|request| request.at),
        first_back: first(restored, &|request| is_from(request, failed)),
        failback: settled(restored, back, |request| is_from(request, failed)).filter(|_| baseline.tells()),
    }
}

/// The end of the first request that is `wanted` and from which on the share of such requests, counted from it up to
/// any later one, never fell below `least`; none if fewer than [`WATCHED_REQUESTS`] or less than [`WATCHED`] came after
/// it.
///
/// So a lone failure long after the change, such as that of a proxy retrying a host that is still bad, undoes nothing,
/// while a relapse soon after it does.
fn settled(requests: &[Request<'_>], least: f64, wanted: impl Fn(&Request<'_>) -> bool) -> Option<Duration> {
    let end = requests.last()?.at;
    // How many wanted requests there are above the least share, after each request: between two requests the share was
    // below it exactly if this is lower at the later one. Computed from counts rather than summed up, so that no
    // rounding accumulates.
    let mut ahead = vec![0.0];
    let mut seen = 0;
    for (before, request) in (0_u64..).zip(requests) {
        seen += u64::from(wanted(request));
        ahead.push(real(seen) - real(before + 1) * least);
    }
    let mut lowest_ahead = f64::INFINITY;
    let mut since = None;
    for (index, request) in requests.iter().enumerate().rev() {
        lowest_ahead = ahead[index + 1].min(lowest_ahead);
        let watched = requests.len() - index > WATCHED_REQUESTS && end.saturating_sub(request.at) >= WATCHED;
        if watched && wanted(request) && lowest_ahead >= ahead[index] - ROUNDING {
            since = Some(request.at);
        }
    }
    since
}

/// The table of figures.
pub fn figures(recording: &Recording, ordered: &OrderedRecording<'_>, times: &Times<'_>, source: Source) -> Figures {
    let since = |begin: Option<Duration>, at: Option<Duration>| Some(milliseconds(at?.saturating_sub(begin?)));
    let fault = ordered.fault();
    Figures {
        resolution_ms: milliseconds(resolution(recording, ordered, source)),
        first_effect_ms: since(fault, times.first_effect),
        first_error_ms: since(fault, times.first_error),
        first_elsewhere_ms: since(fault, times.first_elsewhere.map(|(at, _)| at)),
        failover_ms: since(fault, times.failover),
        failover_from_effect_ms: since(times.first_effect, times.failover),
        last_from_failed_ms: since(fault, times.last_from_failed),
        failback_ms: since(ordered.restore(), times.failback),
        requests: count(&ordered.requests, |_| true),
        failed: count(&ordered.requests, |request| request.failed),
        lost: ordered.lost,
        rate: rate(ordered.part(Part::Baseline)),
    }
}

/// The usual pause between two requests, or between two readings if those show who answered.
fn resolution(recording: &Recording, ordered: &OrderedRecording<'_>, source: Source) -> Duration {
    if source == Source::Counters {
        usual_pause(recording.readings.iter().map(|reading| reading.at))
    } else {
        usual_pause(ordered.requests.iter().map(|request| request.at))
    }
}

/// The median of the pauses between moments; several reports in one moment count once.
fn usual_pause(times: impl Iterator<Item = Duration>) -> Duration {
    let times: Vec<Duration> = times.collect();
    let mut pauses: Vec<Duration> =
        times.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).filter(|pause| !pause.is_zero()).collect();
    pauses.sort_unstable();
    pauses.get(pauses.len() / 2).copied().unwrap_or_default()
}

/// Requests per second from the first to the last of these.
fn rate(requests: &[Request<'_>]) -> f64 {
    let (Some(first), Some(last)) = (requests.first(), requests.last()) else { return 0.0 };
    let took = last.at.saturating_sub(first.at).as_secs_f64();
    if took > 0.0 { (real(count(requests, |_| true) - 1) / took * 10.0).round() / 10.0 } else { 0.0 }
}

/// Quantiles of the duration of successful requests: the value at rank ⌈q·n⌉ of n sorted values.
pub fn latency(requests: &[Request<'_>]) -> Option<Latency> {
    let mut took: Vec<Duration> =
        requests.iter().filter(|request| !request.failed).map(|request| request.sample.took).collect();
    took.sort_unstable();
    let at = |percent: usize| {
        let place = (took.len() * percent).div_ceil(100);
        took.get(place.saturating_sub(1)).map(|took| milliseconds(*took))
    };
    Some(Latency { p50: at(50)?, p95: at(95)?, p99: at(99)? })
}

/// Answers by region.
pub fn answers(requests: &[Request<'_>]) -> BTreeMap<String, u64> {
    let mut answers = BTreeMap::new();
    for region in requests.iter().filter_map(|request| request.region) {
        *answers.entry(region.to_owned()).or_default() += 1;
    }
    answers
}

/// The moments for the timeline, in chronological order.
pub fn moments(experiment: &Experiment, ordered: &OrderedRecording<'_>, times: &Times<'_>) -> Vec<Moment> {
    let failed = &experiment.failed.region;
    let (elsewhere, region) = times.first_elsewhere.unzip();
    let mut moments: Vec<(Duration, String)> = [
        (ordered.fault(), "fault accepted".to_owned()),
        (times.first_error, "first failed request".to_owned()),
        (elsewhere, format!("first answer from {}", region.unwrap_or_default())),
        (times.failover, "failed over".to_owned()),
        (ordered.restore(), "restore accepted".to_owned()),
        (times.first_back, format!("{failed} answers again")),
        (times.failback, "failed back".to_owned()),
    ]
    .into_iter()
    .filter_map(|(at, name)| Some((at?, name)))
    .collect();
    moments.sort_by_key(|(at, _)| *at);
    moments.into_iter().map(|(at, name)| Moment { name, at_ms: milliseconds(at) }).collect()
}
