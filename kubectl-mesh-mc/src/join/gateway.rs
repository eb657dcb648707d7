//! Whose east-west gateway a member has: whatever leads to its network already is used as it is, and none is made beside
//! it.

use std::collections::BTreeMap;

use mesh_shared::model::istio::network_gateway::{MeshNetworks, NetworkGateway, of_service};
use mesh_shared::model::kube::managed_by::MANAGED_BY;
use mesh_shared::model::kube::object_key::ObjectKey;
use mesh_shared::model::names::ClusterName;
use mesh_shared::model::seen::known::Known;
use mesh_shared::model::seen::observed_cluster::ObservedCluster;
use mesh_shared::plugin::finding::codes::gateway as codes;
use mesh_shared::plugin::finding::{Finding, Findings};
use mesh_shared::plugin::text;
use serde_json::Value;

use super::gateway_flags;
use super::gateway_plan::{GatewayPlan, OurGateway, here, our_objects};
use super::members::{Joining, Member, governing};
use super::request::JoinRequest;

/// The gateway of each member, except where a finding refuses the join.
pub(super) fn gateways(
    request: &JoinRequest,
    joining: &[Joining<'_>],
    findings: &mut Findings,
) -> BTreeMap<ClusterName, GatewayPlan> {
    let configured: Vec<(&Member, MeshNetworks)> =
        joining.iter().map(|one| (&one.member, mesh_networks(request, one.seen))).collect();
    let mut plans = BTreeMap::new();
    for one in joining {
        findings.extend(of_other_members(one, joining));
        if let Some(plan) = gateway(request, one, &configured, findings) {
            if let GatewayPlan::Uses(used) = &plan {
                findings.extend(without_address(one, used));
                findings.extend(unknown_to_peers(&one.member, used, &configured));
            }
            plans.insert(one.member.name.clone(), plan);
        }
    }
    gateway_flags::judge(request, joining, &plans, findings);
    plans
}

fn gateway(
    request: &JoinRequest,
    one: &Joining<'_>,
    configured: &[(&Member, MeshNetworks)],
    findings: &mut Findings,
) -> Option<GatewayPlan> {
    let Joining { member, seen } = one;
    let ours = our_objects(&request.system_namespace);
    let existing: Vec<&Value> = ours.iter().filter_map(|key| seen.objects.get(key)).collect();
    let is_ours = |object: &Value| object["metadata"]["labels"][MANAGED_BY] == request.managed_by;
    let used = others(request, one, configured);
    // Without the label it is a gateway by meshNetworks, which istiod would ignore with it.
    let serves = |service: &&Value| is_ours(service) && (used.is_empty() || of_service(service, &[]).is_some());
    let our_service = seen.objects.get(&ours[0]).filter(serves);
    if our_service.is_none() {
        if !used.is_empty() {
            return Some(GatewayPlan::Uses(used));
        }
        if let Known::Unknown(error) = &seen.gateways {
            let found = codes::NOT_KNOWN
                .found(format!("whether {} has a gateway of {} cannot be told", member.name, member.network))
                .because(error.to_string());
            findings.push(here(found, member).fix(
                "apply docs/permissions/mesh-mc-join.yaml there, which allows to list services and gateways.gateway.networking.k8s.io",
            ));
            return None;
        }
    }
    if let Some(taken) = existing.iter().find(|object| !is_ours(object)) {
        findings.push(name_taken(member, &ObjectKey::of(taken), our_service.is_some()));
        return None;
    }
    let annotations = findings.keep(gateway_flags::annotations(request, member, seen))?;
    Some(GatewayPlan::Ours(OurGateway { annotations }))
}

/// The gateways of a member's network that somebody else made.
fn others(request: &JoinRequest, one: &Joining<'_>, configured: &[(&Member, MeshNetworks)]) -> Vec<NetworkGateway> {
    let Joining { member, seen } = one;
    let network = member.network.as_str();
    let mut found: Vec<NetworkGateway> = match &seen.gateways {
        Known::Known(found) => found.clone(),
        // Its own name may be read by a rule that allows this name alone.
        Known::Unknown(_) | Known::NotAsked => {
            let named = seen.objects.get(&our_objects(&request.system_namespace)[0]);
            named.and_then(|service| of_service(service, &[])).into_iter().collect()
        }
    };
    for (of, networks) in configured {
        let named = networks.gateways().into_iter().filter(|gateway| !found.contains(gateway));
        found = found.iter().cloned().chain(named).collect();
        if of.name == member.name {
            found.extend(networks.named_services(member.name.as_str()).into_iter().map(
                |(network, _, namespace, name)| NetworkGateway {
                    network,
                    object: Some(ObjectKey::new("Service", &namespace, &name)),
                    addresses: Vec::new(),
                    is_pending: true,
                },
            ));
        }
    }
    found.retain(|gateway| gateway.network == network);
    found
}

/// `meshNetworks` of the control plane that governs our namespace, or of the one that is to be created.
fn mesh_networks(request: &JoinRequest, seen: &ObservedCluster) -> MeshNetworks {
    let existing = governing(seen, &request.system_namespace).ok().flatten();
    let networks = match existing {
        Some(istio) => istio.spec(&["values", "global", "meshNetworks"]),
        None => request.values.get("global").and_then(|global| global.get("meshNetworks")),
    };
    MeshNetworks::of(networks.unwrap_or(&Value::Null))
}

fn name_taken(member: &Member, object: &ObjectKey, is_beside_ours: bool) -> Finding {
    let found = codes::NAME_TAKEN
        .found(format!("{} has an object of the gateway's name that no join made", member.name))
        .object(object.to_string());
    let found = here(found, member).because(if is_beside_ours {
        "the Service of that name is a join's own".to_owned()
    } else {
        format!(
            "it is no gateway of {}: istiod knows one by a Service with that network's label and port 15443",
            member.network
        )
    });
    let remove = format!(
        "if nothing needs it: kubectl --context {} delete {} -n {} {}",
        member.context,
        object.kind.to_lowercase(),
        object.namespace,
        object.name
    );
    found
        .fix(format!(
            "if it is the gateway: kubectl --context {} label service -n {} {} topology.istio.io/network={}",
            member.context, object.namespace, object.name, member.network
        ))
        .fix(remove)
}

/// Services of a cluster that istiod takes for gateways of another member's network.
fn of_other_members(one: &Joining<'_>, joining: &[Joining<'_>]) -> Vec<Finding> {
    let of_another = |gateway: &&NetworkGateway| {
        gateway.object.as_ref().is_some_and(|object| object.kind == "Service")
            && gateway.network != one.member.network.as_str()
            && joining.iter().any(|other| other.member.network.as_str() == gateway.network)
    };
    let say = |gateway: &NetworkGateway| {
        let found = codes::ANOTHER_NETWORK
            .found(format!("{gateway} of {} is labelled as a gateway of {}", one.member.name, gateway.network));
        here(found, &one.member)
            .object(gateway.to_string())
            .because(format!("the network of {} is {}", one.member.name, one.member.network))
            .as_documented()
    };
    one.seen.gateways.known().into_iter().flatten().filter(of_another).map(say).collect()
}

fn without_address(one: &Joining<'_>, used: &[NetworkGateway]) -> Option<Finding> {
    let has_none = used.iter().all(|gateway| gateway.addresses.is_empty() && !gateway.is_pending);
    has_none.then(|| {
        let names: Vec<String> = used.iter().map(ToString::to_string).collect();
        let found = codes::NO_ADDRESS.found(format!(
            "no address is known at which peers reach {} of {}",
            text::list(&names),
            one.member.name
        ));
        here(found, &one.member)
            .because("it is no load balancer, has no externalIPs, and no node with an external address is known for it")
            .as_documented()
    })
}

/// Peers that will not know a gateway which `meshNetworks` alone names.
fn unknown_to_peers(member: &Member, used: &[NetworkGateway], configured: &[(&Member, MeshNetworks)]) -> Vec<Finding> {
    if used.iter().any(|gateway| gateway.object.is_some()) {
        return Vec::new();
    }
    let knows =
        |networks: &MeshNetworks| networks.gateways().iter().any(|gateway| gateway.network == member.network.as_str());
    let say = |peer: &Member| {
        let found = codes::NOT_IN_MESH_NETWORKS.found(format!(
            "{} does not know the gateway of {}: meshNetworks of other members alone name it",
            peer.name, member.network
        ));
        here(found, peer)
            .fix(format!(
                "give the control plane of {} the same values.global.meshNetworks as its peers have",
                peer.name
            ))
            .fix("for one that this join creates: --values FILE with global.meshNetworks")
    };
    let peers = configured.iter().filter(|(peer, networks)| peer.name != member.name && !knows(networks));
    peers.map(|(peer, _)| say(peer)).collect()
}
