//! Which rule of a cluster says where a service's traffic fails over to: the user's own for exactly this host, else one of ours.

use std::collections::BTreeMap;

use mesh_shared::model::istio::destination_rule::{DestinationRule, KIND};
use mesh_shared::model::kube::object_key::ObjectKey;
use mesh_shared::model::locality::governing::{Consolidated, RuleIndex};
use mesh_shared::model::locality::hosts::needs;
use mesh_shared::model::locality::merge::{Wanted, merge};
use mesh_shared::model::locality::rewrite::{Rewrite, Standing, filled, made};
use mesh_shared::model::names::service::ServiceName;
use mesh_shared::model::seen::observed_traffic::ObservedTraffic;
use mesh_shared::plugin::finding::codes::locality as codes;
use mesh_shared::plugin::finding::{Code, Finding, Findings};
use mesh_shared::plugin::text;
use serde_json::{Value, json};

use super::damaged::damaged;
use super::request::LocalityRequest;
use super::rule_plan::{ClusterPlan, RulePlan};

/// How many namespaces a note names one by one.
const NAMED: usize = 5;

/// What is done in one cluster that has the service's namespace.
///
/// # Errors
/// Every rule that excludes failover, or that no name is left for ours.
pub fn in_cluster(
    request: &LocalityRequest,
    wanted: &Wanted,
    observed: &[&ObservedTraffic],
    seen: &ObservedTraffic,
) -> Result<ClusterPlan, Findings> {
    let wanted = Wanted { needs: needs(observed, &seen.membership.name, &request.service), ..wanted.clone() };
    let place = Place { request, wanted: &wanted, seen, index: RuleIndex::of(seen) };
    let mut findings = Findings::default();
    let host = request.service.host();
    let exact: Vec<&Consolidated<'_>> = place.index.exactly(&request.service.namespace, &host);
    let for_all: Vec<&&Consolidated<'_>> = exact.iter().filter(|rule| rule.selector.is_none()).collect();
    let (mut rules, mut refusals) = (Vec::new(), Findings::default());
    for rule in &for_all {
        rules.extend(refusals.keep_all(place.changed(rule, &mut findings)));
    }
    if for_all.is_empty() {
        rules.extend(refusals.keep_all(place.new_rule(&mut findings)));
    }
    if !refusals.is_empty() {
        return Err(refusals);
    }
    for rule in exact.iter().filter(|rule| rule.selector.is_some()) {
        let key = rule.policy_rule().key();
        let what = format!("{key} is for workloads with certain labels: they stay governed by it alone");
        findings.push(place.note(&codes::RULE_FOR_LABELS, what, &key));
    }
    findings.extend(not_governed(seen, &request.service, &rules));
    let damaged = damaged(&request.service, request.manager, seen);
    Ok(ClusterPlan {
        cluster: seen.membership.name.clone(),
        context: seen.identity.context.clone(),
        rules,
        damaged,
        findings,
    })
}

struct Place<'a> {
    request: &'a LocalityRequest,
    wanted: &'a Wanted,
    seen: &'a ObservedTraffic,
    index: RuleIndex<'a>,
}

impl<'a> Place<'a> {
    /// A rule for exactly this host.
    fn changed(&self, rule: &Consolidated<'a>, findings: &mut Findings) -> Result<RulePlan, Findings> {
        let manager = self.request.manager;
        let edited = rule.policy_rule();
        let Ok(standing) = Standing::of(&edited.object, manager) else {
            // It is among the damaged ones.
            return Ok(RulePlan { key: edited.key(), rewrite: Rewrite::none(&edited.object), why: String::new() });
        };
        let start =
            if standing.own { self.start(&standing.spec, Some(edited), findings) } else { standing.spec.clone() };
        let merged = merge(&start, self.wanted).map_err(|found| self.all_of(&found, &edited.key()))?;
        let rewrite = standing.with(&merged, manager);
        findings.extend(merged.findings.iter().map(|finding| self.of(finding, &edited.key())));
        let others: Vec<String> =
            rule.rules.iter().filter(|other| other.name != edited.name).map(|other| other.key().to_string()).collect();
        if !others.is_empty() {
            let what = format!(
                "{} for the same host: istiod takes the traffic policy of {} alone, which is the oldest that has one",
                text::list(&others),
                edited.key()
            );
            findings.push(self.note(&codes::SEVERAL_RULES, what, &edited.key()));
        }
        let why = if standing.own {
            "it differs from what is wanted"
        } else {
            "a rule for exactly this host is edited in place"
        };
        Ok(RulePlan { key: edited.key(), rewrite, why: why.into() })
    }

    /// A rule of our own.
    fn new_rule(&self, findings: &mut Findings) -> Result<RulePlan, Findings> {
        let service = &self.request.service;
        let rules = self.seen.destination_rules();
        let taken = |name: &str| rules.iter().any(|rule| rule.namespace == service.namespace && rule.name == name);
        let names = [service.name.clone(), format!("{}-failover", service.name)];
        let name = names.iter().find(|name| !taken(name)).ok_or_else(|| {
            let finding = codes::NO_NAME_LEFT
                .found(format!("no name is left for a DestinationRule of {service}"))
                .cluster(&self.seen.membership.name)
                .context(&self.seen.identity.context)
                .place(format!("namespace {}", service.namespace))
                .because(format!("{} exist there, and are for other hosts", text::list(&names)))
                .fix("rename one of them");
            Findings::from_iter([finding])
        })?;
        let key = ObjectKey::new(KIND, &service.namespace, name);
        let start = self.start(&json!({}), None, findings);
        let merged = merge(&start, self.wanted).map_err(|found| self.all_of(&found, &key))?;
        findings.extend(merged.findings.iter().map(|finding| self.of(finding, &key)));
        let why = format!("no rule for exactly this host exists in namespace {}", service.namespace);
        Ok(RulePlan { key: key.clone(), rewrite: made(&key, &merged, self.request.manager), why })
    }

    /// What a rule of our own begins with: its host, and the policy of the rule that would govern without it, since the first
    /// rule that is found governs as a whole.
    fn start(&self, spec: &Value, own: Option<&DestinationRule>, findings: &mut Findings) -> Value {
        let service = &self.request.service;
        let host = service.host();
        let start = filled(&json!({ "host": host }), spec);
        let others = self.seen.destination_rules().iter().filter(|rule| Some(*rule) != own);
        let index = RuleIndex::new(others, &self.seen.mesh_config);
        let at_home = index.governing(&service.namespace, &service.namespace, &host).all;
        // The namespace without a name has no rules of its own.
        let elsewhere = index.governing("", &service.namespace, &host).all;
        let Some(source) = at_home.as_ref().or(elsewhere.as_ref()) else { return start };
        let key = source.policy_rule().key();
        let what = format!(
            "{key} ({}) would govern without it: its policy is copied, since the first rule that is found governs as a whole",
            source.host()
        );
        findings.push(self.note(&codes::POLICY_COPIED, what, &key));
        if let Some(other) = elsewhere.as_ref().filter(|other| other.policy_rule().key() != source.policy_rule().key())
        {
            let key = other.policy_rule().key();
            let what = format!(
                "{key} ({}) governs clients of other namespaces now, and not any more then; its policy is not copied",
                other.host()
            );
            findings.push(self.note(&codes::POLICY_NOT_COPIED, what, &key));
        }
        filled(&start, &policy_of(source, &host))
    }

    /// What was found of a rule of this cluster.
    fn note(&self, code: &'static Code, what: String, rule: &ObjectKey) -> Finding {
        code.found(what).as_documented().about(&self.seen.membership.name, &self.seen.identity.context, rule)
    }

    /// What was found of a rule's spec, as what was found of that rule of this cluster.
    fn of(&self, finding: &Finding, rule: &ObjectKey) -> Finding {
        finding.clone().about(&self.seen.membership.name, &self.seen.identity.context, rule)
    }

    fn all_of(&self, findings: &Findings, rule: &ObjectKey) -> Findings {
        // What a flag says is the same for all rules, and said once.
        let of_flag = |finding: &Finding| *finding.code == codes::PERCENT_TOO_LOW;
        findings.iter().map(|found| if of_flag(found) { found.clone() } else { self.of(found, rule) }).collect()
    }
}

/// Everything in a rule except whom it applies to. Subsets of a rule for the same host count beside ours anyway.
fn policy_of(source: &Consolidated<'_>, host: &str) -> Value {
    let mut spec = source.policy_rule().object["spec"].as_object().cloned().unwrap_or_default();
    for key in ["host", "exportTo", "workloadSelector", "subsets"] {
        spec.shift_remove(key);
    }
    let subsets: Vec<Value> = source.subsets().into_iter().cloned().collect();
    if source.host() != host && !subsets.is_empty() {
        spec.insert("subsets".into(), subsets.into());
    }
    Value::Object(spec)
}

/// Namespaces whose clients something else will govern, and what.
fn not_governed(seen: &ObservedTraffic, service: &ServiceName, rules: &[RulePlan]) -> Vec<Finding> {
    let after = after(seen, rules);
    let index = RuleIndex::new(&after, &seen.mesh_config);
    let mut strange: BTreeMap<Option<String>, Vec<&str>> = BTreeMap::new();
    for namespace in &seen.services.namespaces {
        let governed = index.governing(namespace, &service.namespace, &service.host()).all;
        let by = governed.map(|rule| rule.policy_rule().key());
        if !rules.iter().any(|rule| Some(&rule.key) == by.as_ref()) {
            strange.entry(by.map(|key| key.to_string())).or_default().push(namespace);
        }
    }
    let told = strange.into_iter().map(|(by, namespaces)| {
        let clients = namespaces_in_words(&namespaces);
        let what = match by {
            Some(by) => format!("not governed: clients in {clients}, where {by} comes first"),
            None => format!("not governed: clients in {clients}, to which the rule is not exported"),
        };
        codes::NOT_GOVERNED.found(what).cluster(&seen.membership.name).context(&seen.identity.context).as_documented()
    });
    told.collect()
}

/// The rules of a cluster as they will be.
fn after(seen: &ObservedTraffic, rules: &[RulePlan]) -> Vec<DestinationRule> {
    let standing = seen.destination_rules().iter().filter(|rule| !rules.iter().any(|plan| rule.key() == plan.key));
    let written = rules.iter().filter_map(|rule| rule.rewrite.after.as_ref()).map(|after| {
        let mut after = after.clone();
        // A new rule is the youngest.
        if after["metadata"]["creationTimestamp"].is_null() {
            after["metadata"]["creationTimestamp"] = "9999".into();
        }
        DestinationRule::read(after)
    });
    standing.cloned().chain(written).collect()
}

/// Such as `shop`, `a and b`, or `a, b, c, d, e and 12 more`.
pub fn namespaces_in_words(namespaces: &[&str]) -> String {
    if namespaces.len() <= NAMED + 1 {
        return text::list(namespaces);
    }
    format!("{} and {} more", namespaces[..NAMED].join(", "), namespaces.len() - NAMED)
}
