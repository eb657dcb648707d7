//! What a reconciliation can fail with, as the real operator words it.

use std::{fmt, time::Duration};

/// Why a resource could not be reconciled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The user's mistake: not tried again until something that is watched changes.
    Validation(String),
    /// A tag refers to what is not there.
    ReferenceNotFound(String),
    /// Anything else: tried again.
    Failed(String),
}

impl Fault {
    /// When to try again without an event; `failures` counts the tries so far.
    pub(crate) fn retry_after(&self, failures: u32) -> Option<Duration> {
        match self {
            Self::Validation(_) => None,
            Self::ReferenceNotFound(_) | Self::Failed(_) => {
                Some(Duration::from_millis(500).saturating_mul(1 << failures.min(6)))
            }
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Validation(message) => write!(f, "validation error: {message}"),
            Self::ReferenceNotFound(message) | Self::Failed(message) => f.write_str(message),
        }
    }
}

impl From<kube::Error> for Fault {
    fn from(error: kube::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_users_mistake_is_not_tried_again() {
        let fault = Fault::Validation("namespace \"istio-system\" doesn't exist".into());
        assert_eq!(fault.to_string(), "validation error: namespace \"istio-system\" doesn't exist");
        assert_eq!(fault.retry_after(0), None);
    }

    #[test]
    fn other_faults_are_tried_again_ever_more_slowly_up_to_half_a_minute() {
        let fault = Fault::Failed("refused".into());
        let waits: Vec<_> = [0, 1, 2, 6, 60].map(|n| fault.retry_after(n).map(|d| d.as_millis())).into();
        assert_eq!(waits, [Some(500), Some(1000), Some(2000), Some(32_000), Some(32_000)]);
    }
}
