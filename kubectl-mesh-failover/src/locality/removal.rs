//! What is removed from the rules of a service.

use mesh_shared::model::istio::destination_rule::DestinationRule;
use mesh_shared::model::locality::governing::RuleIndex;
use mesh_shared::model::locality::rewrite::Standing;
use mesh_shared::model::names::service::ServiceName;
use mesh_shared::model::seen::observed_traffic::ObservedTraffic;
use mesh_shared::plugin::error::Result;
use mesh_shared::plugin::finding::codes::locality as codes;
use mesh_shared::plugin::finding::{Finding, Findings, Verb};

use super::damaged::{damaged, refuse_damaged};
use super::rule_plan::{ClusterPlan, LocalityPlan, RulePlan};

/// Restores what was before: our rules go, other people's are as they were, what others added or changed since stays.
///
/// # Errors
/// A refusal if what is ours in a rule is unknown.
pub fn remove(service: &ServiceName, manager: &str, observed: &[&ObservedTraffic]) -> Result<LocalityPlan> {
    let clusters = observed.iter().map(|seen| in_cluster(service, manager, seen));
    let clusters = clusters.filter(|plan| !plan.rules.is_empty() || !plan.damaged.is_empty()).collect();
    let plan = LocalityPlan { service: service.clone(), pairs: Vec::new(), clusters, findings: Findings::default() };
    refuse_damaged(plan.damaged(), Verb::LocalityRemove).map(|()| plan)
}

fn in_cluster(service: &ServiceName, manager: &str, seen: &ObservedTraffic) -> ClusterPlan {
    let (mut rules, mut findings, host) = (Vec::new(), Findings::default(), service.host());
    for rule in seen.destination_rules() {
        let Ok(standing) = Standing::of(&rule.object, manager) else { continue };
        if rule.namespace != service.namespace || rule.host != host || !standing.has_ours() {
            continue;
        }
        let rewrite = standing.removed(manager);
        if rewrite.after.is_none() {
            findings.push(left(seen, service, rule));
        } else if standing.own {
            let what = format!("{} stays, since others put something into it", rule.key());
            findings.push(codes::RULE_STAYS.found(what).as_documented().about(
                &seen.membership.name,
                &seen.identity.context,
                rule.key(),
            ));
        }
        findings.extend(standing.kept.iter().map(|kept| {
            let what = match &kept.stands {
                Some(stands) => {
                    format!("{} was changed from {} to {stands} since, and is kept", kept.field, kept.wrote)
                }
                None => format!("{} was removed since, and is not restored", kept.field),
            };
            let claim = codes::FIELD_STAYS.found(what).field(&kept.field);
            claim.as_documented().about(&seen.membership.name, &seen.identity.context, rule.key())
        }));
        rules.push(RulePlan { key: rule.key(), rewrite, why: "it was written by locality apply".into() });
    }
    let damaged = damaged(service, manager, seen);
    ClusterPlan {
        cluster: seen.membership.name.clone(),
        context: seen.identity.context.clone(),
        rules,
        damaged,
        findings,
    }
}

/// What governs when a rule is gone.
fn left(seen: &ObservedTraffic, service: &ServiceName, gone: &DestinationRule) -> Finding {
    let others = seen.destination_rules().iter().filter(|rule| *rule != gone);
    let index = RuleIndex::new(others, &seen.mesh_config);
    match index.governing(&service.namespace, &service.namespace, &service.host()).all {
        Some(rule) => {
            let key = rule.policy_rule().key();
            let claim = codes::GOVERNS_AGAIN.found(format!("{key} governs again"));
            claim.as_documented().about(&seen.membership.name, &seen.identity.context, key)
        }
        None => codes::NO_RULE_LEFT
            .found("no rule governs then: traffic goes to all regions at all times")
            .cluster(&seen.membership.name)
            .context(&seen.identity.context)
            .as_documented(),
    }
}
