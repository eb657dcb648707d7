//! What a drill is judged by.

use super::answerers::Source;
use super::counters::Window;
use super::figures;
use super::figures::{Baseline, Times};
use super::ordered_recording::OrderedRecording;
use crate::drill::experiment::Experiment;
use crate::drill::recording::Recording;
use crate::drill::report::document::Figures;

/// What a drill is judged by.
pub(super) struct Facts<'a> {
    pub(super) recording: &'a Recording,
    pub(super) experiment: &'a Experiment,
    pub(super) ordered: OrderedRecording<'a>,
    pub(super) windows: Vec<Window<'a>>,
    pub(super) source: Source,
    pub(super) baseline: Baseline,
    pub(super) times: Times<'a>,
    pub(super) figures: Figures,
}

/// Outcomes of the requests sent under the fault.
pub(super) struct UnderFault {
    pub(super) requests: u64,
    pub(super) failed: u64,
    pub(super) from_target: u64,
    pub(super) from_failed: u64,
}

impl Facts<'_> {
    /// Who answered the requests sent during the fault, and how many failed.
    pub(super) fn under_fault(&self) -> UnderFault {
        let requests = self.ordered.under_fault();
        let from = |region: &str| figures::count(requests, |request| figures::is_from(request, region));
        UnderFault {
            requests: figures::count(requests, |_| true),
            failed: figures::count(requests, |request| request.failed),
            from_target: from(&self.experiment.target.region),
            from_failed: from(&self.experiment.failed.region),
        }
    }
}
