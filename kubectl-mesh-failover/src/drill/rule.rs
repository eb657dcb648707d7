//! The rule that governs the drill's client, and whether traffic can reach where it leads.

use std::time::Duration;

use mesh_shared::error::{Error, Result};
use mesh_shared::locality::ejection::{ejections_during, longest_ejection as longest};
use mesh_shared::locality::governing::RuleIndex;
use mesh_shared::locality::hosts::hosts;
use mesh_shared::locality::policy::{Surroundings, effective};
use mesh_shared::mesh::service::ServiceName;
use mesh_shared::observed::traffic::{ObservedTraffic, PodSeen};

use super::experiment::Rule;
use crate::plan::exposure::openings;

/// What governs a client's traffic to a port of a service; none where no rule does.
pub fn governing(
    seen: &[&ObservedTraffic],
    client_at: &ObservedTraffic,
    client: &PodSeen,
    service: &ServiceName,
    port: u16,
) -> Option<Rule> {
    let index = RuleIndex::of(client_at);
    let governed = index.governing(&client.namespace, &service.namespace, &service.host());
    let rule = governed.for_labels(&client.labels)?;
    let traffic_distribution =
        client_at.services.get(service).and_then(|service| service.traffic_distribution.as_deref());
    let beside = Surroundings { mesh: &client_at.mesh_config, traffic_distribution };
    let effective = effective(Some(rule), port, beside);
    let detection = effective.detection.as_ref();
    Some(Rule {
        name: format!("DestinationRule {}/{}", rule.namespace(), rule.policy_rule().name),
        failover_to: effective.next_region(&client.locality.region).map(str::to_owned),
        outlier_detection: detection.is_some(),
        consecutive_5xx: detection.map_or(0, |detection| detection.consecutive_5xx),
        interval: detection.map(|detection| detection.interval).unwrap_or_default(),
        base_ejection: detection.map(|detection| detection.base_ejection_time).unwrap_or_default(),
        max_ejection_percent: detection.map_or(0, |detection| detection.max_ejection_percent),
        hosts: hosts(seen, &client_at.name, service).len(),
    })
}

/// The longest time that a host stays out because of a fault of this length.
pub fn longest_ejection(rule: &Rule, fault: Duration) -> Duration {
    longest(rule.base_ejection, rule.interval, ejections_during(rule.base_ejection, fault))
}

/// The target's cluster exposes the service, where it lies in another network than the client.
///
/// # Errors
/// A refusal with the command that exposes it.
pub fn exposed(target: &ObservedTraffic, client: &ObservedTraffic, service: &ServiceName) -> Result<()> {
    let one_network = target.network.is_some() && target.network == client.network;
    if one_network || target.name == client.name || !openings(target, service).is_empty() {
        return Ok(());
    }
    Err(Error::refused(format!("{service} is not exposed in {}, where its traffic would go", target.name))
        .at(format!("context {}", target.context))
        .because("its east-west gateway does not know the host, so that every request would fail")
        .fix(format!("kubectl mesh-failover expose {service} --contexts {},{}", client.context, target.context)))
}
