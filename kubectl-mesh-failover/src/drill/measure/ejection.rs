//! What outlier detection can do under the rule that governs the client.

use std::time::Duration;

use crate::drill::experiment::Rule;

/// Most hosts that may be ejected at once: one more may be as long as the ejected ones then are at most that percentage of all
/// hosts, over all priorities (Envoy source/common/upstream/outlier_detection_impl.cc, `ejectHost`).
pub fn most_ejected(rule: &Rule) -> usize {
    let percent = usize::try_from(rule.max_ejection_percent.min(100)).unwrap_or(100);
    rule.hosts * percent / 100
}

/// How long a host that was ejected so often in a row stays out at most: its base time as often, but no longer than the base
/// or 300 s, whichever is more, and then until the next look at it (Envoy `max_ejection_time`).
pub fn longest_ejection(rule: &Rule, times: u32) -> Duration {
    let most = rule.base_ejection.max(Duration::from_mins(5));
    rule.base_ejection.saturating_mul(times).min(most).saturating_add(rule.interval)
}
