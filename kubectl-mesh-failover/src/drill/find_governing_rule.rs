//! Finds the rule that governs a client.

use std::collections::BTreeMap;

use mesh_shared::model::istio::destination_rule::OutlierDetection;
use mesh_shared::model::locality::ejection::Detection;
use mesh_shared::model::locality::governing::RuleIndex;
use mesh_shared::model::locality::hosts::hosts;
use mesh_shared::model::locality::policy::{Effective, Surroundings, effective};
use mesh_shared::model::names::ClusterName;
use mesh_shared::model::names::service::ServiceName;
use mesh_shared::model::seen::observed_traffic::ObservedTraffic;

use crate::drill::governing_rule::Rule;

/// A client of a service.
#[derive(Debug, Clone, Copy)]
pub struct ClientOf<'a> {
    pub cluster: &'a ClusterName,
    pub namespace: &'a str,
    pub region: &'a str,
    /// Labels of its pod, by which a rule may pick it.
    pub labels: &'a BTreeMap<String, String>,
}

/// The policy of a client's proxy for a port of a service, and the rule it comes from; none if the cluster is unknown.
pub fn governing(
    observed: &[&ObservedTraffic],
    client: ClientOf<'_>,
    service: &ServiceName,
    port: u16,
) -> Option<(Option<String>, Effective)> {
    let seen = observed.iter().find(|seen| seen.membership.name == *client.cluster)?;
    let index = RuleIndex::of(seen);
    let governed = index.governing(client.namespace, &service.namespace, &service.host());
    let rule = governed.for_labels(client.labels);
    let traffic_distribution =
        seen.services.by_name.get(service).and_then(|service| service.traffic_distribution.as_deref());
    let effective = effective(rule, port, Surroundings { mesh: &seen.mesh_config, traffic_distribution });
    Some((rule.map(|rule| rule.policy_rule().key().to_string()), effective))
}

/// The rule that governs a client for a port of a service; none if no DestinationRule does. A 503 counts toward both
/// `consecutive5xxErrors` and `consecutiveGatewayErrors`; the smaller one is returned.
pub fn rule(observed: &[&ObservedTraffic], client: ClientOf<'_>, service: &ServiceName, port: u16) -> Option<Rule> {
    let (name, effective) = governing(observed, client, service, port)?;
    let name = name?;
    let failover_to = effective.next_region(client.region).map(str::to_owned);
    let outlier_detection = effective.detection.is_some();
    let detection = effective.detection.unwrap_or_else(|| Detection::of(&OutlierDetection::default()));
    Some(Rule {
        name,
        failover_to,
        outlier_detection,
        consecutive_5xx: if outlier_detection { detection.errors_that_eject() } else { 0 },
        interval: detection.interval,
        base_ejection: detection.base_ejection_time,
        max_ejection_percent: detection.max_ejection_percent,
        hosts: hosts(observed, client.cluster, service).len(),
    })
}
