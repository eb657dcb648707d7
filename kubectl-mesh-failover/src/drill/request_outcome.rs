//! How requests of a drill end, and which count as failed.

use serde::Serialize;

/// How a request ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// An answer with this status.
    Answered(u16),
    /// No answer, in curl's words.
    Failed(String),
}

impl Outcome {
    /// Whether the request failed: no answer, or a status of 500 or above. Every other answer counts as a success,
    /// since the test is about who answers.
    pub fn is_failure(&self) -> bool {
        !matches!(self, Self::Answered(status) if *status < 500)
    }
}
