//! The rule that governs the client, as far as it matters to a drill.

use std::time::Duration;

use mesh_shared::model::locality::ejection::{ejections_during, longest_ejection};
use serde::{Serialize, Serializer};

/// Outlier detection of the rule that governs the client, with Istio's defaults for what it leaves out.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rule {
    /// Such as `DestinationRule sample/helloworld`.
    pub name: String,
    /// Region to which the rule's `failover` sends the failed region's traffic, if it has such a pair.
    pub failover_to: Option<String>,
    /// Whether it has outlier detection at all.
    pub outlier_detection: bool,
    /// `consecutive5xxErrors`, and 0 if it is switched off.
    pub consecutive_5xx: u32,
    /// `interval`: how often hosts are checked.
    #[serde(rename = "intervalMs", serialize_with = "milliseconds")]
    pub interval: Duration,
    /// `baseEjectionTime`.
    #[serde(rename = "baseEjectionMs", serialize_with = "milliseconds")]
    pub base_ejection: Duration,
    /// `maxEjectionPercent`.
    pub max_ejection_percent: u32,
    /// Number of hosts that the client's proxy has for the service, over all priorities.
    pub hosts: usize,
}

impl Rule {
    /// Such as `helloworld` of `DestinationRule sample/helloworld`.
    pub fn short_name(&self) -> &str {
        self.name.rsplit(['/', ' ']).next().filter(|name| !name.is_empty()).unwrap_or(&self.name)
    }

    /// The longest time that a fault of this length keeps a host out.
    pub fn longest_ejection(&self, fault: Duration) -> Duration {
        longest_ejection(self.base_ejection, self.interval, ejections_during(self.base_ejection, fault))
    }
}

/// Serializes a duration as reports write it.
pub fn milliseconds<S: Serializer>(time: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u64(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}
