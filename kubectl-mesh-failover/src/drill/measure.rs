//! Turns a recording into a report: a pure function. docs/drills.md defines each figure.

pub mod answerers;

use std::collections::BTreeMap;

use super::recording::Recording;
use crate::drill::report::document::{Document, SCHEMA};
use crate::plugin_identity::BUILD;
use facts::Facts;
use figures::Baseline;
use ordered_recording::OrderedRecording;

mod counters;
mod facts;
mod figures;
mod judgement;
mod notes;
mod ordered_recording;
mod reasons;
mod timeline;

#[cfg(test)]
pub mod tests;

/// The report of a drill, also of an unfinished one: what has not happened yet is absent.
pub fn measure(recording: &Recording) -> Document {
    let experiment = &recording.experiment;
    let mut ordered = OrderedRecording::of(recording);
    let windows = counters::windows(&recording.readings);
    let source = answerers::tell(experiment, &mut ordered, &windows);
    let baseline = Baseline::of(experiment, &ordered);
    let times = figures::times(experiment, &ordered, baseline);
    let figures = figures::figures(recording, &ordered, &times, source);
    let facts = Facts { recording, experiment, ordered, windows, source, baseline, times, figures };
    let hypothesis = judgement::expectations(&facts);
    let verdict = judgement::verdict(&facts, &hypothesis);
    Document {
        schema: SCHEMA,
        version: BUILD.version(),
        started: recording.started,
        ended: recording.ended,
        verdict,
        headline: judgement::headline(&facts, verdict, &hypothesis),
        reasons: reasons::reasons(&facts, verdict, &hypothesis),
        experiment: experiment.clone(),
        hypothesis,
        moments: figures::moments(experiment, &facts.ordered, &facts.times),
        phases: timeline::phases(&facts.ordered),
        timeline: timeline::timeline(&facts.ordered),
        counters: counters::beside(&recording.readings, &facts.windows, &facts.ordered),
        put_back: recording.put_back.clone(),
        notes: notes::notes(&facts),
        figures: facts.figures,
    }
}

/// The region of each text that the pattern matched, as far as is known yet; for the display while a drill runs.
pub fn owners(recording: &Recording) -> BTreeMap<String, String> {
    let ordered = OrderedRecording::of(recording);
    let windows = counters::windows(&recording.readings);
    let owners = answerers::owners(&recording.experiment, &ordered.requests, &windows);
    owners.into_iter().map(|(text, region)| (text.to_owned(), region.to_owned())).collect()
}
