//! What happens while a plan is executed, to be shown or recorded.

use std::time::Duration;

use super::steps::StepId;

/// Something that happened to a step.
#[derive(Debug, Clone)]
pub enum Event {
    /// It began.
    Started(StepId),
    /// What it waits for now.
    Waiting(StepId, String),
    /// It is done.
    Done(StepId, Duration),
    /// It failed; the error itself comes with the result.
    Failed(StepId),
}
