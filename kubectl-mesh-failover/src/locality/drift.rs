//! Whether the rules of a service do the same in every cluster: each istiod reads only its own.

use mesh_shared::model::locality::governing::RuleIndex;
use mesh_shared::model::locality::policy::{Effective, Surroundings, effective};
use mesh_shared::model::names::ClusterName;
use mesh_shared::model::names::service::ServiceName;
use mesh_shared::model::seen::observed_traffic::ObservedTraffic;

use crate::mesh::selection::ports;

/// What clients of the service's own namespace are configured with in one cluster.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// The cluster.
    pub cluster: ClusterName,
    /// The rule that says so.
    pub rule: Option<String>,
    /// The port.
    pub port: u16,
    /// What it says.
    pub effective: Effective,
}

/// What each cluster says, for every port on which they differ; empty if they agree.
pub fn drift(service: &ServiceName, observed: &[&ObservedTraffic]) -> Vec<Told> {
    let mut all = Vec::new();
    for port in ports(service, observed) {
        let told: Vec<Told> = observed.iter().filter_map(|seen| told(service, seen, port)).collect();
        if told.windows(2).any(|pair| pair[0].effective != pair[1].effective) {
            all.extend(told);
        }
    }
    all
}

fn told(service: &ServiceName, seen: &ObservedTraffic, port: u16) -> Option<Told> {
    let service_seen = seen.services.by_name.get(service)?;
    let governed = RuleIndex::of(seen).governing(&service.namespace, &service.namespace, &service.host());
    let beside =
        Surroundings { mesh: &seen.mesh_config, traffic_distribution: service_seen.traffic_distribution.as_deref() };
    Some(Told {
        cluster: seen.membership.name.clone(),
        rule: governed.all.as_ref().map(|rule| rule.policy_rule().key().to_string()),
        port,
        effective: effective(governed.all.as_ref(), port, beside),
    })
}
