//! Which DestinationRule governs a client.
//!
//! Rules: `destinationRule`, `setDestinationRules` and `getExportedDestinationRuleFromNamespace` (istio/istio
//! pilot/pkg/model/push_context.go), `mergeDestinationRule` (pilot/pkg/model/destination_rule.go), `MostSpecificHostMatch`
//! (pilot/pkg/model/config.go), `SidecarScope.DestinationRule` (pilot/pkg/model/sidecar.go). Each istiod reads only the rules
//! of its own cluster.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::model::istio::destination_rule::DestinationRule;
use crate::model::kube::labels;
use crate::model::seen::mesh_config::MeshConfig;
use crate::model::seen::observed_traffic::ObservedTraffic;

/// The rules of one namespace for one host, merged as istiod merges them: the oldest comes first, its traffic policy
/// counts, and subsets that it lacks are taken from the others.
#[derive(Debug, Clone, PartialEq)]
pub struct Consolidated<'a> {
    /// The rules that it consists of, the oldest first.
    pub rules: Vec<&'a DestinationRule>,
    /// To which namespaces it is exported; empty for all.
    pub export_to: &'a BTreeSet<String>,
    /// Labels of the workloads that it is for; none for all.
    pub selector: Option<&'a BTreeMap<String, String>>,
}

impl<'a> Consolidated<'a> {
    /// The rule whose traffic policy counts: the oldest that has one, else the oldest.
    pub fn policy_rule(&self) -> &'a DestinationRule {
        self.rules.iter().find(|rule| rule.traffic_policy().is_some()).unwrap_or(&self.rules[0])
    }

    /// The traffic policy that counts.
    pub fn traffic_policy(&self) -> Option<&'a Value> {
        self.policy_rule().traffic_policy()
    }

    /// Subsets by name, each from the oldest rule that has it.
    pub fn subsets(&self) -> Vec<&'a Value> {
        let mut subsets: Vec<&'a Value> = Vec::new();
        for subset in self.rules.iter().filter_map(|rule| rule.object["spec"]["subsets"].as_array()).flatten() {
            if !subsets.iter().any(|known| known["name"] == subset["name"]) {
                subsets.push(subset);
            }
        }
        subsets
    }

    /// The host that the rules are for, which may begin with `*`.
    pub fn host(&self) -> &str {
        &self.rules[0].host
    }

    /// The namespace of the rules.
    pub fn namespace(&self) -> &'a str {
        &self.rules[0].namespace
    }

    fn is_exported_to(&self, namespace: &str) -> bool {
        self.export_to.is_empty() || self.export_to.contains("*") || self.export_to.contains(namespace)
    }
}

/// What governs the clients of one namespace.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Governed<'a> {
    /// What governs workloads that no selector picks.
    pub all: Option<Consolidated<'a>>,
    /// What governs workloads by their labels, before `all`; the first match counts.
    pub selected: Vec<Consolidated<'a>>,
}

impl<'a> Governed<'a> {
    /// What governs a workload with these labels.
    pub fn for_labels(&self, labels: &BTreeMap<String, String>) -> Option<&Consolidated<'a>> {
        let fits = |rule: &&Consolidated<'a>| rule.selector.is_none_or(|selector| labels::selected(labels, selector));
        self.selected.iter().find(fits).or(self.all.as_ref())
    }
}

/// The rules of one cluster, as its istiod holds them.
#[derive(Debug, Clone)]
pub struct RuleIndex<'a> {
    root: &'a str,
    /// Rules that a namespace's own clients see.
    local: Pools<'a>,
    /// Rules that a namespace exports.
    exported: Pools<'a>,
    /// Private rules of the root namespace.
    root_local: Pool<'a>,
}

/// By host.
type Pool<'a> = BTreeMap<String, Vec<Consolidated<'a>>>;

/// By namespace.
type Pools<'a> = BTreeMap<&'a str, Pool<'a>>;

impl<'a> RuleIndex<'a> {
    /// The rules that were seen in a cluster.
    pub fn of(seen: &'a ObservedTraffic) -> Self {
        Self::new(seen.destination_rules(), &seen.mesh_config)
    }

    /// Rules of a cluster with this mesh configuration.
    pub fn new(rules: impl IntoIterator<Item = &'a DestinationRule>, mesh: &'a MeshConfig) -> Self {
        let mut rules: Vec<&'a DestinationRule> = rules.into_iter().collect();
        rules.sort_by_key(|rule| (rule.selector.is_none(), rule.created(), &rule.name, &rule.namespace));
        let mut index = Self {
            root: &mesh.root_namespace,
            local: BTreeMap::new(),
            exported: BTreeMap::new(),
            root_local: BTreeMap::new(),
        };
        for rule in rules {
            index.add(rule, mesh.private_rules);
        }
        index
    }

    fn add(&mut self, rule: &'a DestinationRule, private_by_default: bool) {
        let to = &rule.export_to;
        let own = rule.namespace.as_str();
        if to.is_empty() || ["*", ".", own].iter().any(|name| to.contains(*name)) {
            put(self.local.entry(own).or_default(), rule);
        }
        let private = match to.len() {
            0 => private_by_default,
            1 => to.contains(".") || to.contains(own),
            _ => false,
        };
        if !private {
            put(self.exported.entry(own).or_default(), rule);
        } else if own == self.root {
            put(&mut self.root_local, rule);
        }
    }

    /// What governs the clients of a namespace for a host of a service in a namespace: the client's own namespace, then
    /// the service's, then the root namespace. The first that has any rule for the host wins as a whole, even if that
    /// rule is not exported to the client (then the search goes on in the next namespace, but not to a wider host of
    /// the same one).
    pub fn governing(&self, client: &str, service_namespace: &str, host: &str) -> Governed<'a> {
        let own = if client == self.root { Some(&self.root_local) } else { self.local.get(client) };
        if let Some(found) = own.and_then(|pool| most_specific(pool, host)) {
            return governed(found.iter().cloned());
        }
        for namespace in [service_namespace, self.root] {
            let Some(found) = self.exported.get(namespace).and_then(|pool| most_specific(pool, host)) else { continue };
            let visible: Vec<_> = found.iter().filter(|rule| rule.is_exported_to(client)).cloned().collect();
            if !visible.is_empty() {
                return governed(visible.into_iter());
            }
        }
        Governed::default()
    }

    /// Every rule of a namespace for exactly this host, each once: those that govern its own clients and those of other
    /// namespaces.
    pub fn exactly(&self, namespace: &str, host: &str) -> Vec<&Consolidated<'a>> {
        let mut found: Vec<&Consolidated<'a>> = Vec::new();
        let pools = [self.local.get(namespace), self.exported.get(namespace)];
        for rule in pools.into_iter().flatten().filter_map(|pool| pool.get(host)).flatten() {
            if !found.iter().any(|known| known.policy_rule().name == rule.policy_rule().name) {
                found.push(rule);
            }
        }
        found
    }
}

/// The last rule for all workloads wins over an earlier one that could not be merged with it.
fn governed<'a>(rules: impl Iterator<Item = Consolidated<'a>>) -> Governed<'a> {
    let mut governed = Governed::default();
    for rule in rules {
        match rule.selector {
            Some(_) => governed.selected.push(rule),
            None => governed.all = Some(rule),
        }
    }
    governed
}

/// The rules for the host itself, else those for the longest pattern that covers it.
fn most_specific<'p, 'a>(pool: &'p Pool<'a>, host: &str) -> Option<&'p Vec<Consolidated<'a>>> {
    let wider = || {
        pool.iter()
            .filter(|(pattern, _)| covers(pattern, host))
            .min_by_key(|(pattern, _)| (std::cmp::Reverse(pattern.len()), pattern.as_str()))
            .map(|(_, rules)| rules)
    };
    pool.get(host).or_else(wider)
}

fn covers(pattern: &str, host: &str) -> bool {
    pattern.strip_prefix('*').is_some_and(|end| host.ends_with(end))
}

/// Adds a rule, or merges it into those of the same host that came before it.
fn put<'a>(pool: &mut Pool<'a>, rule: &'a DestinationRule) {
    let known = pool.entry(rule.host.clone()).or_default();
    let mut apart = true;
    for earlier in known.iter_mut() {
        if &rule.export_to == earlier.export_to {
            apart = false;
        } else {
            apart = true;
            if earlier.export_to.is_empty() || !rule.export_to.is_superset(earlier.export_to) {
                continue;
            }
        }
        match (earlier.selector, &rule.selector) {
            (Some(of_earlier), Some(own)) if of_earlier != own => {
                apart = true;
                continue;
            }
            (Some(_), Some(_)) | (None, None) => apart = false,
            _ => {}
        }
        earlier.rules.push(rule);
    }
    if apart {
        known.push(Consolidated { rules: vec![rule], export_to: &rule.export_to, selector: rule.selector.as_ref() });
    }
}

#[cfg(test)]
mod tests;
