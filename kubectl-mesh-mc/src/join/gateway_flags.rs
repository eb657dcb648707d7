//! What the flags about gateways change: only what is given, and only on gateways that joins make.

use std::collections::BTreeMap;

use mesh_shared::model::istio::east_west_gateway::{CLOUDS, internal_annotations};
use mesh_shared::model::kube::labels;
use mesh_shared::model::names::ClusterName;
use mesh_shared::model::seen::observed_cluster::ObservedCluster;
use mesh_shared::plugin::finding::codes::gateway as codes;
use mesh_shared::plugin::finding::{Finding, Findings};
use mesh_shared::plugin::text;
use serde_json::Value;

use super::gateway_plan::{GatewayPlan, here, our_objects};
use super::members::{Joining, Member};
use super::request::JoinRequest;

/// The annotations that flags ask for.
///
/// # Errors
/// A finding if the gateway has to be internal and the annotation for the cluster's cloud is unknown.
pub(super) fn annotations(
    request: &JoinRequest,
    member: &Member,
    observed: &ObservedCluster,
) -> Result<BTreeMap<String, String>, Finding> {
    let mut annotations = BTreeMap::new();
    if request.gateway_internal {
        let cloud = observed.platform.cloud.as_deref().unwrap_or("none");
        annotations = internal_annotations(cloud).ok_or_else(|| {
            let found = codes::NO_INTERNAL_ADDRESS
                .found(format!("no annotation is known that gives {} an internal gateway address", member.name));
            here(found, member)
                .because(format!("the cloud named by its nodes' providerID is {cloud}"))
                .fix("give the annotation that its load balancer reads: --gateway-annotation KEY=VALUE")
        })?;
    }
    annotations.extend(request.gateway_annotations.clone());
    Ok(annotations)
}

/// What the user has to know of the flags: where they change an existing gateway, where they have no effect, and where
/// a new gateway gets another kind of address than the mesh has.
pub(super) fn judge(
    request: &JoinRequest,
    joining: &[Joining<'_>],
    plans: &BTreeMap<ClusterName, GatewayPlan>,
    findings: &mut Findings,
) {
    let is_given = request.gateway_internal || !request.gateway_annotations.is_empty();
    let internal: Vec<&str> = joining
        .iter()
        .filter(|one| service(request, one.seen).is_some_and(is_internal))
        .map(|one| one.member.name.as_str())
        .collect();
    for one in joining {
        match plans.get(&one.member.name) {
            Some(GatewayPlan::Uses(used)) if is_given => {
                let names: Vec<String> = used.iter().map(ToString::to_string).collect();
                let found = codes::FLAG_WITHOUT_EFFECT.found(format!(
                    "--gateway-internal and --gateway-annotation change nothing in {}: its gateway is {}, which no join made",
                    one.member.name,
                    text::list(&names)
                ));
                findings.push(here(found, &one.member).as_documented());
            }
            Some(GatewayPlan::Ours(ours)) => match service(request, one.seen) {
                Some(live) => findings.extend(changed(one, live, &ours.annotations)),
                None if !internal.is_empty() && !is_given => {
                    let found = codes::NOT_INTERNAL_AS_OTHERS.found(format!(
                        "the gateway of {} gets no internal address, which that of {} has: --gateway-internal is not given",
                        one.member.name,
                        text::list(&internal)
                    ));
                    findings.push(here(found, &one.member).as_documented());
                }
                None => {}
            },
            _ => {}
        }
    }
}

fn service<'a>(request: &JoinRequest, seen: &'a ObservedCluster) -> Option<&'a Value> {
    seen.objects.get(&our_objects(&request.system_namespace)[0])
}

fn is_internal(service: &Value) -> bool {
    let has = labels::read(&service["metadata"]["annotations"]);
    let known = CLOUDS.iter().filter_map(|cloud| internal_annotations(cloud)).flatten();
    known.into_iter().any(|(key, value)| has.get(&key) == Some(&value))
}

fn changed(one: &Joining<'_>, live: &Value, wanted: &BTreeMap<String, String>) -> Option<Finding> {
    let has = labels::read(&live["metadata"]["annotations"]);
    let differ = wanted.iter().filter(|(key, value)| has.get(*key) != Some(*value));
    let all: Vec<String> = differ
        .map(|(key, value)| {
            let now = has.get(key).map_or_else(|| "nothing".to_owned(), |now| format!("{now:?}"));
            format!("annotation {key} is {now}, given {value:?}")
        })
        .collect();
    (!all.is_empty()).then(|| {
        let found = codes::FLAG_DIFFERS.found(format!(
            "the flags change the gateway of {}, and its load balancer may get another address: {}",
            one.member.name,
            all.join("; ")
        ));
        here(found, &one.member).as_documented()
    })
}
