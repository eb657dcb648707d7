//! What `locality` decides: which regions take over from which, which rule says so in each cluster, and what it does.

pub mod damaged;
pub mod drift;
pub mod place;
pub mod reading;
pub mod regions;
pub mod removal;
pub mod report;

use std::time::Duration;

use mesh_shared::error::{Error, Result};
use mesh_shared::istio::destination_rule::FailoverPair;
use mesh_shared::locality::merge::Wanted;
use mesh_shared::locality::rewrite::{Rewrite, manifest};
use mesh_shared::mesh::name::ClusterName;
use mesh_shared::mesh::service::ServiceName;
use mesh_shared::observed::cluster::ObjectKey;
use mesh_shared::observed::traffic::ObservedTraffic;
use mesh_shared::plan::change::Change;
use mesh_shared::plan::diff::all_differences;
use serde_json::Value;

use self::damaged::{Damaged, refuse_damaged};
use super::members::no_service;

/// What the user wants of a service's failover.
#[derive(Debug, Clone)]
pub struct LocalityRequest {
    /// The service.
    pub service: ServiceName,
    /// `--failover`; empty where it was not given.
    pub failover: Vec<FailoverPair>,
    /// `--consecutive-5xx-errors`.
    pub consecutive_5xx: Option<u32>,
    /// `--interval`.
    pub interval: Option<Duration>,
    /// `--base-ejection-time`.
    pub base_ejection_time: Option<Duration>,
    /// `--max-ejection-percent`.
    pub max_ejection_percent: Option<u32>,
    /// `--take-over`.
    pub take_over: TakeOver,
    /// Our field manager, and the value of `managed-by` labels.
    pub manager: &'static str,
}

/// Which fields of somebody else's may be changed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum TakeOver {
    /// None.
    #[default]
    Nothing,
    /// All that have to be.
    Everything,
    /// These.
    Fields(Vec<String>),
}

/// What is done about a service's rules.
#[derive(Debug, Clone)]
pub struct LocalityPlan {
    /// The service.
    pub service: ServiceName,
    /// In the order in which they count; empty for a removal.
    pub pairs: Vec<FailoverPair>,
    /// What is done in each cluster.
    pub clusters: Vec<ClusterPlan>,
    /// What should be known before saying yes.
    pub notes: Vec<String>,
}

/// What is done in one cluster.
#[derive(Debug, Clone)]
pub struct ClusterPlan {
    /// The cluster.
    pub cluster: ClusterName,
    /// Its context.
    pub context: String,
    /// The rules that are made, changed or left as they are.
    pub rules: Vec<RulePlan>,
    /// Rules of which nobody knows what in them is ours, and which are left as they are.
    pub damaged: Vec<Damaged>,
    /// What should be known of this cluster before saying yes.
    pub notes: Vec<String>,
}

/// What is done with one rule.
#[derive(Debug, Clone)]
pub struct RulePlan {
    /// The rule.
    pub key: ObjectKey,
    /// From what stands to what will.
    pub rewrite: Rewrite,
    /// Why it is written.
    pub why: String,
}

impl LocalityPlan {
    /// The writes.
    pub fn changes(&self) -> Vec<Change> {
        let rules = self.clusters.iter().flat_map(|plan| plan.rules.iter().map(move |rule| (&plan.cluster, rule)));
        rules
            .filter_map(|(cluster, rule)| {
                let write = rule.rewrite.write.clone()?;
                Some(Change { cluster: cluster.clone(), write, why: rule.why.clone() })
            })
            .collect()
    }

    /// The rules of all clusters of which nobody knows what in them is ours.
    pub fn damaged(&self) -> impl Iterator<Item = &Damaged> {
        self.clusters.iter().flat_map(|plan| &plan.damaged)
    }

    /// Every rule as it will be, where it is written.
    pub fn manifests(&self) -> Vec<(ClusterName, Value)> {
        let rules = self.clusters.iter().flat_map(|plan| plan.rules.iter().map(move |rule| (&plan.cluster, rule)));
        rules
            .filter(|(_, rule)| rule.rewrite.write.is_some())
            .filter_map(|(cluster, rule)| Some((cluster.clone(), manifest(rule.rewrite.after.as_ref()?))))
            .collect()
    }

    /// What of somebody else's would have to change, a line each: cluster, field, owner, old and new.
    pub fn conflicts(&self, take_over: &TakeOver) -> Vec<String> {
        let mut all = Vec::new();
        for plan in &self.clusters {
            for rule in &plan.rules {
                let open = rule.rewrite.conflicts.iter().filter(|conflict| !take_over.covers(&conflict.field));
                for conflict in open {
                    let owners = match conflict.owners.as_slice() {
                        [] => "unknown".to_owned(),
                        owners => owners.join(", "),
                    };
                    for differs in all_differences(&conflict.old, &conflict.new) {
                        let old = if differs.live.is_null() { "nothing".to_owned() } else { differs.live.to_string() };
                        all.push(format!(
                            "{}: {} {}{} (owner {owners}) is {old}, wanted {}",
                            plan.cluster, rule.key, conflict.field, differs.path, differs.wanted
                        ));
                    }
                }
            }
        }
        all
    }
}

impl TakeOver {
    fn covers(&self, field: &str) -> bool {
        match self {
            Self::Nothing => false,
            Self::Everything => true,
            Self::Fields(fields) => fields.iter().any(|own| own == field),
        }
    }
}

/// Decides what the rules of a service are to say.
///
/// # Errors
/// As [`compare`], and a refusal where what is ours in a rule cannot be told.
pub fn apply(request: &LocalityRequest, observed: &[&ObservedTraffic]) -> Result<LocalityPlan> {
    let plan = compare(request, observed)?;
    refuse_damaged(&plan).map(|()| plan)
}

/// What the rules of a service are to say, beside what they say. A rule of which it cannot be told what in it is ours is left as it
/// is: who writes refuses it.
///
/// # Errors
/// A refusal where no cluster has the service, where regions are not named and cannot be told, or do not exist, and where a rule
/// that stands excludes failover. Fields of somebody else's are no refusal yet: see [`refuse_conflicts`].
pub fn compare(request: &LocalityRequest, observed: &[&ObservedTraffic]) -> Result<LocalityPlan> {
    let service = &request.service;
    known(service, observed)?;
    let pairs = regions::pairs(request, observed)?;
    let mut ports: Vec<u16> = observed
        .iter()
        .filter_map(|seen| seen.services.get(service))
        .flat_map(|service| service.ports.iter().map(|port| port.port))
        .collect();
    ports.sort_unstable();
    ports.dedup();
    let wanted = Wanted {
        pairs: pairs.clone(),
        consecutive_5xx: request.consecutive_5xx,
        interval: request.interval,
        base_ejection_time: request.base_ejection_time,
        max_ejection_percent: request.max_ejection_percent,
        ports,
        needs: Vec::new(),
    };
    let mut notes = regions::notes(&pairs, service, observed);
    let (with, without): (Vec<&ObservedTraffic>, Vec<&ObservedTraffic>) =
        observed.iter().copied().partition(|seen| seen.namespaces.contains(&service.namespace));
    for seen in without {
        notes.push(format!(
            "{} has no namespace {}: its clients do not find the service, and no rule is written there",
            seen.name, service.namespace
        ));
    }
    let clusters =
        with.into_iter().map(|seen| place::in_cluster(request, &wanted, observed, seen)).collect::<Result<_>>()?;
    Ok(LocalityPlan { service: service.clone(), pairs, clusters, notes })
}

/// # Errors
/// A refusal with every field that belongs to somebody else and is not to be taken over: its owner, what stands and what is
/// wanted.
pub fn refuse_conflicts(plan: &LocalityPlan, take_over: &TakeOver) -> Result<()> {
    let conflicts = plan.conflicts(take_over);
    if conflicts.is_empty() {
        return Ok(());
    }
    let mut contexts: Vec<&str> = plan
        .clusters
        .iter()
        .filter(|plan| plan.rules.iter().any(|rule| !rule.rewrite.conflicts.is_empty()))
        .map(|plan| plan.context.as_str())
        .collect();
    contexts.dedup();
    Err(Error::refused(format!("for {} to fail over, fields of somebody else's have to change", plan.service))
        .at(format!("context {}", contexts.join(", ")))
        .because(conflicts.join("\n"))
        .fix("change these fields where they are kept, then run the same command again")
        .fix(
            "or take them over by adding --take-over: what stood there is noted in the rule, and remove gives it back",
        ))
}

/// # Errors
/// A refusal where no cluster has a Service of this name.
pub fn known(service: &ServiceName, observed: &[&ObservedTraffic]) -> Result<()> {
    if observed.iter().any(|seen| seen.services.contains_key(service)) {
        return Ok(());
    }
    Err(no_service(service, observed))
}

#[cfg(test)]
mod tests;
