//! The kinds of findings.

use std::fmt;

use serde::{Serialize, Serializer};

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Good to know.
    Note,
    /// It works, and costs something or will not last.
    Warning,
    /// It does not work: a command that would write refuses.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// A command that may refuse because of what it finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verb {
    /// `kubectl mesh-mc join`.
    Join,
    /// `kubectl mesh-failover expose`.
    Expose,
    /// `kubectl mesh-failover unexpose`.
    Unexpose,
    /// `kubectl mesh-failover regions set`.
    RegionsSet,
    /// `kubectl mesh-failover locality apply`.
    LocalityApply,
    /// `kubectl mesh-failover locality diff`.
    LocalityDiff,
    /// `kubectl mesh-failover locality show`.
    LocalityShow,
    /// `kubectl mesh-failover locality remove`.
    LocalityRemove,
    /// `kubectl mesh-failover drill`.
    Drill,
    /// `kubectl mesh-failover drill recover`.
    DrillRecover,
}

impl Verb {
    /// All that write to clusters.
    pub(super) const WRITING: &[Self] = &[
        Self::Join,
        Self::Expose,
        Self::Unexpose,
        Self::RegionsSet,
        Self::LocalityApply,
        Self::LocalityRemove,
        Self::Drill,
        Self::DrillRecover,
    ];
}

impl fmt::Display for Verb {
    /// As it is typed after `kubectl`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Join => "mesh-mc join",
            Self::Expose => "mesh-failover expose",
            Self::Unexpose => "mesh-failover unexpose",
            Self::RegionsSet => "mesh-failover regions set",
            Self::LocalityApply => "mesh-failover locality apply",
            Self::LocalityDiff => "mesh-failover locality diff",
            Self::LocalityShow => "mesh-failover locality show",
            Self::LocalityRemove => "mesh-failover locality remove",
            Self::Drill => "mesh-failover drill",
            Self::DrillRecover => "mesh-failover drill recover",
        })
    }
}

/// A kind of thing that a rule finds. All are in [`super::codes`].
#[derive(Debug, PartialEq, Eq)]
pub struct Code {
    /// Category and name in kebab case, such as `trust/roots-differ`. It is never given to anything else.
    pub name: &'static str,
    /// How much it weighs.
    pub severity: Severity,
    /// In a sentence, whatever the case.
    pub meaning: &'static str,
    /// What to do about it, whatever the case. Empty only for a note.
    pub fix: &'static str,
    /// The verbs that refuse on it.
    pub refused_by: &'static [Verb],
    /// Whether it is the command line that is wrong: exit code 2.
    pub usage: bool,
}

impl Code {
    /// A code for what does not work; these verbs refuse on it.
    pub(super) const fn error(name: &'static str, refused_by: &'static [Verb]) -> Self {
        Self { name, severity: Severity::Error, meaning: "", fix: "", refused_by, usage: false }
    }

    /// A code for what works and costs something.
    pub(super) const fn warning(name: &'static str) -> Self {
        Self { severity: Severity::Warning, ..Self::error(name, &[]) }
    }

    /// A code for what is good to know.
    pub(super) const fn note(name: &'static str) -> Self {
        Self { severity: Severity::Note, ..Self::error(name, &[]) }
    }

    /// The same with its meaning.
    pub(super) const fn means(self, meaning: &'static str) -> Self {
        Self { meaning, ..self }
    }

    /// The same with what to do about it.
    pub(super) const fn fix(self, fix: &'static str) -> Self {
        Self { fix, ..self }
    }

    /// The same, on which these verbs refuse although others go on.
    pub(super) const fn refused_by(self, refused_by: &'static [Verb]) -> Self {
        Self { refused_by, ..self }
    }

    /// The same for a wrong command line.
    pub(super) const fn usage(self) -> Self {
        Self { usage: true, ..self }
    }

    /// What it is about, such as `trust`.
    pub fn category(&self) -> &'static str {
        self.name.split_once('/').map_or(self.name, |(category, _)| category)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name)
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name)
    }
}
