//! What exposing a service, or taking it back, would write: one Gateway in each cluster, with exactly the exposed hosts.

#[cfg(test)]
mod tests;

use mesh_shared::engine::steps::Writes;
use mesh_shared::model::istio::cross_network_gateway;
use mesh_shared::model::istio::cross_network_gateway::covers;
use mesh_shared::model::kube::managed_by::MANAGED_BY;
use mesh_shared::model::kube::object_key::ObjectKey;
use mesh_shared::model::kube::write::Write;
use mesh_shared::model::names::ClusterName;
use mesh_shared::model::names::service::ServiceName;
use mesh_shared::model::seen::observed_traffic::ObservedTraffic;
use mesh_shared::plugin::error::Result;
use mesh_shared::plugin::finding::codes::exposure as codes;
use mesh_shared::plugin::finding::{Claim, Finding, Findings, Verb};
use serde_json::Value;

use super::existing::Standing;
use crate::expose::binding::binding;
use crate::mesh::selection::{chosen, no_service};
use crate::plugin_identity::MANAGER;
use mesh_shared::model::istio::exposure::{Opening, openings, without_sidecar};

/// What to do, and in which of the clusters.
#[derive(Debug, Clone)]
pub struct ExposeRequest<'a> {
    /// The service.
    pub service: &'a ServiceName,
    /// `--clusters`; empty for all that are concerned.
    pub clusters: &'a [String],
}

/// What is written, and what becomes of the service in each cluster.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ExposePlan {
    /// In the order of the members, without those that are not concerned.
    pub clusters: Vec<InCluster>,
    /// The writes.
    pub changes: Writes,
    /// The Gateways as they would be.
    pub manifests: Vec<(ClusterName, Value)>,
    /// What else the user should know.
    pub findings: Findings,
}

impl ExposePlan {
    /// Whether anything is written.
    pub fn changes_anything(&self) -> bool {
        self.clusters.iter().any(|cluster| cluster.outcome.is_change())
    }

    /// The same plan as the rest of one that was carried out in part: what that one changed counts as changed.
    #[must_use]
    pub fn continuing(mut self, earlier: &Self) -> Self {
        for cluster in &mut self.clusters {
            let before = earlier.clusters.iter().find(|before| before.cluster == cluster.cluster);
            if let Some(before) = before.filter(|before| before.outcome.is_change()) {
                cluster.outcome = before.outcome.clone();
            }
        }
        self
    }
}

/// What becomes of the service in one cluster.
#[derive(Debug, Clone, PartialEq)]
pub struct InCluster {
    /// The cluster.
    pub cluster: ClusterName,
    /// Ready endpoints of it there.
    pub ready: usize,
    /// All of its endpoints there.
    pub total: usize,
    /// What is done.
    pub outcome: Outcome,
}

/// What is done in a cluster.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// It is exposed.
    Exposes,
    /// It is exposed already: nothing is written.
    Stands(Opening),
    /// It is taken back; if another Gateway opens it too, it stays open by that one.
    Unexposes {
        /// What still opens it.
        still: Option<Opening>,
    },
    /// We do not expose it, and another Gateway does: nothing is written.
    Others(Opening),
    /// It is not exposed: nothing is written.
    NotExposed,
}

impl Outcome {
    fn is_change(&self) -> bool {
        matches!(self, Self::Exposes | Self::Unexposes { .. })
    }
}

/// Exposes the service in every cluster that has endpoints of it, or in those of them that are named.
///
/// # Errors
/// A refusal with everything that is in the way: no cluster has the service or endpoints of it, a cluster has no east-west
/// gateway, someone else's Gateway has the name of ours.
pub fn expose(request: &ExposeRequest<'_>, seen: &[&ObservedTraffic]) -> Result<ExposePlan> {
    let (mut plan, mut findings) = (ExposePlan::default(), Findings::default());
    let serving = findings.keep_all(serving(request, seen)).unwrap_or_default();
    for cluster in &serving {
        let outcome = if let Some(opening) = openings(cluster, request.service).into_iter().next() {
            Outcome::Stands(opening)
        } else {
            let Some((write, manifest)) = findings.keep_all(opened(cluster, request.service)) else { continue };
            let why = format!("{} serves {} and does not expose it", cluster.membership.name, request.service);
            plan.changes.write(&cluster.membership.name, write, why);
            plan.manifests.push((cluster.membership.name.clone(), manifest));
            Outcome::Exposes
        };
        plan.clusters.push(in_cluster(cluster, request.service, outcome));
    }
    findings.refuse(Verb::Expose)?;
    findings.extend(worth_knowing(request.service, seen, &serving));
    Ok(ExposePlan { findings, ..plan })
}

/// Takes the service out of our Gateways, and deletes those that open nothing else. The Service itself need not be there.
///
/// # Errors
/// A refusal if the service neither exists nor is exposed anywhere.
pub fn unexpose(request: &ExposeRequest<'_>, seen: &[&ObservedTraffic]) -> Result<ExposePlan> {
    let (mut plan, mut findings) = (ExposePlan::default(), Findings::default());
    let all = findings.keep_all(chosen(request.clusters, seen)).unwrap_or_default();
    for cluster in all {
        let Some(standing) = findings.keep(Standing::of(cluster)) else { continue };
        let host = request.service.host();
        let still =
            openings(cluster, request.service).into_iter().find(|opening| opening.host != host || !opening.ours);
        let outcome = match (standing, still) {
            (Standing::Ours(own), still) if own.hosts.contains(&host) => {
                let left: Vec<String> = own.hosts.iter().filter(|known| **known != host).cloned().collect();
                let (write, why) = if left.is_empty() {
                    (own.delete(), format!("{} is the last that it exposes", request.service))
                } else {
                    let manifest = own.with_hosts(&left);
                    plan.manifests.push((cluster.membership.name.clone(), manifest));
                    (own.patch(&left, None), format!("{} is not to be exposed", request.service))
                };
                plan.changes.write(&cluster.membership.name, write, why);
                Outcome::Unexposes { still }
            }
            (_, Some(opening)) => Outcome::Others(opening),
            (_, None) => Outcome::NotExposed,
        };
        plan.clusters.push(in_cluster(cluster, request.service, outcome));
    }
    let known = seen.iter().any(|cluster| cluster.services.by_name.contains_key(request.service));
    if !known && findings.is_empty() && plan.clusters.iter().all(|cluster| cluster.outcome == Outcome::NotExposed) {
        findings.push(no_service(request.service, seen));
    }
    findings.refuse(Verb::Unexpose).map(|()| plan)
}

/// The Gateway of a cluster with one more host: the write, and the object as it would be.
///
/// # Errors
/// Everything because of which it cannot be opened there.
fn opened(cluster: &ObservedTraffic, service: &ServiceName) -> Result<(Write, Value), Findings> {
    let (mut findings, host) = (Findings::default(), service.host());
    let binding = findings.keep(binding(cluster));
    let standing = findings.keep(Standing::of(cluster));
    if let Some(Standing::Foreign(gateway)) = &standing {
        findings.push(foreign(gateway, cluster, &host));
    }
    let (Some(binding), Some(standing)) = (binding, standing) else { return Err(findings) };
    let named = |hosts: &[String]| {
        cross_network_gateway::manifest(
            &cluster.membership.system_namespace,
            &binding.selector,
            binding.port,
            hosts,
            MANAGER,
        )
    };
    match standing {
        Standing::Nothing => {
            let manifest = named(&[host]);
            Ok((Write::Create { manifest: manifest.clone() }, manifest))
        }
        Standing::Ours(own) => {
            // A host that another Gateway has since opened is left to it: twice on one gateway drops one of the
            // servers.
            let others = mesh_shared::model::istio::exposure::all_hosts(cluster);
            let taken = |known: &String| others.iter().any(|other| !other.ours && covers(&other.host, known));
            let mut hosts: Vec<String> =
                own.hosts.iter().filter(|known| !taken(known)).cloned().chain([host]).collect();
            hosts.sort();
            hosts.dedup();
            let selector = (!own.selects_all(cluster)).then_some(&binding.selector);
            Ok((own.patch(&hosts, selector), named(&hosts)))
        }
        Standing::Foreign(_) => Err(findings),
    }
}

/// Someone else's Gateway has the name of ours.
fn foreign(gateway: &ObjectKey, cluster: &ObservedTraffic, host: &str) -> Finding {
    let context = &cluster.identity.context;
    codes::GATEWAY_FOREIGN
        .found(format!("{gateway} in {} is not ours", cluster.membership.name))
        .because(format!("it does not have the label {MANAGED_BY}={MANAGER}, so someone else manages it"))
        .fix(format!("add {host} to its hosts yourself"))
        .fix(format!(
            "or hand it over: kubectl --context {context} -n {} label gateways.networking.istio.io {} {MANAGED_BY}={MANAGER} \
             --overwrite",
            gateway.namespace, gateway.name
        ))
        .about(&cluster.membership.name, context, gateway)
}

fn in_cluster(cluster: &ObservedTraffic, service: &ServiceName, outcome: Outcome) -> InCluster {
    let endpoints = cluster.services.by_name.get(service).map(|seen| seen.endpoints.as_slice()).unwrap_or_default();
    let ready = endpoints.iter().filter(|endpoint| endpoint.ready).count();
    InCluster { cluster: cluster.membership.name.clone(), ready, total: endpoints.len(), outcome }
}

/// The clusters that have endpoints of the service, or those of them that are named.
///
/// # Errors
/// Every name that is not a cluster, and every cluster that is named and has no endpoints; or that no cluster has any.
fn serving<'a>(
    request: &ExposeRequest<'_>,
    seen: &[&'a ObservedTraffic],
) -> Result<Vec<&'a ObservedTraffic>, Findings> {
    let (service, mut findings) = (request.service, Findings::default());
    let has_endpoints = |cluster: &&&ObservedTraffic| {
        cluster.services.by_name.get(service).is_some_and(|seen| !seen.endpoints.is_empty())
    };
    let named = findings.keep_all(chosen(request.clusters, seen)).unwrap_or_default();
    let serving: Vec<&ObservedTraffic> = seen.iter().filter(has_endpoints).copied().collect();
    let known = seen.iter().filter(|cluster| cluster.services.by_name.contains_key(service));
    let known: Vec<&str> = known.map(|cluster| cluster.membership.name.as_str()).collect();
    if known.is_empty() {
        findings.push(no_service(service, seen));
    } else if serving.is_empty() {
        let claim = codes::NO_ENDPOINTS.found(format!("{service} has no endpoints in any cluster"));
        let why = format!("its Service exists in {}, and selects no pod there", known.join(", "));
        findings.push(claim.because(why).fix("start its pods first"));
    } else if !request.clusters.is_empty() {
        let with: Vec<&str> = serving.iter().map(|cluster| cluster.membership.name.as_str()).collect();
        findings.extend(named.iter().filter(|cluster| !has_endpoints(cluster)).map(|without| {
            codes::NO_ENDPOINTS
                .found(format!("{service} has no endpoints in {}", without.membership.name))
                .cluster(&without.membership.name)
                .context(&without.identity.context)
                .because(format!("a Gateway there would lead nowhere; {} has endpoints of it", with.join(", ")))
                .fix("leave it out of --clusters, or start its pods there first")
        }));
    }
    match findings.is_empty() {
        false => Err(findings),
        true if request.clusters.is_empty() => Ok(serving),
        true => Ok(named),
    }
}

/// What else should be known of what is exposed.
fn worth_knowing(service: &ServiceName, seen: &[&ObservedTraffic], serving: &[&ObservedTraffic]) -> Findings {
    let mut findings = Findings::default();
    for cluster in serving {
        let of = |claim: Claim| claim.cluster(&cluster.membership.name).context(&cluster.identity.context);
        let opened = openings(cluster, service);
        if let [ours, .., other] = opened.as_slice()
            && ours.ours
            && !other.ours
        {
            let what = format!(
                "{}: {other} opens it too: istiod drops one of them, or Envoy refuses both. Take ours back: unexpose",
                cluster.membership.name
            );
            let fix = format!("kubectl mesh-failover unexpose {service}");
            findings.push(of(codes::OPENED_TWICE.found(what)).object(&other.gateway).fix(fix));
        }
        let Some(here) = cluster.services.by_name.get(service) else { continue };
        let bare = without_sidecar(cluster, service);
        if bare > 0 {
            let all = here.endpoints.len();
            let what = format!(
                "{}: {bare} of {all} endpoints have no sidecar and are not reached from other networks",
                cluster.membership.name
            );
            findings.push(of(codes::NO_SIDECAR.found(what)).as_documented());
        }
        if cluster.east_west_gateways().iter().all(|gateway| gateway.addresses.is_empty())
            && !cluster.east_west_gateways().is_empty()
        {
            let what = format!(
                "{}: its east-west gateway has no address yet, so it cannot be reached",
                cluster.membership.name
            );
            findings.push(of(codes::NO_GATEWAY_ADDRESS.found(what)).as_documented());
        }
    }
    if serving.iter().any(|cluster| cluster.services.by_name.get(service).is_some_and(|here| here.headless)) {
        let what = "it is headless: from another network no single pod is reached by its own name";
        findings.push(codes::HEADLESS.found(what).as_documented());
    }
    let absent: Vec<&str> = seen
        .iter()
        .filter(|cluster| !cluster.services.by_name.contains_key(service))
        .map(|cluster| cluster.membership.name.as_str())
        .collect();
    if !absent.is_empty() {
        let absent = absent.join(", ");
        let what = format!("it does not resolve in {absent}, where no Service of that name exists");
        findings.push(codes::NOT_RESOLVED.found(what).place(absent).as_documented());
    }
    findings
}
