//! Whether a client's traffic leaves its region when the region fails, and why or why not.

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use super::merge::Need;
use super::policy::{Effective, Level, Steering};
use crate::plugin::finding::codes::locality as codes;
use crate::plugin::finding::{Claim, Finding};

/// What a rule does for clients of one region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// Region of the clients.
    pub region: String,
    /// The region named as the next; none if all others are equal.
    pub next: Option<String>,
    /// Hosts in the region.
    pub own: usize,
    /// Hosts in all regions.
    pub hosts: usize,
    /// How many of them may be out at once.
    pub may_eject: usize,
    /// Whether error responses make the traffic leave the region.
    pub on_errors: bool,
    /// Whether it leaves when the region's endpoints go away.
    pub when_gone: bool,
    /// Why, in a sentence, and what to do about it. Serialized as `why`, only the sentence, and `findings`.
    #[serde(flatten, serialize_with = "as_why")]
    pub finding: Finding,
}

/// What a rule does for the clients of a region.
pub fn verdict(effective: &Effective, need: &Need) -> Verdict {
    let may_eject = effective.detection.as_ref().map_or(0, |detection| detection.may_eject(need.hosts));
    let next = effective.next_region(&need.region).map(str::to_owned);
    let ordered = effective.prioritised;
    let elsewhere = need.elsewhere > 0;
    let on_errors = ordered && elsewhere && may_eject >= need.own.max(1);
    let when_gone = elsewhere && effective.steering != Steering::Passthrough;
    let finding = why(effective, need, may_eject, on_errors, next.as_deref()).as_documented();
    Verdict {
        region: need.region.clone(),
        next,
        own: need.own,
        hosts: need.hosts,
        may_eject,
        on_errors,
        when_gone,
        finding,
    }
}

fn as_why<S: Serializer>(finding: &Finding, serializer: S) -> Result<S::Ok, S::Error> {
    let mut fields = serializer.serialize_struct("Why", 2)?;
    fields.serialize_field("why", &finding.what)?;
    fields.serialize_field("findings", &[finding])?;
    fields.end()
}

fn why(effective: &Effective, need: &Need, may_eject: usize, on_errors: bool, next: Option<&str>) -> Claim {
    match &effective.steering {
        Steering::Passthrough => {
            return codes::PASSTHROUGH.found("PASSTHROUGH: Envoy goes to the address that the client asked for");
        }
        Steering::Distribute { .. } => {
            return codes::DISTRIBUTES.found("distribute shares the traffic out: no region takes over from another");
        }
        Steering::Nothing => {
            return codes::BALANCING_OFF.found("locality load balancing is off: all regions get traffic at all times");
        }
        Steering::Locality { .. } | Steering::ZoneAware { .. } | Steering::Distribution { .. } => {}
    }
    if !effective.prioritised {
        return match effective.detection_level {
            Some(Level::Mesh) => codes::DETECTION_OF_THE_MESH.found(
                "the outlier detection is the mesh's, which gives endpoints no order: all regions get traffic at all times",
            ),
            _ if effective.port_settings => codes::PORT_WITHOUT_DETECTION.found(
                "the port's own settings have no outlier detection and inherit none; without it Istio gives endpoints no \
                 order: all regions get traffic at all times",
            ),
            _ => codes::NO_DETECTION.found(
                "no outlier detection, without which Istio gives endpoints no order: all regions get traffic at all times",
            ),
        };
    }
    let Some(detection) = &effective.detection else {
        return codes::ERRORS_NOT_DETECTED
            .found("no outlier detection: errors never move traffic, only endpoints that go do");
    };
    if need.elsewhere == 0 {
        return codes::NOTHING_ELSEWHERE.found("no ready endpoint in another region");
    }
    if !detection.counts_errors() {
        return codes::ERRORS_NOT_COUNTED
            .found("consecutive5xxErrors is 0: no error ejects a host, only endpoints that go move traffic");
    }
    if !on_errors {
        let default = if detection.percent_by_default { " (default)" } else { "" };
        let lets = match may_eject {
            0 => "less than one: nothing is ever ejected".to_owned(),
            some => format!("{some}, and {} has {}", need.region, need.own),
        };
        return codes::EJECTS_TOO_FEW.found(format!(
            "maxEjectionPercent {}{default} of {} hosts is {lets}",
            detection.max_ejection_percent, need.hosts
        ));
    }
    let to = next.map_or("all other regions equally".to_owned(), str::to_owned);
    codes::FAILS_OVER.found(format!(
        "fails over to {to}: {may_eject} of {} hosts may be ejected, {} has {}",
        need.hosts, need.region, need.own
    ))
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
        (verdict.on_errors, format!("{} [{}]", verdict.finding, verdict.finding.code))
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
        yes fails over to west: 1 of 2 hosts may be ejected, east has 1 [locality/fails-over]
        no  maxEjectionPercent 10 (default) of 2 hosts is less than one: nothing is ever ejected [locality/ejects-too-few]
        no  consecutive5xxErrors is 0: no error ejects a host, only endpoints that go move traffic [locality/errors-not-counted]
        no  the outlier detection is the mesh's, which gives endpoints no order: all regions get traffic at all times [locality/detection-of-the-mesh]
        no  no outlier detection, without which Istio gives endpoints no order: all regions get traffic at all times [locality/no-detection]
        no  no outlier detection: errors never move traffic, only endpoints that go do [locality/errors-not-detected]
        no  distribute shares the traffic out: no region takes over from another [locality/distributes]
        ");
    }
}
