//! How a request of a drill ended, and which count as failed.

use serde::Serialize;

/// How a request ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// An answer with this status.
    Answered(u16),
    /// None, in curl's words.
    Failed(String),
}

impl Outcome {
    /// Whether the request failed: no answer, or one of status 500 and above. Every other answer counts as a success, since what
    /// is tested is who answers.
    pub fn is_failure(&self) -> bool {
        !matches!(self, Self::Answered(status) if *status < 500)
    }
}
