//! Whether a client's traffic leaves its region when that fails, and why not.

use serde::Serialize;

use super::merge::Need;
use super::policy::{Effective, Level, Steering};

/// What a rule does for clients of one region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// Region of the clients.
    pub region: String,
    /// The region that is named as the next; none where all others are equal.
    pub next: Option<String>,
    /// Hosts in the region.
    pub own: usize,
    /// Hosts over all regions.
    pub hosts: usize,
    /// How many of them may be out at once.
    pub may_eject: usize,
    /// Whether answers with errors make the traffic leave the region.
    pub on_errors: bool,
    /// Whether it leaves when the region's endpoints go.
    pub when_gone: bool,
    /// In a sentence.
    pub why: String,
}

/// What a rule does for the clients of a region.
pub fn verdict(effective: &Effective, need: &Need) -> Verdict {
    let may_eject = effective.detection.as_ref().map_or(0, |detection| detection.may_eject(need.hosts));
    let next = effective.next_region(&need.region).map(str::to_owned);
    let ordered = effective.prioritised;
    let elsewhere = need.elsewhere > 0;
    let on_errors = ordered && elsewhere && may_eject >= need.own.max(1);
    let when_gone = elsewhere && effective.steering != Steering::Passthrough;
    let why = why(effective, need, may_eject, on_errors, next.as_deref());
    Verdict {
        region: need.region.clone(),
        next,
        own: need.own,
        hosts: need.hosts,
        may_eject,
        on_errors,
        when_gone,
        why,
    }
}

fn why(effective: &Effective, need: &Need, may_eject: usize, on_errors: bool, next: Option<&str>) -> String {
    match &effective.steering {
        Steering::Passthrough => return "PASSTHROUGH: Envoy goes to the address that the client asked for".into(),
        Steering::Distribute { .. } => {
            return "distribute shares the traffic out: no region takes over from another".into();
        }
        Steering::Nothing => return "locality load balancing is off: all regions get traffic at all times".into(),
        Steering::Locality { .. } | Steering::ZoneAware { .. } | Steering::Distribution { .. } => {}
    }
    if !effective.prioritised {
        return match effective.detection_level {
            Some(Level::Mesh) => "the outlier detection is the mesh's, which gives endpoints no order: all regions get traffic \
                                  at all times"
                .into(),
            _ if effective.port_settings => {
                "the port's own settings have no outlier detection and inherit none; without it Istio gives endpoints no \
                 order: all regions get traffic at all times"
                    .into()
            }
            _ => "no outlier detection, without which Istio gives endpoints no order: all regions get traffic at all times".into(),
        };
    }
    let Some(detection) = &effective.detection else {
        return "no outlier detection: errors never move traffic, only endpoints that go do".into();
    };
    if need.elsewhere == 0 {
        return "no ready endpoint in another region".into();
    }
    if !detection.counts_errors() {
        return "consecutive5xxErrors is 0: no error ejects a host, only endpoints that go move traffic".into();
    }
    if !on_errors {
        let default = if detection.percent_by_default { " (default)" } else { "" };
        let lets = match may_eject {
            0 => "none: it never ejects".to_owned(),
            some => format!("{some}, and {} has {}", need.region, need.own),
        };
        return format!(
            "maxEjectionPercent {}{default} of {} hosts is {lets}",
            detection.max_ejection_percent, need.hosts
        );
    }
    let to = next.map_or("all other regions equally".to_owned(), str::to_owned);
    format!("fails over to {to}: {may_eject} of {} hosts may be ejected, {} has {}", need.hosts, need.region, need.own)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::model::istio::destination_rule::{FailoverPair, read};
    use crate::model::locality::ejection::Detection;

    fn told(detection: Option<Value>, prioritised: bool, steering: Steering) -> (bool, String) {
        let effective = Effective {
            detection_level: detection.as_ref().map(|_| if prioritised { Level::Rule } else { Level::Mesh }),
            detection: detection.map(|block| Detection::of(&read(&block))),
            steering,
            port_settings: false,
            prioritised,
        };
        let verdict = verdict(&effective, &Need { region: "east".into(), own: 1, elsewhere: 1, hosts: 2 });
        (verdict.on_errors, verdict.why)
    }

    fn to_west() -> Steering {
        let pairs = vec![FailoverPair { from: "east".into(), to: "west".into() }];
        Steering::Locality { pairs, labels: Vec::new(), level: Level::Rule }
    }

    #[test]
    fn why_traffic_does_or_does_not_move_is_said() {
        let mut said = Vec::new();
        for (detection, prioritised, steering) in [
            (Some(json!({"maxEjectionPercent": 99})), true, to_west()),
            (Some(json!({"consecutive5xxErrors": 1})), true, to_west()),
            (Some(json!({"consecutive5xxErrors": 0})), true, to_west()),
            (Some(json!({})), false, to_west()),
            (None, false, to_west()),
            (None, true, Steering::Distribution { value: "PreferClose".into() }),
            (Some(json!({"maxEjectionPercent": 99})), false, Steering::Distribute { level: Level::Rule }),
        ] {
            let (moves, why) = told(detection, prioritised, steering);
            said.push(format!("{} {why}", if moves { "yes" } else { "no " }));
        }
        insta::assert_snapshot!(said.join("\n"), @r"
        yes fails over to west: 1 of 2 hosts may be ejected, east has 1
        no  maxEjectionPercent 10 (default) of 2 hosts is none: it never ejects
        no  consecutive5xxErrors is 0: no error ejects a host, only endpoints that go move traffic
        no  the outlier detection is the mesh's, which gives endpoints no order: all regions get traffic at all times
        no  no outlier detection, without which Istio gives endpoints no order: all regions get traffic at all times
        no  no outlier detection: errors never move traffic, only endpoints that go do
        no  distribute shares the traffic out: no region takes over from another
        ");
    }
}
