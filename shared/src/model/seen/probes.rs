//! Probes of other runs.

use std::fmt;

use serde::Serialize;

/// The namespace of a probe. Another of its name has another UID, and is never deleted for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProbeNamespace {
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
}

impl fmt::Display for ProbeNamespace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.name)
    }
}

/// Namespaces of probes that other runs started.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Probes {
    /// Left behind by a killed run.
    pub leftover: Vec<ProbeNamespace>,
    /// Their run may still be active, here or on another machine.
    pub other: Vec<ProbeNamespace>,
}

impl Probes {
    /// Moves a probe to the leftovers if its run is known to have ended before its deadline.
    pub fn note_ended_runs(&mut self, has_ended: impl Fn(&str) -> bool) {
        let (ended, others): (Vec<ProbeNamespace>, Vec<ProbeNamespace>) =
            std::mem::take(&mut self.other).into_iter().partition(|namespace| has_ended(&namespace.name));
        self.leftover.extend(ended);
        self.other = others;
    }
}
