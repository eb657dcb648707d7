//! Who answered each request, from what the user's pattern matched and the regions of the client proxy's counters.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::counters;
use super::counters::{Window, window_at};
use super::ordered_recording::{OrderedRecording, Part, Request, UNKNOWN};
use crate::drill::experiment::Experiment;
use crate::drill::report::wording::real;

/// How it is known who answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Each answer has a text, and the counters show whose text it is.
    Texts,
    /// Each answer has a text, but no counters show whose: the most frequent one in the baseline is taken for the
    /// failed region's.
    Majority,
    /// Answers have no text: the counters show how many each region gave between two readings.
    Counters,
    /// It is unknown.
    Nothing,
}

/// Records in each answered request who answered it.
pub fn tell<'a>(experiment: &'a Experiment, ordered: &mut OrderedRecording<'a>, windows: &[Window<'a>]) -> Source {
    let texts = ordered.requests.iter().any(|request| !request.failed && request.sample.answered_by.is_some());
    let counted = counters::sum(windows).values().any(|attempts| attempts.success > 0);
    let (source, regions) = match (texts, counted) {
        (true, true) => (Source::Texts, by_texts(experiment, &ordered.requests, windows)),
        (true, false) => (Source::Majority, by_majority(experiment, &ordered.requests)),
        (false, true) => (Source::Counters, by_counters(&ordered.requests, windows)),
        (false, false) => (Source::Nothing, vec![UNKNOWN; ordered.requests.len()]),
    };
    for (request, region) in ordered.requests.iter_mut().zip(regions) {
        request.region = (!request.failed).then_some(region);
    }
    source
}

/// The text of an answer.
fn text<'a>(request: &Request<'a>) -> Option<&'a str> {
    request.sample.answered_by.as_deref().filter(|_| !request.failed)
}

/// The most frequent text in the baseline, else in the whole drill.
fn most_said<'a>(requests: &[Request<'a>]) -> Option<&'a str> {
    let most = |part: Option<Part>| {
        let mut times: BTreeMap<&str, u64> = BTreeMap::new();
        for request in requests.iter().filter(|request| part.is_none_or(|part| request.part == part)) {
            if let Some(text) = text(request) {
                *times.entry(text).or_default() += 1;
            }
        }
        times.into_iter().max_by(|one, other| one.1.cmp(&other.1).then(other.0.cmp(one.0))).map(|(text, _)| text)
    };
    most(Some(Part::Baseline)).or_else(|| most(None))
}

fn by_majority<'a>(experiment: &'a Experiment, requests: &[Request<'a>]) -> Vec<&'a str> {
    let failed = most_said(requests);
    let region = |request: &Request<'a>| match text(request) {
        None => UNKNOWN,
        said if said == failed => experiment.failed.region.as_str(),
        Some(_) => experiment.target.region.as_str(),
    };
    requests.iter().map(region).collect()
}

/// How often each text occurred in each window.
type Said<'a> = BTreeMap<&'a str, BTreeMap<usize, f64>>;

/// Assigns each text to the region whose successes, as far as no other text explains them, it matches best: a
/// least-squares assignment over all windows, made text by text and refined until none moves. A text that occurs in no
/// window, or matches no region's successes, is not assigned.
pub fn owners<'a>(
    experiment: &'a Experiment,
    requests: &[Request<'a>],
    windows: &[Window<'a>],
) -> BTreeMap<&'a str, &'a str> {
    let mut said: Said<'a> = BTreeMap::new();
    for request in requests {
        if let (Some(text), Some(window)) = (text(request), window_at(windows, request.at)) {
            *said.entry(text).or_default().entry(window).or_default() += 1.0;
        }
    }
    let regions = regions_in_order(experiment, windows);
    let mut unexplained: Vec<Vec<f64>> = windows
        .iter()
        .map(|window| regions.iter().map(|region| real(window.attempts.get(region).map_or(0, |a| a.success))).collect())
        .collect();
    let majority = most_said(requests);
    let mut texts: Vec<&str> = said.keys().copied().collect();
    texts.sort_by(|one, other| {
        let often = |text: &str| said[text].values().sum::<f64>();
        (majority == Some(*other)).cmp(&(majority == Some(*one))).then(often(other).total_cmp(&often(one)))
    });
    let mut owner: BTreeMap<&str, usize> = BTreeMap::new();
    for _ in 0..ROUNDS {
        let mut moved = false;
        for text in &texts {
            let before = owner.remove(text);
            shift(&mut unexplained, &said[text], before, 1.0);
            let after = best(&unexplained, &said[text], regions.len());
            shift(&mut unexplained, &said[text], after, -1.0);
            if let Some(region) = after {
                owner.insert(text, region);
            }
            moved |= before != after;
        }
        if !moved {
            break;
        }
    }
    owner.into_iter().map(|(text, region)| (text, regions[region])).collect()
}

fn by_texts<'a>(experiment: &'a Experiment, requests: &[Request<'a>], windows: &[Window<'a>]) -> Vec<&'a str> {
    let owners = owners(experiment, requests, windows);
    let region = |request: &Request<'a>| text(request).and_then(|text| owners.get(text)).copied().unwrap_or(UNKNOWN);
    requests.iter().map(region).collect()
}

/// Maximum number of rounds; the assignment settles in two or three.
const ROUNDS: usize = 10;

/// All regions with counters; in a tie the failed one wins, then the target.
fn regions_in_order<'a>(experiment: &'a Experiment, windows: &[Window<'a>]) -> Vec<&'a str> {
    let counted: BTreeSet<&str> = windows.iter().flat_map(|window| window.attempts.keys().copied()).collect();
    let sides = [experiment.failed.region.as_str(), experiment.target.region.as_str()];
    let first = sides.into_iter().filter(|side| counted.contains(side));
    first.chain(counted.iter().copied().filter(|region| !sides.contains(region))).collect()
}

fn shift(unexplained: &mut [Vec<f64>], said: &BTreeMap<usize, f64>, region: Option<usize>, sign: f64) {
    if let Some(region) = region {
        for (window, times) in said {
            unexplained[*window][region] += sign * times;
        }
    }
}

/// The region that reduces the squared error most; none if every one would increase it.
fn best(unexplained: &[Vec<f64>], said: &BTreeMap<usize, f64>, regions: usize) -> Option<usize> {
    let matched = |region: usize| said.iter().map(|(window, times)| times * unexplained[*window][region]).sum::<f64>();
    let better = |best: (Option<usize>, f64), region| match matched(region) {
        more if more > best.1 => (Some(region), more),
        _ => best,
    };
    (0..regions).fold((None, 0.0), better).0
}

/// Attributes the answers between two readings to the regions in proportion to what their hosts counted. Which answer
/// is whose is unknown: the region that answered most before comes first. Answers before the first and after the last
/// reading are attributed as those next to them.
fn by_counters<'a>(requests: &[Request<'a>], windows: &[Window<'a>]) -> Vec<&'a str> {
    let mut regions = vec![UNKNOWN; requests.len()];
    let mut leading = None;
    for window in windows {
        let from = requests.partition_point(|request| request.at <= window.from);
        let to = requests.partition_point(|request| request.at <= window.to);
        if from >= to {
            continue;
        }
        let answers: Vec<usize> = (from..to).filter(|index| !requests[*index].failed).collect();
        let shares = shares(window, answers.len(), leading);
        let names = shares.iter().flat_map(|(region, times)| std::iter::repeat_n(*region, *times));
        for (index, region) in answers.iter().zip(names) {
            regions[*index] = region;
        }
        leading = shares.iter().max_by_key(|(_, times)| *times).map(|(region, _)| *region).or(leading);
    }
    let only = |window: Option<&Window<'a>>| {
        let mut counting = window?.attempts.iter().filter(|(_, attempts)| attempts.success > 0);
        counting.next().filter(|_| counting.next().is_none()).map(|(region, _)| *region)
    };
    let edges = [(windows.first(), true), (windows.last(), false)];
    for (window, before) in edges {
        if let (Some(region), Some(window)) = (only(window), window) {
            let outside = |at: Duration| if before { at <= window.from } else { at > window.to };
            for (index, request) in requests.iter().enumerate() {
                if outside(request.at) {
                    regions[index] = region;
                }
            }
        }
    }
    regions
}

/// Spreads `answers` over the regions by what their hosts counted. If hosts of one region were removed, answers that no
/// host counted are theirs.
fn shares<'a>(window: &Window<'a>, answers: usize, leading: Option<&'a str>) -> Vec<(&'a str, usize)> {
    let mut counted: BTreeMap<&str, u64> = window
        .attempts
        .iter()
        .filter(|(_, attempts)| attempts.success > 0)
        .map(|(region, attempts)| (*region, attempts.success))
        .collect();
    let sum = counted.values().fold(0_u64, |sum, success| sum.saturating_add(*success));
    let wanted = u64::try_from(answers).unwrap_or(u64::MAX);
    if let (Some(gone), 1) = (window.removed.first(), window.removed.len())
        && sum < wanted
    {
        *counted.entry(gone).or_default() += wanted - sum;
    }
    let sum: u128 = counted.values().map(|success| u128::from(*success)).sum();
    if sum == 0 {
        return Vec::new();
    }
    let mut parts: Vec<(&str, usize, u128)> = counted
        .into_iter()
        .map(|(region, success)| {
            let product = u128::from(success) * u128::from(wanted);
            (region, usize::try_from(product / sum).unwrap_or(answers), product % sum)
        })
        .collect();
    let missing = answers.saturating_sub(parts.iter().map(|(_, whole, _)| whole).sum());
    parts.sort_by(|one, other| other.2.cmp(&one.2).then(one.0.cmp(other.0)));
    parts.iter_mut().take(missing).for_each(|(_, whole, _)| *whole += 1);
    parts.sort_by_key(|(region, whole, _)| (Some(*region) != leading, std::cmp::Reverse(*whole), *region));
    parts.into_iter().map(|(region, whole, _)| (region, whole)).collect()
}
