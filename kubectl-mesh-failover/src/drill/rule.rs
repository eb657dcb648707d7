//! What the rule that governs the drill's client means for it: how long ejections last, and whether traffic can reach where it
//! leads.

use std::time::Duration;

use mesh_shared::error::{Error, Result};
use mesh_shared::locality::ejection::{ejections_during, longest_ejection as longest};
use mesh_shared::mesh::service::ServiceName;
use mesh_shared::observed::traffic::ObservedTraffic;

use super::experiment::Rule;
use crate::plan::exposure::openings;

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
