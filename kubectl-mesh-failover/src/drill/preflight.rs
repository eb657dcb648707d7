//! What must hold before a drill may begin, and who takes part. Decided from what was observed; nothing is written.

use std::collections::BTreeSet;

use mesh_shared::model::names::service::ServiceName;
use mesh_shared::model::seen::observed_traffic::ObservedTraffic;
use mesh_shared::model::seen::services::{PodSeen, ServicePort, ServiceSeen};
use mesh_shared::plugin::error::{Error, Result};
use mesh_shared::plugin::finding::codes::drill as codes;
use mesh_shared::plugin::finding::codes::mesh::UNKNOWN_CLUSTER;
use mesh_shared::plugin::finding::{Finding, Findings};
use mesh_shared::plugin::text::list;

use super::command_lines;
use super::governing_rule::Rule;
use super::side::Side;
use crate::mesh::selection::no_service;
use mesh_shared::model::istio::exposure::openings;

/// Checks that every cluster of the mesh has a context here: a peer left out could run a drill of its own, or receive
/// the traffic. `known` are the clusters that the istiods know.
///
/// # Errors
/// A refusal that names the missing ones.
pub fn whole_mesh(seen: &[&ObservedTraffic], known: &BTreeSet<String>) -> Result<(), Finding> {
    let here: BTreeSet<&str> = seen.iter().map(|cluster| cluster.membership.name.as_str()).collect();
    let missing: Vec<&str> = known.iter().map(String::as_str).filter(|name| !here.contains(name)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(codes::MESH_INCOMPLETE
        .found(format!("no context is named for part of the mesh: {}", list(&missing)))
        .because("a drill could run there unnoticed, or traffic could go there")
        .fix("name the contexts of all clusters: --contexts A,B,…"))
}

/// The cluster that is failed, by its name in the mesh or by its context.
///
/// # Errors
/// A usage error that lists the existing ones.
pub fn cluster<'a>(seen: &[&'a ObservedTraffic], wanted: &str, flag: &str) -> Result<&'a ObservedTraffic> {
    let found =
        seen.iter().find(|cluster| cluster.membership.name.as_str() == wanted || cluster.identity.context == wanted);
    found.copied().ok_or_else(|| {
        let all: Vec<&str> = seen.iter().map(|cluster| cluster.membership.name.as_str()).collect();
        let draft = Error::usage(format!("{flag} {wanted}: no cluster of the mesh has this name"))
            .meant(wanted, all.iter().copied());
        UNKNOWN_CLUSTER.of_error(draft.fix(format!("name one of {}", all.join(", ")))).into_error()
    })
}

/// The service in a cluster.
///
/// # Errors
/// A refusal if it does not exist there; it says where it does.
fn service<'a>(
    seen: &[&ObservedTraffic],
    at: &'a ObservedTraffic,
    name: &ServiceName,
) -> Result<&'a ServiceSeen, Finding> {
    at.services.by_name.get(name).ok_or_else(|| {
        let elsewhere: Vec<&str> = seen
            .iter()
            .filter(|cluster| cluster.services.by_name.contains_key(name))
            .map(|cluster| cluster.membership.name.as_str())
            .collect();
        if elsewhere.is_empty() {
            return no_service(name, seen);
        }
        codes::NO_SERVICE
            .found(format!("there is no service {name} in {}", at.membership.name))
            .context(&at.identity.context)
            .object(format!("namespace {}", name.namespace))
            .fix(format!("it is in {}: --cluster {}", list(&elsewhere), elsewhere[0]))
    })
}

/// The port to send requests to: the wanted one, by number or name, else the only one.
///
/// # Errors
/// A refusal that lists the existing ones.
fn port<'a>(service: &'a ServiceSeen, name: &ServiceName, wanted: Option<&str>) -> Result<&'a ServicePort, Finding> {
    let told = || {
        let all: Vec<String> = service.ports.iter().map(|port| format!("{} ({})", port.port, port.name)).collect();
        all.join(", ")
    };
    match (wanted, service.ports.as_slice()) {
        (None, [only]) => Ok(only),
        (None, []) => Err(codes::NO_SUCH_PORT
            .found(format!("{name} has no port"))
            .fix("give its Service the port by which clients reach it")),
        (None, _) => Err(codes::NO_SUCH_PORT
            .found(format!("{name} has several ports and none is named"))
            .because(told())
            .fix("name one: --port")),
        (Some(wanted), ports) => {
            ports.iter().find(|port| port.name == wanted || port.port.to_string() == wanted).ok_or_else(|| {
                let draft = Error::refused(format!("{name} has no port {wanted}"))
                    .because(told())
                    .meant(wanted, ports.iter().map(|port| port.name.as_str()));
                codes::NO_SUCH_PORT.of_error(draft.fix("name one of these: --port"))
            })
        }
    }
}

/// The pods' own port behind a service's.
///
/// # Errors
/// If the target port is a name that no pod has.
pub fn target_port(port: &ServicePort, pods: &[&PodSeen]) -> Result<u16, Finding> {
    let named = || pods.iter().find_map(|pod| pod.ports.get(&port.target)).copied();
    port.target.parse().ok().or_else(named).ok_or_else(|| {
        codes::TARGET_PORT_UNKNOWN
            .found(format!("the service's target port {:?} is not a port of its pods", port.target))
            .fix("give the container's port this name")
    })
}

/// The side that is failed.
///
/// # Errors
/// A refusal if it has no ready endpoint.
fn failed_side(at: &ObservedTraffic, service: &ServiceName) -> Result<Side, Finding> {
    side(at, service).ok_or_else(|| {
        codes::NO_ENDPOINT
            .found(format!("{service} has no ready endpoint in {}: there is nothing to fail", at.membership.name))
            .context(&at.identity.context)
            .object(format!("namespace {}", service.namespace))
            .fix("bring its workload up first")
    })
}

/// The side that takes over: in the region the rule fails over to, else in any other cluster with ready endpoints.
///
/// # Errors
/// A refusal if nothing healthy is left elsewhere, or nothing in the region that the rule names.
fn target_side(
    seen: &[&ObservedTraffic],
    failed: &Side,
    service: &ServiceName,
    rule: Option<&Rule>,
) -> Result<Side, Finding> {
    let others: Vec<Side> = seen
        .iter()
        .filter(|cluster| cluster.membership.name != failed.cluster)
        .filter_map(|cluster| side(cluster, service))
        .collect();
    if others.is_empty() {
        return Err(codes::NOWHERE_ELSE
            .found(format!("{service} has no healthy endpoint outside {}", failed.cluster))
            .because("its traffic would have nowhere to go")
            .fix("run it in a second cluster first"));
    }
    let Some(region) = rule.and_then(|rule| rule.failover_to.as_deref()) else {
        return Ok(others.into_iter().next().unwrap_or_else(|| failed.clone()));
    };
    let regions: BTreeSet<String> = others.iter().map(|side| side.region.clone()).collect();
    others.into_iter().find(|side| side.region == region).ok_or_else(|| {
        let regions: Vec<&str> = regions.iter().map(String::as_str).collect();
        codes::NOWHERE_ELSE
            .found(format!("{service} has no healthy endpoint in {region}, where the rule fails over to"))
            .because(format!("it has some in {}", list(&regions)))
            .fix(format!("run it there, or change the rule: kubectl mesh-failover locality show {service}"))
    })
}

/// A cluster's ready endpoints, in the region that has most of them.
fn side(at: &ObservedTraffic, service: &ServiceName) -> Option<Side> {
    let regions = at.ready_by_region(service);
    let endpoints = regions.values().sum();
    let (region, _) = regions.into_iter().max_by_key(|(_, count)| *count)?;
    Some(Side { cluster: at.membership.name.clone(), context: at.identity.context.clone(), region, endpoints })
}

/// Checks that a rule governs the client.
///
/// # Errors
/// A refusal: without a rule, traffic goes to every endpoint at once, and nothing fails over.
fn governed(rule: Option<&Rule>, service: &ServiceName, (from, to): (&str, &str)) -> Result<(), Finding> {
    if rule.is_some() {
        return Ok(());
    }
    Err(codes::NO_RULE
        .found(format!("no rule governs the client's traffic to {service}"))
        .because("without outlier detection and locality, its requests are spread over all endpoints, near and far")
        .fix("write one:")
        .fix(command_lines::apply_locality(service, from, to)))
}

/// The client's pod, which must be ready and have a sidecar.
///
/// # Errors
/// A refusal that says what the pods lack.
pub fn client<'a>(pods: &[&'a PodSeen], workload: &str, at: &ObservedTraffic) -> Result<&'a PodSeen, Finding> {
    let Some(ready) = pods.iter().find(|pod| pod.ready) else {
        return Err(codes::CLIENT_NOT_USABLE
            .found(format!("{workload} has no ready pod in {}", at.membership.name))
            .context(&at.identity.context)
            .fix("bring one up, or name another client: --from, --from-namespace, --from-cluster"));
    };
    pods.iter().find(|pod| pod.ready && pod.sidecar).copied().ok_or_else(|| {
        codes::CLIENT_NOT_USABLE
            .found(format!("the client {}/{} has no sidecar", ready.namespace, ready.name))
            .context(&at.identity.context)
            .because("without Istio's proxy no rule governs its traffic")
            .fix("inject it: label its namespace istio-injection=enabled and restart it")
    })
}

/// Checks that the target's cluster exposes the service, if it is in another network than the client's.
///
/// # Errors
/// A refusal with the command that exposes it.
fn exposed(target: &ObservedTraffic, client: &ObservedTraffic, service: &ServiceName) -> Result<(), Finding> {
    let one_network = target.membership.network.is_some() && target.membership.network == client.membership.network;
    if one_network || target.membership.name == client.membership.name || !openings(target, service).is_empty() {
        return Ok(());
    }
    Err(codes::TARGET_NOT_EXPOSED
        .found(format!("{service} is not exposed in {}, where its traffic would go", target.membership.name))
        .context(&target.identity.context)
        .because("its east-west gateway does not know the host, so every request would fail")
        .fix(format!(
            "kubectl mesh-failover expose {service} --contexts {},{}",
            client.identity.context, target.identity.context
        )))
}

/// A service in the cluster that is failed.
#[derive(Debug)]
pub struct Served<'a> {
    /// As the cluster has it.
    pub service: &'a ServiceSeen,
    /// The port that is asked.
    pub port: &'a ServicePort,
    /// Where it is failed.
    pub side: Side,
}

/// The service that is failed; none if a finding refuses the drill.
pub fn served<'a>(
    seen: &[&ObservedTraffic],
    at: &'a ObservedTraffic,
    name: &ServiceName,
    wanted_port: Option<&str>,
    findings: &mut Findings,
) -> Option<Served<'a>> {
    let service = findings.keep(service(seen, at, name))?;
    let port = findings.keep(port(service, name, wanted_port));
    let side = findings.keep(failed_side(at, name));
    Some(Served { service, port: port?, side: side? })
}

/// Where the client's traffic goes when the side fails; none if a finding refuses the drill.
pub fn destination(
    seen: &[&ObservedTraffic],
    client: &ObservedTraffic,
    failed: &Side,
    rule: Option<&Rule>,
    name: &ServiceName,
    findings: &mut Findings,
) -> Option<Side> {
    let target = findings.keep(target_side(seen, failed, name, rule))?;
    findings.extend(governed(rule, name, (&failed.region, &target.region)).err());
    let at = seen.iter().find(|cluster| cluster.membership.name == target.cluster);
    findings.extend(at.and_then(|at| exposed(at, client, name).err()));
    Some(target)
}

#[cfg(test)]
mod tests;
