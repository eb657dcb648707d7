//! Probes of other runs.

use serde::Serialize;

/// Namespaces of probes that other runs started.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Probes {
    /// Left behind by a killed run.
    pub leftover: Vec<String>,
    /// Their run may still be active, here or on another machine.
    pub other: Vec<String>,
}

impl Probes {
    /// Moves a probe to the leftovers if its run is known to have ended before its deadline.
    pub fn note_ended_runs(&mut self, has_ended: impl Fn(&str) -> bool) {
        let (ended, others): (Vec<String>, Vec<String>) =
            std::mem::take(&mut self.other).into_iter().partition(|namespace| has_ended(namespace));
        self.leftover.extend(ended);
        self.other = others;
    }
}
