//! What a reader needs to know to judge the figures.

use mesh_shared::plugin::finding::codes::report as codes;
use mesh_shared::plugin::finding::{Claim, Findings};
use mesh_shared::plugin::text::count;

use super::answerers::Source;
use super::facts::Facts;
use super::figures::count as count_requests;
use super::ordered_recording::{Part, UNKNOWN};
use crate::drill::recording::TrafficEnd;
use crate::drill::report::wording::{latency, percent, real};

/// Less than this share of the rate that was asked for is worth a warning.
const RATE_HELD: f64 = 0.9;

/// The notes, most important first.
pub fn notes(facts: &Facts<'_>) -> Findings {
    let all = [traffic(facts), who_answered(facts), samples(facts), meaning(facts)];
    all.into_iter().flatten().map(Claim::as_documented).collect()
}

fn traffic(facts: &Facts<'_>) -> Vec<Claim> {
    let mut notes = Vec::new();
    if let TrafficEnd::Broken(why) = &facts.recording.traffic {
        notes.push(codes::TRAFFIC_BROKE_OFF.found(format!("the traffic broke off: {why}")));
    }
    if facts.ordered.requests.is_empty() {
        notes.push(codes::NO_REQUEST.found("no request was reported"));
        return notes;
    }
    let reached = facts.figures.rate;
    match facts.experiment.rate {
        Some(wanted) if reached < f64::from(wanted) * RATE_HELD => {
            let what = format!("{wanted} requests/s were asked for, {reached:.0} were reached in the baseline");
            notes.push(codes::RATE_NOT_REACHED.found(what));
        }
        None => {
            let what = format!("the client's curl cannot hold a rate: {reached:.0} requests/s in the baseline");
            notes.push(codes::RATE_NOT_HELD.found(what));
        }
        Some(_) => {}
    }
    notes
}

fn who_answered(facts: &Facts<'_>) -> Vec<Claim> {
    let (failed, target) = (&facts.experiment.failed.region, &facts.experiment.target.region);
    let mut notes = Vec::new();
    if facts.experiment.pattern.is_some() && matches!(facts.source, Source::Counters | Source::Nothing) {
        notes.push(codes::PATTERN_NOT_FOUND.found("the pattern matched no answer"));
    }
    match facts.source {
        Source::Texts => {}
        Source::Majority => notes.push(codes::REGIONS_BY_MAJORITY.found(format!(
            "the client proxy's counters do not show regions: what most answers of the baseline say is taken for {failed}, \
             all others for {target}"
        ))),
        Source::Counters => notes.push(codes::REGIONS_BY_COUNTERS.found(format!(
            "only the client proxy's counters show who answered: the time resolution is the pause between two readings ({})",
            latency(facts.figures.resolution_ms)
        ))),
        Source::Nothing => {
            let what = "neither a pattern nor the client proxy's counters show who answered";
            notes.push(codes::REGIONS_UNKNOWN.found(what));
        }
    }
    let unknown = count_requests(&facts.ordered.requests, |request| request.region == Some(UNKNOWN));
    if unknown > 0 && facts.source != Source::Nothing {
        let what = format!("{} of unknown origin", count(unknown, "answer"));
        notes.push(codes::ANSWERS_UNKNOWN.found(what));
    }
    if facts.ordered.fault().is_some() && !facts.baseline.local() {
        notes.push(codes::BASELINE_ELSEWHERE.found(format!(
            "{} of the baseline came from elsewhere than {failed}: the first answer from elsewhere says nothing then, and \
             is left out",
            percent(facts.baseline.from_elsewhere)
        )));
    }
    notes
}

fn samples(facts: &Facts<'_>) -> Vec<Claim> {
    let ordered = &facts.ordered;
    let mut notes = Vec::new();
    if ordered.lost > 0 {
        let what = format!("{} lost on the way to this machine and counted nowhere", were(ordered.lost, "sample"));
        notes.push(codes::SAMPLES_LOST.found(what));
    }
    if ordered.repeated > 0 {
        let what = format!("{} reported more than once and counted once", were(ordered.repeated, "sample"));
        notes.push(codes::SAMPLES_REPEATED.found(what));
    }
    if ordered.stepped_back > 0 {
        let were = were(ordered.stepped_back, "sample");
        let what = format!("{were} earlier than the one before: they count as ended with it");
        notes.push(codes::SAMPLES_STEPPED_BACK.found(what));
    }
    let fewest = [Part::Baseline, Part::Fault, Part::Hold, Part::After]
        .map(|part| ordered.part(part).len())
        .into_iter()
        .filter(|requests| *requests > 0)
        .min();
    if fewest.is_some_and(|requests| requests < 100) {
        let what = "p99 of a phase with fewer than 100 requests is its slowest one";
        notes.push(codes::FEW_REQUESTS.found(what));
    }
    notes
}

fn meaning(facts: &Facts<'_>) -> Vec<Claim> {
    let mut notes = Vec::new();
    if facts.ordered.fault().is_some() {
        notes.extend(facts.experiment.fault.kind().note().map(|note| codes::FAULT_LIMITS.found(note)));
    }
    if facts.baseline.failed > 0 && facts.times.first_error.is_some() {
        let share = real(facts.baseline.failed) / real(facts.baseline.requests);
        let what = format!(
            "{} of the baseline failed as well: the first failed request may not be an effect of the fault",
            percent(share)
        );
        notes.push(codes::BASELINE_FAILED.found(what));
    }
    notes
}

fn were(number: u64, noun: &str) -> String {
    format!("{} {}", count(number, noun), if number == 1 { "was" } else { "were" })
}
