//! Which regions take over from which.

use std::collections::{BTreeMap, BTreeSet};

use crate::locality::failover_flag::{mutual, unnamed};
use mesh_shared::model::istio::cross_network_gateway::covers;
use mesh_shared::model::istio::destination_rule::FailoverPair;
use mesh_shared::model::names::service::ServiceName;
use mesh_shared::model::seen::observed_traffic::ObservedTraffic;
use mesh_shared::plugin::error::Error;
use mesh_shared::plugin::finding::codes::locality as codes;
use mesh_shared::plugin::finding::{Finding, Findings};
use mesh_shared::plugin::text;

use super::request::LocalityRequest;
use mesh_shared::model::istio::exposure::openings;

/// Every region in which a node or a workload runs.
pub fn observed_regions(observed: &[&ObservedTraffic]) -> BTreeSet<String> {
    let nodes = observed.iter().flat_map(|seen| seen.services.nodes.values());
    let pods = observed.iter().flat_map(|seen| seen.services.pods.iter().map(|pod| &pod.locality));
    nodes.chain(pods).map(|locality| locality.region.clone()).filter(|region| !region.is_empty()).collect()
}

/// The regions in which a service has endpoints, ready or not.
pub fn service_regions(service: &ServiceName, observed: &[&ObservedTraffic]) -> BTreeSet<String> {
    let endpoints = observed.iter().filter_map(|seen| Some((seen, seen.services.by_name.get(service)?)));
    let regions = endpoints.flat_map(|(seen, service_seen)| {
        service_seen.endpoints.iter().map(|endpoint| seen.locality_of(service, endpoint).region.clone())
    });
    regions.filter(|region| !region.is_empty()).collect()
}

/// The pairs that are wanted: those of `--failover`, else both directions between the two regions of the service.
///
/// # Errors
/// That they are not given and the service is not in just two regions, or that regions do not exist.
pub fn pairs(request: &LocalityRequest, observed: &[&ObservedTraffic]) -> Result<Vec<FailoverPair>, Finding> {
    let all = observed_regions(observed);
    let of_service = service_regions(&request.service, observed);
    let listed = |regions: &BTreeSet<String>| match regions.len() {
        0 => "none".to_owned(),
        _ => text::list(&regions.iter().collect::<Vec<_>>()),
    };
    if request.failover.is_empty() {
        return mutual(&of_service).ok_or_else(|| {
            let example = match (of_service.first().or(all.first()), all.last()) {
                (Some(from), Some(to)) if from != to => format!("--failover {from}={to}"),
                _ => "--failover FROM=TO".to_owned(),
            };
            codes::NO_PAIRS
                .found(format!("it is not clear which region takes over from which for {}", request.service))
                .because(format!(
                    "it has endpoints in {}: {}; pairs can be inferred only for two regions",
                    text::count(of_service.len(), "region"),
                    listed(&of_service)
                ))
                .fix(format!("name the pairs: {example}"))
                .fix(format!("regions of the mesh: {}", listed(&all)))
        });
    }
    let named = request.failover.iter().flat_map(|pair| [&pair.from, &pair.to]);
    let unknown: BTreeSet<String> = named.filter(|region| !all.contains(*region)).cloned().collect();
    if unknown.is_empty() {
        return Ok(request.failover.clone());
    }
    let draft = Error::refused(format!("there is no region {}", listed(&unknown)))
        .because(format!("no node and no workload of the mesh's clusters is there; its regions are {}", listed(&all)))
        .meant(unknown.first().map_or("", String::as_str), all.iter().map(String::as_str))
        .fix("name regions as they are, or label the nodes first: kubectl mesh-failover regions");
    Err(codes::UNKNOWN_REGION.of_error(draft))
}

/// What prevents these pairs from working, or follows from them.
pub fn findings(pairs: &[FailoverPair], service: &ServiceName, observed: &[&ObservedTraffic]) -> Findings {
    let mut findings: Findings = unnamed(pairs, &service_regions(service, observed)).into_iter().collect();
    let mut ready: BTreeMap<String, Vec<&ObservedTraffic>> = BTreeMap::new();
    for seen in observed {
        for region in seen.ready_by_region(service).into_keys() {
            ready.entry(region).or_default().push(seen);
        }
    }
    let targets: BTreeSet<&String> = pairs.iter().map(|pair| &pair.to).collect();
    for region in targets {
        let Some(serving) = ready.get(region) else {
            let what = format!("{region} has no ready endpoint of {service} now, so nothing there could take over");
            findings.push(codes::TARGET_NOT_READY.found(what).as_documented());
            continue;
        };
        for seen in serving.iter().filter(|seen| observed.len() > 1 && openings(seen, service).is_empty()) {
            let expose = format!("kubectl mesh-failover expose {service}");
            let what = format!(
                "{} does not expose {service}: clients of other clusters are refused there; {expose}",
                seen.membership.name
            );
            findings.push(
                codes::TARGET_NOT_EXPOSED
                    .found(what)
                    .cluster(&seen.membership.name)
                    .context(&seen.identity.context)
                    .fix(expose),
            );
        }
    }
    if let Some(nowhere) = ready.get("") {
        let names: Vec<&str> = nowhere.iter().map(|seen| seen.membership.name.as_str()).collect();
        let what = format!(
            "endpoints in {} have no region, and belong to no pair; kubectl mesh-failover regions",
            text::list(&names)
        );
        findings.push(codes::ENDPOINTS_WITHOUT_REGION.found(what).place(names.join(", ")).as_documented());
    }
    for seen in
        observed.iter().filter(|seen| seen.mesh_config.cluster_local.iter().any(|host| covers(host, &service.host())))
    {
        let what = format!(
            "{} keeps {service} at home (clusterLocal): its clients never leave the cluster",
            seen.membership.name
        );
        findings.push(
            codes::KEPT_AT_HOME
                .found(what)
                .cluster(&seen.membership.name)
                .context(&seen.identity.context)
                .as_documented(),
        );
    }
    findings
}
