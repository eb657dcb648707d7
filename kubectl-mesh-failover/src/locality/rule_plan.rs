//! What is done with the rules of each cluster.

use super::damaged::Damaged;
use super::request::TakeOver;
use mesh_shared::engine::steps::Writes;
use mesh_shared::model::istio::destination_rule::FailoverPair;
use mesh_shared::model::kube::difference::all_differences;
use mesh_shared::model::kube::object_key::ObjectKey;
use mesh_shared::model::locality::rewrite::{Rewrite, manifest};
use mesh_shared::model::names::ClusterName;
use mesh_shared::model::names::service::ServiceName;
use mesh_shared::plugin::finding::Findings;
use serde_json::Value;

/// What is done about a service's rules.
#[derive(Debug, Clone)]
pub struct LocalityPlan {
    /// The service.
    pub service: ServiceName,
    /// In the order in which they count; empty for a removal.
    pub pairs: Vec<FailoverPair>,
    /// What is done in each cluster.
    pub clusters: Vec<ClusterPlan>,
    /// What the user should know before saying yes.
    pub findings: Findings,
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
    /// Rules in which our part is unknown, and which are left as they are.
    pub damaged: Vec<Damaged>,
    /// What the user should know about this cluster before saying yes.
    pub findings: Findings,
}

/// What is done with one rule.
#[derive(Debug, Clone)]
pub struct RulePlan {
    /// The rule.
    pub key: ObjectKey,
    /// From the rule as it is to the rule as it will be.
    pub rewrite: Rewrite,
    /// Why it is written.
    pub why: String,
}

impl LocalityPlan {
    /// The writes.
    pub fn changes(&self) -> Writes {
        let mut changes = Writes::default();
        for plan in &self.clusters {
            for rule in &plan.rules {
                if let Some(write) = &rule.rewrite.write {
                    changes.write(&plan.cluster, write.clone(), &rule.why);
                }
            }
        }
        changes
    }

    /// The rules of all clusters in which our part is unknown.
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

    /// Other people's fields that would have to change, a line each: cluster, field, owner, old and new.
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
