//! Puts failover, and the outlier detection that triggers it, into a rule's spec. Everything else in it stays.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::defaults::{BASE_EJECTION_TIME, CONSECUTIVE_5XX, INTERVAL, MAX_EJECTION_PERCENT};
use super::ejection::{Detection, may_eject};
use crate::model::istio::destination_rule::{FailoverPair, read};
use crate::plugin::duration::{parse_duration, write_duration};
use crate::plugin::finding::codes::locality as codes;
use crate::plugin::finding::{Finding, Findings};

/// What a rule should say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wanted {
    /// In the order in which they count.
    pub pairs: Vec<FailoverPair>,
    /// `consecutive5xxErrors`, if the user sets it.
    pub consecutive_5xx: Option<u32>,
    /// `interval`, if the user sets it.
    pub interval: Option<Duration>,
    /// `baseEjectionTime`, if the user sets it.
    pub base_ejection_time: Option<Duration>,
    /// `maxEjectionPercent`, if the user sets it.
    pub max_ejection_percent: Option<u32>,
    /// Ports of the service, whose own settings need a copy.
    pub ports: Vec<u16>,
    /// What has to be ejected for the traffic of each client region to leave.
    pub needs: Vec<Need>,
}

/// What a client's proxy has to eject before all of its traffic goes elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Need {
    /// Region of the client and of the hosts that fail.
    pub region: String,
    /// Ready hosts in that region.
    pub own: usize,
    /// Ready hosts in other regions.
    pub elsewhere: usize,
    /// Hosts in all regions that its proxy has, ready or not.
    pub hosts: usize,
}

/// A spec with the failover in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Merged {
    /// The whole spec.
    pub spec: Value,
    /// Settings of the user that stay and that they should know of.
    pub findings: Vec<Finding>,
}

/// Returns the rule's spec with the failover in it.
///
/// What the user sets by a flag is written; an existing value is kept if the rule fails over with it; what is absent is
/// filled in. Settings of a port inherit nothing, so each port of the service that has its own gets a copy.
///
/// # Errors
/// Everything in the rule that excludes failover, or that the result would never fail over.
pub fn merge(spec: &Value, wanted: &Wanted) -> Result<Merged, Findings> {
    let mut refusals: Findings = percent_too_low(wanted).into_iter().collect();
    let mut spec = spec.as_object().cloned().unwrap_or_default();
    let mut findings = Vec::new();
    within(&mut spec, "trafficPolicy", |policy| {
        refusals.extend(into_policy(policy, "trafficPolicy", wanted, &mut findings));
        for settings in policy.get_mut("portLevelSettings").and_then(Value::as_array_mut).into_iter().flatten() {
            let number = settings["port"]["number"].as_u64().and_then(|number| u16::try_from(number).ok());
            let number = number.filter(|number| wanted.ports.contains(number));
            if let (Some(number), Some(policy)) = (number, settings.as_object_mut()) {
                let place = format!("portLevelSettings of port {number}");
                refusals.extend(into_policy(policy, &place, wanted, &mut findings));
            }
        }
    });
    if !refusals.is_empty() {
        return Err(refusals);
    }
    let spec = Value::Object(spec);
    findings.extend(overriding_subsets(&spec));
    Ok(Merged { spec, findings })
}

fn percent_too_low(wanted: &Wanted) -> Option<Finding> {
    let percent = wanted.max_ejection_percent?;
    let need = lacking(percent, &wanted.needs)?;
    let claim = codes::PERCENT_TOO_LOW
        .found(format!("with --max-ejection-percent {percent} {} would not fail over", need.region))
        .because(format!(
            "{} have to be ejected there, and that percentage lets {} go",
            of(need),
            may_eject(need.hosts, percent)
        ));
    Some(claim.fix(format!("leave the flag out: {MAX_EJECTION_PERCENT} % lets all but one go")))
}

/// A policy of a rule or of a port; returns what excludes failover in it.
fn into_policy(
    policy: &mut Map<String, Value>,
    place: &str,
    wanted: &Wanted,
    findings: &mut Vec<Finding>,
) -> Vec<Finding> {
    let excluded = within(policy, "loadBalancer", |balancer| {
        let excluded = excludes_failover(balancer, place);
        within(balancer, "localityLbSetting", |setting| into_locality(setting, place, wanted, findings));
        excluded
    });
    into_detection(policy, place, wanted, findings);
    excluded
}

/// What steers traffic in a way that Istio does not accept beside failover, with Istio's reason.
fn excludes_failover(balancer: &Map<String, Value>, place: &str) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut excludes = |field: &str, why: &str, fix: &str| {
        let what = format!("{place} has loadBalancer.{field}, which excludes failover");
        found.push(codes::FAILOVER_EXCLUDED.found(what).because(why).fix(fix));
    };
    if balancer.get("simple").is_some_and(|simple| simple == "PASSTHROUGH") {
        excludes(
            "simple PASSTHROUGH",
            "Envoy then goes to the address that the client asked for, and knows no other region",
            "take it out, or choose ROUND_ROBIN or LEAST_REQUEST",
        );
    }
    if balancer.get("zoneAwareLbSetting").is_some_and(|setting| !setting.is_null()) {
        excludes(
            "zoneAwareLbSetting",
            "Istio takes one of zoneAwareLbSetting and localityLbSetting alone, and refuses a rule with both",
            "take it out, or put the failover pairs into it by hand",
        );
    }
    let locality = balancer.get("localityLbSetting").unwrap_or(&Value::Null);
    if locality["distribute"].as_array().is_some_and(|shares| !shares.is_empty()) {
        excludes(
            "localityLbSetting.distribute",
            "Istio refuses a rule with distribute and failover; with distribute alone no region takes over from another",
            "take distribute out: then the nearest region gets all, as long as it can",
        );
    }
    let labels: Vec<String> = read(&locality["failoverPriority"]);
    if labels.iter().any(|label| label.starts_with("topology.kubernetes.io/") || label == "topology.istio.io/subzone") {
        excludes(
            "localityLbSetting.failoverPriority by region, zone or sub-zone",
            "Istio refuses a rule that ranks by those and has failover as well; and a gateway carries no such label, so \
             that other clusters are never ranked by them",
            "take these labels out of failoverPriority",
        );
    }
    found
}

fn into_locality(setting: &mut Map<String, Value>, place: &str, wanted: &Wanted, findings: &mut Vec<Finding>) {
    if setting.is_empty() || setting.get("enabled") == Some(&Value::Bool(false)) {
        setting.insert("enabled".into(), true.into());
    }
    let standing: Vec<FailoverPair> = setting.get("failover").map(read).unwrap_or_default();
    let pairs = with_pairs(&standing, &wanted.pairs);
    for stays in standing.iter().filter(|pair| pairs.contains(pair) && !wanted.pairs.contains(pair)) {
        let claim = codes::PAIR_KEPT.found(format!("{place} keeps its failover {stays}"));
        findings.push(claim.field(format!("{place}.loadBalancer.localityLbSetting.failover")).as_documented());
    }
    if pairs != standing {
        setting.insert("failover".into(), json!(pairs));
    }
}

/// The existing pairs, replaced in place by those that are wanted, followed by those that are missing.
fn with_pairs(standing: &[FailoverPair], wanted: &[FailoverPair]) -> Vec<FailoverPair> {
    let mut pairs = standing.to_vec();
    for pair in wanted {
        match pairs.iter_mut().find(|known| known.from == pair.from) {
            Some(known) => known.to.clone_from(&pair.to),
            None => pairs.push(pair.clone()),
        }
    }
    pairs
}

fn into_detection(policy: &mut Map<String, Value>, place: &str, wanted: &Wanted, findings: &mut Vec<Finding>) {
    let standing = policy.get("outlierDetection").filter(|block| !block.is_null());
    let is_new = standing.is_none();
    let detection = Detection::of(&standing.map(read).unwrap_or_default());
    within(policy, "outlierDetection", |block| {
        let errors = wanted.consecutive_5xx.or((is_new || !detection.counts_errors()).then_some(CONSECUTIVE_5XX));
        if let Some(errors) = errors {
            block.insert("consecutive5xxErrors".into(), errors.into());
        }
        for (key, wanted, default) in [
            ("interval", wanted.interval, INTERVAL),
            ("baseEjectionTime", wanted.base_ejection_time, BASE_EJECTION_TIME),
        ] {
            let standing = block.get(key).and_then(Value::as_str).and_then(|text| parse_duration(text).ok());
            if let Some(wanted) = wanted.or(is_new.then_some(default)).filter(|wanted| Some(*wanted) != standing) {
                block.insert(key.into(), write_duration(wanted).into());
            }
        }
        let standing = (!detection.percent_by_default).then_some(detection.max_ejection_percent);
        let percent = match (wanted.max_ejection_percent, standing) {
            (Some(wanted), _) => wanted,
            (None, Some(standing)) if lacking(standing, &wanted.needs).is_none() => {
                let claim = codes::PERCENT_KEPT.found(kept_percent(place, standing, &wanted.needs));
                findings.push(claim.field(format!("{place}.outlierDetection.maxEjectionPercent")).as_documented());
                standing
            }
            (None, _) => MAX_EJECTION_PERCENT,
        };
        if standing != Some(percent) {
            block.insert("maxEjectionPercent".into(), percent.into());
        }
    });
}

fn kept_percent(place: &str, percent: u32, needs: &[Need]) -> String {
    let kept = format!("{place} keeps its maxEjectionPercent {percent}");
    match needs.first() {
        _ if percent == 100 => format!("{kept}: if all hosts fail, none is left to ask"),
        Some(need) => format!("{kept}: today that lets {} of {} hosts go", may_eject(need.hosts, percent), need.hosts),
        None => kept,
    }
}

/// The first region whose hosts could not all be ejected.
fn lacking(percent: u32, needs: &[Need]) -> Option<&Need> {
    needs.iter().find(|need| may_eject(need.hosts, percent) < need.own.min(need.hosts.saturating_sub(1)))
}

fn of(need: &Need) -> String {
    format!("{} of {} hosts", need.own, need.hosts)
}

/// Subsets whose own policy replaces what we write.
fn overriding_subsets(spec: &Value) -> Vec<Finding> {
    let subsets = spec["subsets"].as_array().into_iter().flatten();
    subsets
        .filter_map(|subset| {
            let policy = subset["trafficPolicy"].as_object()?;
            let own: Vec<&str> = ["loadBalancer", "outlierDetection", "portLevelSettings"]
                .into_iter()
                .filter(|key| policy.get(*key).is_some_and(|value| !value.is_null()))
                .collect();
            let name = subset["name"].as_str().unwrap_or_default();
            (!own.is_empty()).then(|| {
                let what = format!("subset {name} has its own {}, which replaces this for its traffic", own.join(", "));
                codes::SUBSET_OVERRIDES.found(what).field(format!("subsets.{name}.trafficPolicy")).as_documented()
            })
        })
        .collect()
}

/// Edits the map under a key, and adds it if it is missing; it keeps its place among the keys.
fn within<T>(map: &mut Map<String, Value>, key: &str, edit: impl FnOnce(&mut Map<String, Value>) -> T) -> T {
    let mut inner = match map.get_mut(key).map(Value::take) {
        Some(Value::Object(inner)) => inner,
        _ => Map::new(),
    };
    let result = edit(&mut inner);
    map.insert(key.to_owned(), Value::Object(inner));
    result
}

#[cfg(test)]
pub(crate) mod tests;
