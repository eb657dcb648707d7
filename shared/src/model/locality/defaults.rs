//! The outlier detection that we write where a rule has none. What Istio and Envoy take where a rule is silent is in
//! [`super::ejection`].

use std::time::Duration;

/// What is written where a rule has no outlier detection of its own.
///
/// Five errors in a row, as Istio has it: a gateway is one host to Envoy, so that one bad answer of one pod behind it must not
/// take a whole region out. Looked at every second: a host comes back within a second of its time, and is soon forgiven. Out for
/// 30 s at first, as Istio has it: each time that it lapses into a fault costs up to five requests of each client.
pub const CONSECUTIVE_5XX: u32 = 5;
/// See [`CONSECUTIVE_5XX`].
pub const INTERVAL: Duration = Duration::from_secs(1);
/// See [`CONSECUTIVE_5XX`].
pub const BASE_EJECTION_TIME: Duration = Duration::from_secs(30);
/// The highest percentage that always leaves a host: of up to 100 hosts all but one may go, whatever the number is today. With
/// 100 a fault of all would leave nobody to be asked, and an outage would be made of errors.
pub const MAX_EJECTION_PERCENT: u32 = 99;
