//! The outlier detection that we write if a rule has none. The defaults of Istio and Envoy are in [`super::ejection`].

use std::time::Duration;

/// What is written if a rule has no outlier detection of its own.
///
/// Five errors in a row, Istio's default: a gateway is one host to Envoy, so one bad response of one pod behind it must
/// not take a whole region out. Checked every second: a host comes back within a second of its time, and is soon
/// forgiven. Out for 30 s at first, Istio's default: each return into a fault costs up to five requests of each client.
pub const CONSECUTIVE_5XX: u32 = 5;
/// See [`CONSECUTIVE_5XX`].
pub const INTERVAL: Duration = Duration::from_secs(1);
/// See [`CONSECUTIVE_5XX`].
pub const BASE_EJECTION_TIME: Duration = Duration::from_secs(30);
/// The highest percentage that always leaves a host: of up to 100 hosts all but one may go, whatever the number is today. With
/// 100, a fault of all hosts would leave none to ask, and turn errors into an outage.
pub const MAX_EJECTION_PERCENT: u32 = 99;
