use mesh_shared::model::istio::cross_network_gateway::NAME;
use mesh_shared::model::kube::write::Operation;
use serde_json::json;

use super::*;
use crate::mesh::test_world::{cluster, gateway, our_gateway, service, with_service, writes};

const HOST: &str = "helloworld.sample.svc.cluster.local";
const OTHER: &str = "other.sample.svc.cluster.local";

fn serving(name: &str) -> ObservedTraffic {
    with_service(cluster(name), "helloworld.sample", "http", 1)
}

fn planned(
    plan: fn(&ExposeRequest<'_>, &[&ObservedTraffic]) -> Result<ExposePlan>,
    clusters: &[&str],
    seen: &[ObservedTraffic],
) -> Result<ExposePlan> {
    let clusters: Vec<String> = clusters.iter().map(|name| (*name).to_owned()).collect();
    let service = service("helloworld.sample");
    plan(&ExposeRequest { service: &service, clusters: &clusters }, &seen.iter().collect::<Vec<_>>())
}

fn exposed(seen: &[ObservedTraffic]) -> ExposePlan {
    planned(expose, &[], seen).unwrap()
}

fn hosts(write: &Write) -> Vec<String> {
    let value = match write {
        Write::Create { manifest } => manifest["spec"]["servers"][0]["hosts"].clone(),
        Write::Patch { operations, .. } => operations
            .iter()
            .find_map(|operation| match operation {
                Operation::Replace { path, value } if path == "/spec/servers/0/hosts" => Some(value.clone()),
                _ => None,
            })
            .unwrap(),
        other => panic!("{other:?}"),
    };
    serde_json::from_value(value).unwrap()
}

#[test]
fn every_cluster_with_endpoints_gets_a_gateway_with_the_one_host() {
    let plan = exposed(&[serving("east"), serving("west"), cluster("north")]);
    let places: Vec<&str> = plan.changes.iter().map(|(_, change)| change.cluster.as_ref().unwrap().as_str()).collect();
    assert_eq!(places, ["east", "west"]);
    assert!(writes(&plan.changes).into_iter().all(|write| hosts(write) == [HOST]));
    let Write::Create { manifest } = writes(&plan.changes)[0] else { panic!("{plan:?}") };
    assert_eq!(manifest["metadata"]["name"], NAME);
    assert_eq!(manifest["spec"]["selector"], json!({"istio": "eastwestgateway"}));
    assert_eq!(plan.findings.sentences(), ["it does not resolve in north, where no Service of that name exists"]);
}

#[test]
fn a_host_joins_those_that_are_exposed_and_only_if_nobody_changed_them_meanwhile() {
    let mut east = serving("east");
    east.east_west.known_mut().unwrap().gateway_rules.push(our_gateway(&[OTHER]));
    let plan = exposed(&[east]);
    assert_eq!(hosts(writes(&plan.changes)[0]), [HOST, OTHER]);
    let Write::Patch { operations, .. } = writes(&plan.changes)[0] else { panic!("{plan:?}") };
    assert_eq!(
        operations[..2],
        [
            Operation::Test { path: "/metadata/uid".into(), value: "uid-1".into() },
            Operation::Test { path: "/metadata/resourceVersion".into(), value: "7".into() },
        ]
    );
}

#[test]
fn what_is_exposed_already_is_not_written_again() {
    let mut east = serving("east");
    east.east_west.known_mut().unwrap().gateway_rules.push(our_gateway(&[HOST]));
    let plan = exposed(&[east]);
    assert!(plan.changes.is_empty());
    assert!(matches!(&plan.clusters[0].outcome, Outcome::Stands(opening) if opening.ours));
}

#[test]
fn what_another_gateway_opens_is_left_to_it() {
    for host in
        [HOST, "*.local", "*", "*.sample.svc.cluster.local", "sample/*", "*/helloworld.sample.svc.cluster.local"]
    {
        let mut east = serving("east");
        east.east_west.known_mut().unwrap().gateway_rules.push(gateway("users", "somebody", &[host]));
        let plan = exposed(&[east, serving("west")]);
        let places: Vec<&str> =
            plan.changes.iter().map(|(_, change)| change.cluster.as_ref().unwrap().as_str()).collect();
        assert_eq!(places, ["west"], "{host}");
        let Outcome::Stands(opening) = &plan.clusters[0].outcome else { panic!("{host}: {plan:?}") };
        assert_eq!(opening.is_everything(), host.starts_with("*.local") || host == "*" || host == "sample/*", "{host}");
    }
}

#[test]
fn a_gateway_on_other_pods_or_another_port_opens_nothing_here() {
    let mut east = serving("east");
    let mut elsewhere = gateway("ingress", "somebody", &["*.local"]);
    elsewhere["spec"]["selector"] = json!({"istio": "ingressgateway"});
    let mut other_port = gateway("other", "somebody", &["*.local"]);
    other_port["spec"]["servers"][0]["port"]["number"] = 443.into();
    east.east_west.known_mut().unwrap().gateway_rules.extend([elsewhere, other_port]);
    assert_eq!(exposed(&[east]).changes.len(), 1);
}

#[test]
fn a_host_that_another_gateway_has_opened_meanwhile_is_not_written_again() {
    let mut east = serving("east");
    east.east_west
        .known_mut()
        .unwrap()
        .gateway_rules
        .extend([our_gateway(&[OTHER]), gateway("users", "somebody", &[OTHER])]);
    assert_eq!(hosts(writes(&exposed(&[east]).changes)[0]), [HOST]);
}

#[test]
fn somebody_elses_gateway_of_that_name_is_never_taken() {
    let mut east = serving("east");
    east.east_west.known_mut().unwrap().gateway_rules.push(gateway(NAME, "argocd", &[OTHER]));
    let error = planned(expose, &[], &[east.clone()]).unwrap_err();
    assert_eq!(error.what, "Gateway istio-system/cross-network-gateway in east is not ours");
    assert!(planned(unexpose, &[], &[east.clone()]).unwrap().changes.is_empty());

    east.east_west.known_mut().unwrap().gateway_rules = vec![gateway(NAME, "argocd", &[HOST])];
    let plan = exposed(&[east]);
    assert!(plan.changes.is_empty() && matches!(&plan.clusters[0].outcome, Outcome::Stands(opening) if !opening.ours));
}

#[test]
fn a_gateway_that_no_longer_selects_the_gateways_pods_is_bound_anew() {
    let mut east = serving("east");
    let mut stale = our_gateway(&[OTHER]);
    stale["spec"]["selector"] = json!({"istio": "old"});
    east.east_west.known_mut().unwrap().gateway_rules.push(stale);
    let plan = exposed(&[east]);
    let Write::Patch { operations, .. } = writes(&plan.changes)[0] else { panic!("{plan:?}") };
    let selector = Operation::Add { path: "/spec/selector".into(), value: json!({"istio": "eastwestgateway"}) };
    assert!(operations.contains(&selector));
}

#[test]
fn the_selector_is_the_smallest_that_no_other_pod_carries() {
    let selector = |change: fn(&mut ObservedTraffic)| {
        let mut east = serving("east");
        change(&mut east);
        crate::expose::binding::binding(&east).map(|binding| crate::expose::binding::words(&binding.selector))
    };
    assert_eq!(selector(|_| ()).unwrap(), "istio=eastwestgateway");
    assert_eq!(selector(|seen| shared_label(seen, "istio", "eastwestgateway")).unwrap(), "app=istio-eastwestgateway");
    let error = selector(|seen| {
        shared_label(seen, "istio", "eastwestgateway");
        shared_label(seen, "app", "istio-eastwestgateway");
    });
    assert_eq!(error.unwrap_err().what, "no label distinguishes the east-west gateway of east from other pods");
    assert_eq!(
        selector(|seen| seen.east_west.known_mut().unwrap().gateways.clear()).unwrap_err().what,
        "east has no east-west gateway"
    );
}

/// Gives another pod than the gateway's a label of it.
fn shared_label(seen: &mut ObservedTraffic, key: &str, value: &str) {
    seen.services.pods[1].labels.insert(key.into(), value.into());
}

#[test]
fn a_service_that_is_unknown_or_has_no_endpoints_is_refused_with_what_there_is() {
    let other = with_service(cluster("east"), "other.sample", "http", 1);
    let error = planned(expose, &[], &[other]).unwrap_err();
    assert_eq!(error.to_string(), "no cluster has a Service helloworld.sample: namespace sample has other");
    let idle = with_service(cluster("east"), "helloworld.sample", "http", 0);
    let error = planned(expose, &[], &[idle]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "helloworld.sample has no endpoints in any cluster: its Service exists in east, and selects no pod there"
    );
}

#[test]
fn the_clusters_that_are_named_must_serve_it() {
    let mesh = [serving("east"), with_service(cluster("west"), "helloworld.sample", "http", 0)];
    assert_eq!(planned(expose, &["east"], &mesh).unwrap().changes.len(), 1);
    assert_eq!(planned(expose, &["west"], &mesh).unwrap_err().what, "helloworld.sample has no endpoints in west");
    assert_eq!(planned(expose, &["north"], &mesh).unwrap_err().exit_code(), 2);
}

#[test]
fn everything_that_is_in_the_way_in_any_cluster_is_said_at_once() {
    let (mut east, mut west) = (serving("east"), serving("west"));
    east.east_west.known_mut().unwrap().gateways.clear();
    east.east_west.known_mut().unwrap().gateway_rules.push(gateway(NAME, "argocd", &[OTHER]));
    west.east_west.known_mut().unwrap().gateways.clear();
    let error = planned(expose, &[], &[east, west]).unwrap_err();
    let all: Vec<&str> = std::iter::once(&error).chain(&error.also).map(|error| error.what.as_str()).collect();
    assert_eq!(
        all,
        [
            "east has no east-west gateway",
            "Gateway istio-system/cross-network-gateway in east is not ours",
            "west has no east-west gateway",
        ]
    );
}

#[test]
fn taking_back_the_last_host_deletes_the_gateway_that_was_seen() {
    let mut east = serving("east");
    east.east_west.known_mut().unwrap().gateway_rules.push(our_gateway(&[HOST]));
    let plan = planned(unexpose, &[], &[east.clone()]).unwrap();
    let Write::Delete { uid, resource_version, .. } = writes(&plan.changes)[0] else { panic!("{plan:?}") };
    assert_eq!((uid.as_str(), resource_version.as_deref()), ("uid-1", Some("7")));

    east.east_west.known_mut().unwrap().gateway_rules = vec![our_gateway(&[HOST, OTHER])];
    let plan = planned(unexpose, &[], &[east]).unwrap();
    assert_eq!(hosts(writes(&plan.changes)[0]), [OTHER]);
    assert_eq!(plan.clusters[0].outcome, Outcome::Unexposes { still: None });
}

#[test]
fn what_another_gateway_opens_stays_open_and_is_said() {
    let mut east = serving("east");
    east.east_west
        .known_mut()
        .unwrap()
        .gateway_rules
        .extend([our_gateway(&[HOST]), gateway("users", "somebody", &["*.local"])]);
    let plan = planned(unexpose, &[], &[east]).unwrap();
    assert_eq!(plan.changes.len(), 1);
    let Outcome::Unexposes { still: Some(opening) } = &plan.clusters[0].outcome else { panic!("{plan:?}") };
    assert_eq!(opening.to_string(), "Gateway istio-system/users (*.local)");
}

#[test]
fn a_service_that_is_gone_can_still_be_taken_back_and_one_that_never_was_cannot() {
    let mut east = cluster("east");
    east.east_west.known_mut().unwrap().gateway_rules.push(our_gateway(&[HOST]));
    assert_eq!(planned(unexpose, &[], &[east]).unwrap().changes.len(), 1);
    assert!(planned(unexpose, &[], &[cluster("east")]).is_err());
    let plan = planned(unexpose, &[], &[serving("east")]).unwrap();
    assert!(plan.changes.is_empty() && plan.clusters[0].outcome == Outcome::NotExposed);
}

#[test]
fn endpoints_without_a_sidecar_are_said() {
    let mut east = serving("east");
    east.services.pods[1].sidecar = false;
    assert_eq!(
        exposed(&[east]).findings.sentences(),
        ["east: 1 of 1 endpoints have no sidecar and are not reached from other networks"]
    );
}

#[test]
fn what_is_open_twice_is_said() {
    let mut east = serving("east");
    east.east_west
        .known_mut()
        .unwrap()
        .gateway_rules
        .extend([gateway("users", "somebody", &["*.local"]), our_gateway(&[HOST])]);
    let found = exposed(&[east]).findings;
    assert_eq!(
        found.sentences(),
        [
            "east: Gateway istio-system/users (*.local) opens it too: istiod drops one of them, or Envoy refuses both. Take ours back: unexpose"
        ]
    );
}

#[test]
fn what_an_earlier_attempt_changed_counts_as_changed() {
    let mut east = serving("east");
    east.east_west.known_mut().unwrap().gateway_rules.push(our_gateway(&[HOST]));
    let before = exposed(&[serving("east"), serving("west")]);
    let after = exposed(&[east, serving("west")]);
    assert!(matches!(after.clusters[0].outcome, Outcome::Stands(_)));
    let told = after.continuing(&before);
    assert!(told.clusters.iter().all(|cluster| cluster.outcome == Outcome::Exposes) && told.changes_anything());
}
