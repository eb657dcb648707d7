//! What the user wants of a service's failover.

use mesh_shared::model::istio::destination_rule::FailoverPair;
use mesh_shared::model::names::service::ServiceName;
use std::time::Duration;

/// What the user wants of a service's failover.
#[derive(Debug, Clone)]
pub struct LocalityRequest {
    /// The service.
    pub service: ServiceName,
    /// `--failover`; empty if it was not given.
    pub failover: Vec<FailoverPair>,
    /// `--consecutive-5xx-errors`.
    pub consecutive_5xx: Option<u32>,
    /// `--interval`.
    pub interval: Option<Duration>,
    /// `--base-ejection-time`.
    pub base_ejection_time: Option<Duration>,
    /// `--max-ejection-percent`.
    pub max_ejection_percent: Option<u32>,
    /// `--take-over`.
    pub take_over: TakeOver,
    /// Our field manager, and the value of `managed-by` labels.
    pub manager: &'static str,
}

/// Which of other people's fields may be changed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum TakeOver {
    /// None.
    #[default]
    Nothing,
    /// All that have to be.
    Everything,
    /// These.
    Fields(Vec<String>),
}

impl TakeOver {
    /// Whether the field may be changed.
    pub fn covers(&self, field: &str) -> bool {
        match self {
            Self::Nothing => false,
            Self::Everything => true,
            Self::Fields(fields) => fields.iter().any(|own| own == field),
        }
    }
}
