//! What `locality` decides: which regions take over from which, which rule says so in each cluster, and what it does.

use mesh_shared::model::locality::merge::Wanted;
use mesh_shared::model::names::service::ServiceName;
use mesh_shared::model::seen::observed_traffic::ObservedTraffic;
use mesh_shared::plugin::error::Result;
use mesh_shared::plugin::finding::codes::locality as codes;
use mesh_shared::plugin::finding::{Finding, Findings, Verb};

use super::damaged::damaged;
use super::request::{LocalityRequest, TakeOver};
use super::rule_plan::LocalityPlan;
use super::{rule_to_write, take_over};
use crate::mesh::selection::{no_service, ports};

/// Decides what the rules of a service should say.
///
/// # Errors
/// As [`compare`], and a refusal if what is ours in a rule is unknown.
pub fn apply(request: &LocalityRequest, observed: &[&ObservedTraffic]) -> Result<LocalityPlan> {
    let (plan, mut refusals) = decide(request, observed);
    refusals.extend(
        observed.iter().flat_map(|seen| damaged(&request.service, request.manager, seen)).map(|rule| rule.refusal()),
    );
    refusals.refuse(Verb::LocalityApply).map(|()| plan)
}

/// What the rules of a service should say, beside what they say. A rule in which our part is unknown is left as it is:
/// verbs that write refuse it.
///
/// # Errors
/// A refusal if no cluster has the service, if regions are not named and cannot be inferred, or do not exist, and if an
/// existing rule excludes failover. Other people's fields are not refused yet: see [`refuse_conflicts`].
pub fn compare(request: &LocalityRequest, observed: &[&ObservedTraffic]) -> Result<LocalityPlan> {
    let (plan, refusals) = decide(request, observed);
    refusals.refuse(Verb::LocalityDiff).map(|()| plan)
}

/// What the rules of a service should say, and everything because of which that is not known.
fn decide(request: &LocalityRequest, observed: &[&ObservedTraffic]) -> (LocalityPlan, Findings) {
    let service = &request.service;
    let mut refusals = Findings::default();
    if let Err(unknown) = is_known(service, observed) {
        refusals.push(unknown);
        let (pairs, clusters, findings) = (Vec::new(), Vec::new(), Findings::default());
        return (LocalityPlan { service: service.clone(), pairs, clusters, findings }, refusals);
    }
    // Without pairs the rules are looked at all the same: what is wrong with them is said in the same run.
    let pairs = refusals.keep(take_over::pairs(request, observed)).unwrap_or_default();
    let wanted = Wanted {
        pairs: pairs.clone(),
        consecutive_5xx: request.consecutive_5xx,
        interval: request.interval,
        base_ejection_time: request.base_ejection_time,
        max_ejection_percent: request.max_ejection_percent,
        ports: ports(service, observed),
        needs: Vec::new(),
    };
    let mut findings = take_over::findings(&pairs, service, observed);
    let (with, without): (Vec<&ObservedTraffic>, Vec<&ObservedTraffic>) =
        observed.iter().copied().partition(|seen| seen.services.namespaces.contains(&service.namespace));
    for seen in without {
        let what = format!(
            "{} has no namespace {}: its clients do not find the service, and no rule is written there",
            seen.membership.name, service.namespace
        );
        findings.push(
            codes::NO_NAMESPACE
                .found(what)
                .cluster(&seen.membership.name)
                .context(&seen.identity.context)
                .as_documented(),
        );
    }
    let clusters = with
        .into_iter()
        .filter_map(|seen| refusals.keep_all(rule_to_write::in_cluster(request, &wanted, observed, seen)))
        .collect();
    (LocalityPlan { service: service.clone(), pairs, clusters, findings }, refusals)
}

/// # Errors
/// A refusal with every field that belongs to someone else and may not be taken over: its owner, its value and the
/// wanted one.
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
    Err(codes::FIELDS_OF_OTHERS
        .found(format!("for {} to fail over, fields that others own have to change", plan.service))
        .place(format!("context {}", contexts.join(", ")))
        .because(conflicts.join("\n"))
        .fix("change these fields where they are kept, then run the same command again")
        .fix("or take them over by adding --take-over: the rule keeps the old values, and remove restores them")
        .into_error())
}

/// # Errors
/// A refusal if no cluster has a Service of this name.
pub fn known(service: &ServiceName, observed: &[&ObservedTraffic]) -> Result<()> {
    is_known(service, observed).map_err(Finding::into_error)
}

fn is_known(service: &ServiceName, observed: &[&ObservedTraffic]) -> Result<(), Finding> {
    if observed.iter().any(|seen| seen.services.by_name.contains_key(service)) {
        return Ok(());
    }
    Err(no_service(service, observed))
}

#[cfg(test)]
mod tests;
