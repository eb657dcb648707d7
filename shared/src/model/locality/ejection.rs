//! When Envoy takes a host out of service because it answers with errors, how many of them, and for how long.
//!
//! Rules: `applyOutlierDetection` (istio/istio pilot/pkg/networking/core/cluster_traffic_policy.go) for what Istio makes of a
//! DestinationRule; `DetectorImpl` (envoyproxy/envoy source/common/upstream/outlier_detection_impl.cc) for the rest.

use std::time::Duration;

use serde::Serialize;

use crate::model::istio::destination_rule::OutlierDetection;
use crate::plugin::duration::parse_duration;

/// Envoy's `max_ejection_percent` if a rule does not set it.
pub const DEFAULT_PERCENT: u32 = 10;

/// Istio's and Envoy's `consecutive5xxErrors` and `consecutiveLocalOriginFailures` if a rule does not set them.
const DEFAULT_ERRORS: u32 = 5;

/// Envoy's `interval` if a rule does not set it.
const DEFAULT_INTERVAL: Duration = Duration::from_secs(10);

/// Envoy's `base_ejection_time` if a rule does not set it.
const DEFAULT_BASE_EJECTION_TIME: Duration = Duration::from_secs(30);

/// Envoy's `max_ejection_time`, which Istio never sets; a longer `baseEjectionTime` takes its place.
pub const LONGEST: Duration = Duration::from_mins(5);

/// Outlier detection as Envoy runs it: what the rule sets, and the defaults of Istio and Envoy for the rest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Detection {
    /// Errors in a row that eject a host (5xx; for TCP, failures to connect); 0 if switched off.
    #[serde(rename = "consecutive5xxErrors")]
    pub consecutive_5xx: u32,
    /// 502, 503 and 504 in a row that eject a host; 0 if switched off.
    pub consecutive_gateway_errors: u32,
    /// Failures to connect in a row that eject a host, if they are counted separately.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consecutive_local_origin_failures: Option<u32>,
    /// How often Envoy checks whether a host may come back.
    #[serde(serialize_with = "written")]
    pub interval: Duration,
    /// How long the first ejection of a host lasts.
    #[serde(serialize_with = "written")]
    pub base_ejection_time: Duration,
    /// Percentage of the hosts of all priorities that may be out at once.
    pub max_ejection_percent: u32,
    /// Whether that percentage is Envoy's default rather than set by the rule.
    pub percent_by_default: bool,
    /// Below this percentage of healthy hosts Envoy treats all as healthy; 0 means never.
    pub min_health_percent: u32,
    /// Status codes that count as errors; empty for all from 500 on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub error_codes: Vec<u32>,
}

impl Detection {
    /// What Envoy does with an `outlierDetection` block.
    pub fn of(block: &OutlierDetection) -> Self {
        let time = |text: &Option<String>, default: Duration| {
            text.as_deref().and_then(|text| parse_duration(text).ok()).unwrap_or(default)
        };
        let percent = block.max_ejection_percent.filter(|percent| *percent > 0);
        let split = block.split_external_local_origin_errors == Some(true);
        Self {
            consecutive_5xx: block.consecutive_5xx_errors.unwrap_or(DEFAULT_ERRORS),
            consecutive_gateway_errors: block.consecutive_gateway_errors.unwrap_or(0),
            consecutive_local_origin_failures: split.then(|| {
                block.consecutive_local_origin_failures.filter(|errors| *errors > 0).unwrap_or(DEFAULT_ERRORS)
            }),
            interval: time(&block.interval, DEFAULT_INTERVAL),
            base_ejection_time: time(&block.base_ejection_time, DEFAULT_BASE_EJECTION_TIME),
            max_ejection_percent: percent.unwrap_or(DEFAULT_PERCENT).min(100),
            percent_by_default: percent.is_none(),
            min_health_percent: block.min_health_percent.unwrap_or(0),
            error_codes: block.outlier_detection_http_error_codes.clone(),
        }
    }

    /// Whether error responses can eject a host at all.
    pub fn counts_errors(&self) -> bool {
        self.errors_that_eject() > 0
    }

    /// How many responses 502, 503 or 504 in a row eject a host; 0 if none do.
    pub fn errors_that_eject(&self) -> u32 {
        let counts = [self.consecutive_5xx, self.consecutive_gateway_errors];
        counts.into_iter().filter(|errors| *errors > 0).min().unwrap_or(0)
    }

    /// How many of this number of hosts may be out at once.
    pub fn may_eject(&self, hosts: usize) -> usize {
        if self.counts_errors() { may_eject(hosts, self.max_ejection_percent) } else { 0 }
    }

    /// The longest time that a host stays out because of a fault of this length, if it was not ejected before.
    pub fn longest_after(&self, fault: Duration) -> Duration {
        let times = ejections_during(self.base_ejection_time, fault);
        longest_ejection(self.base_ejection_time, self.interval, times)
    }
}

/// How many of this number of hosts, over all priorities, Envoy lets be out at once.
///
/// Rule: one more is ejected as long as `100 * (out + 1) / hosts <= max_ejection_percent`, checked over all priorities
/// together, so 10 % of fewer than 10 hosts is none. Envoy's `always_eject_one_host` would eject one; it is off, and
/// Istio has no field for it.
pub fn may_eject(hosts: usize, percent: u32) -> usize {
    hosts * percent.min(100) as usize / 100
}

/// The longest time that a host's ejection lasts after this many ejections without one being forgiven in between.
///
/// Rule: `min(base * times, max(300 s, base))`, and the host comes back at the next check after that. Envoy forgives
/// one ejection at each check at which the host has been in service for an interval.
pub fn longest_ejection(base: Duration, interval: Duration, times: u32) -> Duration {
    base.saturating_mul(times.max(1)).min(LONGEST.max(base)).saturating_add(interval)
}

/// How often a host can be ejected while a fault lasts: at its start, and each time that it comes back during the
/// fault.
pub fn ejections_during(base: Duration, fault: Duration) -> u32 {
    let cap = LONGEST.max(base);
    let (mut begins, mut times) = (Duration::ZERO, 1);
    while times < 1_000 {
        begins = begins.saturating_add(base.saturating_mul(times).min(cap).max(Duration::from_millis(1)));
        if begins > fault {
            break;
        }
        times += 1;
    }
    times
}

fn written<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&crate::plugin::duration::write_duration(*duration))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SEED: &str = r#"{"consecutive5xxErrors": 1, "interval": "1s", "baseEjectionTime": "1m"}"#;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_seeds_own_rule_never_ejects_one_of_two_hosts() {
        let detection = Detection::of(&serde_json::from_str(SEED).unwrap());
        assert_eq!((detection.max_ejection_percent, detection.percent_by_default), (10, true));
        assert_eq!(detection.may_eject(2), 0);
        assert_eq!(detection.may_eject(9), 0);
        assert_eq!(detection.may_eject(10), 1);
        assert_eq!(detection.longest_after(seconds(20)), seconds(61));
    }

    #[test]
    fn what_a_rule_leaves_out_is_as_envoy_has_it() {
        let detection = Detection::of(&OutlierDetection::default());
        assert_eq!((detection.consecutive_5xx, detection.consecutive_gateway_errors), (5, 0));
        assert_eq!((detection.interval, detection.base_ejection_time), (seconds(10), seconds(30)));
        assert_eq!(detection.consecutive_local_origin_failures, None);
    }

    #[test]
    fn zero_errors_in_a_row_switch_ejection_off() {
        let off = OutlierDetection {
            consecutive_5xx_errors: Some(0),
            max_ejection_percent: Some(100),
            ..OutlierDetection::default()
        };
        assert_eq!(Detection::of(&off).may_eject(2), 0);
        let by_gateway = OutlierDetection { consecutive_gateway_errors: Some(3), ..off };
        assert_eq!(Detection::of(&by_gateway).may_eject(2), 2);
        assert_eq!(Detection::of(&by_gateway).errors_that_eject(), 3);
    }

    #[test]
    fn ninety_nine_percent_leave_one_host() {
        for hosts in 1..=100 {
            assert_eq!(may_eject(hosts, 99), hosts - 1);
        }
        assert_eq!(may_eject(101, 99), 99);
        assert_eq!(may_eject(2, 100), 2);
        assert_eq!(may_eject(2, 50), 1);
        assert_eq!(may_eject(2, 49), 0);
    }

    #[test]
    fn ejections_grow_by_their_number_and_end_at_five_minutes() {
        let (base, interval) = (seconds(60), seconds(10));
        assert_eq!(longest_ejection(base, interval, 1), seconds(70));
        assert_eq!(longest_ejection(base, interval, 3), seconds(190));
        assert_eq!(longest_ejection(base, interval, 100), seconds(310));
        assert_eq!(longest_ejection(seconds(900), interval, 2), seconds(910));
    }

    #[test]
    fn a_host_is_ejected_again_each_time_it_comes_back_into_the_fault() {
        assert_eq!(ejections_during(seconds(30), Duration::ZERO), 1);
        assert_eq!(ejections_during(seconds(30), seconds(29)), 1);
        assert_eq!(ejections_during(seconds(30), seconds(30)), 2);
        assert_eq!(ejections_during(seconds(30), seconds(90)), 3);
        assert_eq!(ejections_during(Duration::ZERO, seconds(3_600)), 1_000);
    }

    proptest! {
        /// Envoy's own loop, in its own arithmetic.
        #[test]
        fn as_many_go_as_envoy_lets_go(hosts in 1_usize..2_000, percent in 0_u32..=100) {
            let mut out = 0_usize;
            #[expect(clippy::cast_precision_loss, reason = "as Envoy does it")]
            while out < hosts && 100.0 * (out as f64 + 1.0) / hosts as f64 <= f64::from(percent) {
                out += 1;
            }
            prop_assert_eq!(may_eject(hosts, percent), out);
        }
    }
}
