//! Which rule governs whom, and what that does.

use std::collections::{BTreeMap, BTreeSet};

use mesh_shared::model::locality::governing::{Consolidated, RuleIndex};
use mesh_shared::model::locality::hosts::{hosts, need};
use mesh_shared::model::locality::merge::Need;
use mesh_shared::model::locality::policy::{Effective, Surroundings, effective};
use mesh_shared::model::locality::rewrite::{Standing, is_own};
use mesh_shared::model::locality::verdict::{Verdict, verdict};
use mesh_shared::model::names::ClusterName;
use mesh_shared::model::names::service::ServiceName;
use mesh_shared::model::seen::observed_traffic::ObservedTraffic;
use mesh_shared::plugin::finding::codes::locality as codes;
use mesh_shared::plugin::finding::{Finding, Findings};
use serde::Serialize;

use super::damaged::{Damaged, damaged};

/// What governs the clients of a service.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The service's host.
    pub host: String,
    /// Clients that are governed alike, by cluster.
    pub clients: Vec<Clients>,
    /// What else the user should know.
    #[serde(flatten)]
    pub findings: Findings,
}

/// Clients of one cluster that are governed alike.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Clients {
    /// The cluster.
    pub cluster: ClusterName,
    /// Its context.
    pub context: String,
    /// Their namespaces.
    pub namespaces: Vec<String>,
    /// Whether those are all namespaces of the cluster.
    pub everywhere: bool,
    /// Labels by which the rule picks workloads; empty for all.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// The rule that governs them, if any.
    pub rule: Option<Governing>,
    /// Ports of the service for which this holds.
    pub ports: Vec<u16>,
    /// What their proxies are configured with.
    pub effective: Effective,
    /// What that does, by their region.
    pub verdicts: Vec<Verdict>,
}

/// A rule that governs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Governing {
    /// Such as `DestinationRule sample/helloworld`: the one whose traffic policy counts.
    pub name: String,
    /// Its host, which may begin with `*`.
    pub host: String,
    /// Further rules for the same host that istiod merges into it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub merged: Vec<String>,
    /// Whose it is.
    pub ours: Ours,
}

/// What we have to do with a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ours {
    /// Nothing.
    No,
    /// We wrote into it.
    Edited,
    /// We made it.
    Made,
    /// Unknown: the annotation that says so is damaged.
    Unknown,
}

/// What governs the clients of a service in every namespace of every cluster.
pub fn report(service: &ServiceName, manager: &str, observed: &[&ObservedTraffic]) -> Report {
    let mut clients = Vec::new();
    let mut findings = Findings::default();
    for seen in observed {
        clients.extend(in_cluster(service, manager, observed, seen));
        findings.extend(damaged(service, manager, seen).iter().map(Damaged::finding));
        findings.extend(mistaken_hosts(service, seen));
    }
    Report { host: service.host(), clients, findings }
}

fn in_cluster(
    service: &ServiceName,
    manager: &str,
    observed: &[&ObservedTraffic],
    seen: &ObservedTraffic,
) -> Vec<Clients> {
    let index = RuleIndex::of(seen);
    let mut groups: Vec<(Option<Consolidated<'_>>, Vec<String>)> = Vec::new();
    for namespace in &seen.services.namespaces {
        let governed = index.governing(namespace, &service.namespace, &service.host());
        for rule in governed.selected.into_iter().map(Some).chain([governed.all]) {
            match groups.iter_mut().find(|(known, _)| *known == rule) {
                Some((_, namespaces)) => namespaces.push(namespace.clone()),
                None => groups.push((rule, vec![namespace.clone()])),
            }
        }
    }
    // What governs most clients comes first.
    groups.sort_by_key(|(_, namespaces)| std::cmp::Reverse(namespaces.len()));
    let seen_service = seen.services.by_name.get(service);
    let ports: Vec<u16> = seen_service.iter().flat_map(|service| service.ports.iter().map(|port| port.port)).collect();
    let traffic_distribution = seen_service.and_then(|service| service.traffic_distribution.as_deref());
    let beside = Surroundings { mesh: &seen.mesh_config, traffic_distribution };
    let needs = needs_of_clients(service, observed, seen);
    let mut all = Vec::new();
    for (rule, namespaces) in groups {
        let mut alike: Vec<(Effective, Vec<u16>)> = Vec::new();
        // Port 0 means a service that is not known here: it has no settings of its own.
        for port in if ports.is_empty() { &[0][..] } else { &ports } {
            let told = effective(rule.as_ref(), *port, beside);
            match alike.iter_mut().find(|(known, _)| *known == told) {
                Some((_, ports)) => ports.push(*port),
                None => alike.push((told, vec![*port])),
            }
        }
        for (effective, ports) in alike {
            all.push(Clients {
                cluster: seen.membership.name.clone(),
                context: seen.identity.context.clone(),
                everywhere: namespaces.len() == seen.services.namespaces.len(),
                namespaces: namespaces.clone(),
                labels: labels(rule.as_ref()),
                rule: rule.as_ref().map(|rule| governing(rule, manager)),
                ports: ports.into_iter().filter(|port| *port > 0).collect(),
                verdicts: needs.iter().map(|need| verdict(&effective, need)).collect(),
                effective,
            });
        }
    }
    all
}

fn labels(rule: Option<&Consolidated<'_>>) -> BTreeMap<String, String> {
    rule.and_then(|rule| rule.selector).cloned().unwrap_or_default()
}

fn governing(rule: &Consolidated<'_>, manager: &str) -> Governing {
    let policy = rule.policy_rule();
    Governing {
        name: policy.key().to_string(),
        host: rule.host().to_owned(),
        merged: rule
            .rules
            .iter()
            .filter(|other| other.name != policy.name)
            .map(|other| other.key().to_string())
            .collect(),
        ours: match Standing::of(&policy.object, manager) {
            _ if is_own(&policy.object, manager) => Ours::Made,
            Err(_) => Ours::Unknown,
            Ok(standing) if standing.has_ours() => Ours::Edited,
            Ok(_) => Ours::No,
        },
    }
}

/// What clients in each region of a cluster would have to eject.
fn needs_of_clients(service: &ServiceName, observed: &[&ObservedTraffic], seen: &ObservedTraffic) -> Vec<Need> {
    let all = hosts(observed, &seen.membership.name, service);
    let here = all.iter().filter(|host| host.cluster == seen.membership.name).map(|host| host.region.clone());
    let nodes = seen.services.nodes.values().map(|node| node.region.clone());
    let regions: BTreeSet<String> = here.chain(nodes).collect();
    regions.iter().map(|region| need(&all, region)).collect()
}

/// Rules that seem to mean the service but do not: a host with a dot is taken literally.
fn mistaken_hosts(service: &ServiceName, seen: &ObservedTraffic) -> Vec<Finding> {
    let meant = [service.to_string(), format!("{service}.svc")];
    let rules = seen.destination_rules().iter().filter(|rule| meant.contains(&rule.host));
    rules
        .map(|rule| {
            let what = format!(
                "{} in {} names the host {}, which is none: Istio completes only names without a dot; write {}",
                rule.key(),
                seen.membership.name,
                rule.host,
                service.host()
            );
            let claim = codes::HOST_IS_NONE.found(what).field(".spec.host");
            claim.fix(format!("write {}", service.host())).about(
                &seen.membership.name,
                &seen.identity.context,
                rule.key(),
            )
        })
        .collect()
}
