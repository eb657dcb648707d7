//! What a reader needs to know to judge the figures.

use super::answerers::Source;
use super::facts::Facts;
use super::figures::count as count_requests;
use super::ordered_recording::{Part, UNKNOWN};
use crate::drill::recording::TrafficEnd;
use crate::drill::report::wording::{count, latency, percent, real};

/// Fraction of the wanted rate that has to be reached.
const RATE_HELD: f64 = 0.9;

/// The notes, most important first.
pub fn notes(facts: &Facts<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    notes.extend(traffic(facts));
    notes.extend(who_answered(facts));
    notes.extend(telling(facts));
    notes.extend(meaning(facts));
    notes
}

fn traffic(facts: &Facts<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    if let TrafficEnd::Broken(why) = &facts.recording.traffic {
        notes.push(format!("the traffic broke off: {why}"));
    }
    if facts.ordered.requests.is_empty() {
        notes.push("no request was reported".into());
        return notes;
    }
    let reached = facts.figures.rate;
    match facts.experiment.rate {
        Some(wanted) if reached < f64::from(wanted) * RATE_HELD => {
            notes.push(format!("{wanted} requests/s were asked for, {reached:.0} were reached in the baseline"));
        }
        None => notes.push(format!("the client's curl cannot hold a rate: {reached:.0} requests/s in the baseline")),
        Some(_) => {}
    }
    notes
}

fn who_answered(facts: &Facts<'_>) -> Vec<String> {
    let (failed, target) = (&facts.experiment.failed.region, &facts.experiment.target.region);
    let mut notes = Vec::new();
    if facts.experiment.pattern.is_some() && matches!(facts.source, Source::Counters | Source::Nothing) {
        notes.push("the pattern matched no answer".into());
    }
    match facts.source {
        Source::Texts => {}
        Source::Majority => notes.push(format!(
            "the client proxy's counters show no region: the most frequent match in the baseline is taken for {failed}, all others for {target}"
        )),
        Source::Counters => notes.push(format!(
            "who answered is known from the client proxy's counters alone: times are as fine as the pause between two readings ({})",
            latency(facts.figures.resolution_ms)
        )),
        Source::Nothing => notes.push("neither a pattern nor the client proxy's counters show who answered".into()),
    }
    let unknown = count_requests(&facts.ordered.requests, |request| request.region == Some(UNKNOWN));
    if unknown > 0 && facts.source != Source::Nothing {
        notes.push(format!("it is unknown who gave {}", count(unknown, "answer")));
    }
    if facts.ordered.fault().is_some() && !facts.baseline.local() {
        notes.push(format!(
            "{} of the baseline came from outside {failed}: the first answer from elsewhere then shows nothing, and is left out",
            percent(facts.baseline.from_elsewhere)
        ));
    }
    notes
}

fn telling(facts: &Facts<'_>) -> Vec<String> {
    let ordered = &facts.ordered;
    let mut notes = Vec::new();
    if ordered.lost > 0 {
        notes.push(format!("{} lost in transit and not counted", are(ordered.lost, "sample")));
    }
    if ordered.repeated > 0 {
        notes.push(format!("{} reported more than once and counted once", are(ordered.repeated, "sample")));
    }
    if ordered.stepped_back > 0 {
        notes.push(format!(
            "{} earlier than the one before: they count as ended with it",
            are(ordered.stepped_back, "sample")
        ));
    }
    let fewest = [Part::Baseline, Part::Fault, Part::Hold, Part::After]
        .map(|part| ordered.part(part).len())
        .into_iter()
        .filter(|requests| *requests > 0)
        .min();
    if fewest.is_some_and(|requests| requests < 100) {
        notes.push("p99 of a phase with fewer than 100 requests is its slowest one".into());
    }
    notes
}

fn meaning(facts: &Facts<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    if facts.ordered.fault().is_some() {
        notes.extend(facts.experiment.fault.kind().note().map(str::to_owned));
    }
    if facts.baseline.failed > 0 && facts.times.first_error.is_some() {
        let share = real(facts.baseline.failed) / real(facts.baseline.requests);
        notes.push(format!(
            "{} of the baseline failed as well: the first failed request may not be an effect of the fault",
            percent(share)
        ));
    }
    notes
}

fn are(number: u64, noun: &str) -> String {
    format!("{} {}", count(number, noun), if number == 1 { "was" } else { "were" })
}
