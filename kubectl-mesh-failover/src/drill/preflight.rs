//! What must be so before a drill may begin, and who takes part: decided on what was observed, before anything is written.

use std::collections::BTreeSet;

use mesh_shared::model::names::service::ServiceName;
use mesh_shared::model::seen::traffic::{ObservedTraffic, PodSeen, ServicePort, ServiceSeen};
use mesh_shared::plugin::error::{Error, Result};
use mesh_shared::plugin::text::list;

use super::command_lines;
use super::governing_rule::Rule;
use super::side::Side;
use crate::mesh::selection::no_service;
use mesh_shared::model::istio::exposure::openings;

/// Every cluster of the mesh has a context here: a peer that was left out could run a drill of its own, or be the one that
/// traffic goes to. `known` are the clusters that the istiods know.
///
/// # Errors
/// A refusal that names those that are missing.
pub fn whole_mesh(seen: &[&ObservedTraffic], known: &BTreeSet<String>) -> Result<()> {
    let here: BTreeSet<&str> = seen.iter().map(|cluster| cluster.name.as_str()).collect();
    let missing: Vec<&str> = known.iter().map(String::as_str).filter(|name| !here.contains(name)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Error::refused(format!("no context is named for {}, which the mesh has too", list(&missing)))
        .because("a drill could run there unseen, or traffic go there")
        .fix("name the contexts of all clusters: --contexts A,B,…"))
}

/// The cluster that is failed, by its name in the mesh or by its context.
///
/// # Errors
/// A usage error with those that there are.
pub fn cluster<'a>(seen: &[&'a ObservedTraffic], wanted: &str, flag: &str) -> Result<&'a ObservedTraffic> {
    let found = seen.iter().find(|cluster| cluster.name.as_str() == wanted || cluster.context == wanted);
    found.copied().ok_or_else(|| {
        let all: Vec<&str> = seen.iter().map(|cluster| cluster.name.as_str()).collect();
        Error::usage(format!("{flag} {wanted}: no cluster of the mesh has this name"))
            .meant(wanted, all.iter().copied())
            .fix(format!("name one of {}", all.join(", ")))
    })
}

/// The service as the cluster has it.
///
/// # Errors
/// A refusal where it is not there, with where it is.
pub fn service<'a>(seen: &[&ObservedTraffic], at: &'a ObservedTraffic, name: &ServiceName) -> Result<&'a ServiceSeen> {
    at.services.get(name).ok_or_else(|| {
        let elsewhere: Vec<&str> = seen
            .iter()
            .filter(|cluster| cluster.services.contains_key(name))
            .map(|cluster| cluster.name.as_str())
            .collect();
        if elsewhere.is_empty() {
            return no_service(name, seen);
        }
        Error::refused(format!("there is no service {name} in {}", at.name))
            .at(format!("context {}, namespace {}", at.context, name.namespace))
            .fix(format!("it is in {}: --cluster {}", list(&elsewhere), elsewhere[0]))
    })
}

/// The port that is asked: the one that is named by number or name, else the only one.
///
/// # Errors
/// A refusal with those that there are.
pub fn port<'a>(service: &'a ServiceSeen, name: &ServiceName, wanted: Option<&str>) -> Result<&'a ServicePort> {
    let told = || {
        let all: Vec<String> = service.ports.iter().map(|port| format!("{} ({})", port.port, port.name)).collect();
        all.join(", ")
    };
    match (wanted, service.ports.as_slice()) {
        (None, [only]) => Ok(only),
        (None, []) => {
            Err(Error::refused(format!("{name} has no port"))
                .fix("give its Service the port by which clients reach it"))
        }
        (None, _) => Err(Error::refused(format!("{name} has several ports and none is named"))
            .because(told())
            .fix("name one: --port")),
        (Some(wanted), ports) => {
            ports.iter().find(|port| port.name == wanted || port.port.to_string() == wanted).ok_or_else(|| {
                Error::refused(format!("{name} has no port {wanted}"))
                    .because(told())
                    .meant(wanted, ports.iter().map(|port| port.name.as_str()))
                    .fix("name one of these: --port")
            })
        }
    }
}

/// The pods' own port behind a service's.
///
/// # Errors
/// Where the target port is a name that no pod has.
pub fn target_port(port: &ServicePort, pods: &[&PodSeen]) -> Result<u16> {
    let named = || pods.iter().find_map(|pod| pod.ports.get(&port.target)).copied();
    port.target.parse().ok().or_else(named).ok_or_else(|| {
        Error::refused(format!("the service's target port {:?} is no port of its pods", port.target))
            .fix("give the container's port this name")
    })
}

/// The side that is failed.
///
/// # Errors
/// A refusal where it has no ready endpoint.
pub fn failed_side(at: &ObservedTraffic, service: &ServiceName) -> Result<Side> {
    side(at, service).ok_or_else(|| {
        Error::refused(format!("{service} has no ready endpoint in {}: there is nothing to fail", at.name))
            .at(format!("context {}, namespace {}", at.context, service.namespace))
            .fix("bring its workload up first")
    })
}

/// The side that takes over: where the rule sends the failed region's traffic, else any other cluster with ready endpoints.
///
/// # Errors
/// A refusal where nothing healthy is left elsewhere, or nothing in the region that the rule names.
pub fn target_side(
    seen: &[&ObservedTraffic],
    failed: &Side,
    service: &ServiceName,
    rule: Option<&Rule>,
) -> Result<Side> {
    let others: Vec<Side> = seen
        .iter()
        .filter(|cluster| cluster.name != failed.cluster)
        .filter_map(|cluster| side(cluster, service))
        .collect();
    if others.is_empty() {
        return Err(Error::refused(format!("{service} has no healthy endpoint outside {}", failed.cluster))
            .because("its traffic would have nowhere to go")
            .fix("run it in a second cluster first"));
    }
    let Some(region) = rule.and_then(|rule| rule.failover_to.as_deref()) else {
        return Ok(others.into_iter().next().unwrap_or_else(|| failed.clone()));
    };
    let regions: BTreeSet<String> = others.iter().map(|side| side.region.clone()).collect();
    others.into_iter().find(|side| side.region == region).ok_or_else(|| {
        let regions: Vec<&str> = regions.iter().map(String::as_str).collect();
        Error::refused(format!("{service} has no healthy endpoint in {region}, where the rule fails over to"))
            .because(format!("it has some in {}", list(&regions)))
            .fix(format!("run it there, or change the rule: kubectl mesh-failover locality show {service}"))
    })
}

/// A cluster's ready endpoints, in the region that has most of them.
fn side(at: &ObservedTraffic, service: &ServiceName) -> Option<Side> {
    let regions = at.ready_by_region(service);
    let endpoints = regions.values().sum();
    let (region, _) = regions.into_iter().max_by_key(|(_, count)| *count)?;
    Some(Side { cluster: at.name.clone(), context: at.context.clone(), region, endpoints })
}

/// A rule governs the client.
///
/// # Errors
/// A refusal: without a rule, traffic goes to every endpoint at once, and nothing fails over.
pub fn governed(rule: Option<&Rule>, service: &ServiceName, (from, to): (&str, &str)) -> Result<()> {
    if rule.is_some() {
        return Ok(());
    }
    Err(Error::refused(format!("no rule governs the client's traffic to {service}"))
        .because("without outlier detection and locality, its requests are spread over all endpoints, near and far")
        .fix("write one:")
        .fix(command_lines::apply_locality(service, from, to)))
}

/// The client's pod: ready, with a sidecar.
///
/// # Errors
/// A refusal that says what the pods lack.
pub fn client<'a>(pods: &[&'a PodSeen], workload: &str, at: &ObservedTraffic) -> Result<&'a PodSeen> {
    let place = || format!("context {}", at.context);
    let Some(ready) = pods.iter().find(|pod| pod.ready) else {
        return Err(Error::refused(format!("{workload} has no ready pod in {}", at.name))
            .at(place())
            .fix("bring one up, or name another client: --from, --from-namespace, --from-cluster"));
    };
    pods.iter().find(|pod| pod.ready && pod.sidecar).copied().ok_or_else(|| {
        Error::refused(format!("the client {}/{} has no sidecar", ready.namespace, ready.name))
            .at(place())
            .because("without Istio's proxy no rule governs its traffic")
            .fix("inject it: label its namespace istio-injection=enabled and restart it")
    })
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

#[cfg(test)]
mod tests;
