//! Probes of other runs.

use serde::Serialize;

/// Namespaces of probes that other runs started.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Probes {
    /// Those that a killed run left behind.
    pub leftover: Vec<String>,
    /// Those whose run may still be at work, here or on another machine.
    pub other: Vec<String>,
}

impl Probes {
    /// Counts a probe among what was left behind where its run is known to have ended before its time.
    pub fn note_ended_runs(&mut self, has_ended: impl Fn(&str) -> bool) {
        let (ended, others): (Vec<String>, Vec<String>) =
            std::mem::take(&mut self.other).into_iter().partition(|namespace| has_ended(namespace));
        self.leftover.extend(ended);
        self.other = others;
    }
}
