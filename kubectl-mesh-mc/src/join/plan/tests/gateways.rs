use mesh_shared::model::istio::network_gateway::{GatewayAddress, NetworkGateway, of_service};
use mesh_shared::plugin::error::{Error, Kind};
use serde_json::Value;

use super::*;
use crate::join::gateway_plan::GatewayPlan;
use crate::work::tasks::Wait;

fn cloudy(context: &str) -> ObservedCluster {
    let mut with = fresh(context);
    with.platform.cloud = Some("aws".into());
    with
}

/// A Service that is a gateway of a cluster's network, made by somebody.
fn service(namespace: &str, name: &str, context: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"namespace": namespace, "name": name, "uid": "u", "labels": {"topology.istio.io/network": format!("network-{context}")}},
        "spec": {"type": "LoadBalancer", "ports": [{"port": 15443}]},
        "status": {"loadBalancer": {"ingress": [{"ip": "10.0.0.9"}]}},
    })
}

fn with_gateways(context: &str, services: &[Value]) -> ObservedCluster {
    let mut with = fresh(context);
    with.gateways = Known::Known(services.iter().filter_map(|service| of_service(service, &[])).collect());
    let named = services.iter().filter(|service| service["metadata"]["name"] == "istio-eastwestgateway");
    with.objects.extend(named.map(|service| (ObjectKey::of(service), service.clone())));
    with
}

fn written(plan: &JoinPlan) -> Vec<String> {
    let of_gateways = plan.steps.iter().filter(|(_, step)| step.part == Phase::Gateway && step.action.writes());
    of_gateways.map(|(_, step)| format!("{} {}", step.cluster.as_ref().unwrap(), title(&step.action))).collect()
}

fn warnings(plan: &JoinPlan) -> Vec<&'static str> {
    plan.findings.iter().map(|finding| finding.code.name).collect()
}

#[test]
fn an_internal_gateway_wants_a_cloud_that_is_known() {
    let request = JoinRequest { gateway_internal: true, ..request() };
    assert!(
        refusal(&request, &[fresh("east"), fresh("west")], Some(&empty_folder())).contains("internal gateway address")
    );
    assert!(plan(&request, &[cloudy("east"), cloudy("west")], Some(&empty_folder())).is_ok());
}

#[test]
fn a_gateway_that_somebody_made_is_used_and_none_is_made_beside_it() {
    for (namespace, name) in [("istio-ingress", "ew"), ("istio-system", "istio-eastwestgateway")] {
        let east = with_gateways("east", &[service(namespace, name, "east")]);
        let plan = plan(&request(), &[east, fresh("west")], Some(&empty_folder())).unwrap();
        assert!(written(&plan).iter().all(|write| write.starts_with("west ")), "{:?}", written(&plan));
        let GatewayPlan::Uses(used) = plan.gateways.values().next().unwrap() else { panic!("it is used") };
        assert_eq!(used[0].to_string(), format!("Service {namespace}/{name}"));
        let waits = plan.steps.iter().filter_map(|(_, step)| match &step.action {
            Action::Wait(Wait::GatewayAddress { gateways }) => Some(gateways),
            _ => None,
        });
        assert!(waits.into_iter().any(|gateways| gateways == used), "peers are asked to know its address");
    }
}

#[test]
fn a_gateway_of_another_network_is_none_of_the_cluster() {
    let east = with_gateways("east", &[service("istio-ingress", "ew", "west")]);
    let plan = plan(&request(), &[east, fresh("west")], Some(&empty_folder())).unwrap();
    assert_eq!(written(&plan).len(), 6);
    assert_eq!(warnings(&plan), ["gateway/another-network"]);
}

#[test]
fn where_gateways_may_not_be_read_none_is_made() {
    let unknown = || Known::Unknown(Box::new(Error::of(Kind::Forbidden, "not allowed").fix("ask")));
    let mut east = fresh("east");
    east.gateways = unknown();
    assert_eq!(codes(&request(), &[east, fresh("west")], Some(&empty_folder())), ["gateway/not-known"]);
    let mut named = with_gateways("east", &[service("istio-system", "istio-eastwestgateway", "east")]);
    named.gateways = unknown();
    assert!(plan(&request(), &[named, fresh("west")], Some(&empty_folder())).is_ok(), "its own name may be read");
}

#[test]
fn an_object_of_the_gateways_name_that_is_no_gateway_is_not_taken_over() {
    let mut account = fresh("east");
    let object =
        json!({"kind": "ServiceAccount", "metadata": {"namespace": "istio-system", "name": "istio-eastwestgateway"}});
    account.objects.insert(ObjectKey::of(&object), object);
    assert_eq!(codes(&request(), &[account, fresh("west")], Some(&empty_folder())), ["gateway/name-taken"]);
}

#[test]
fn a_gateway_that_mesh_networks_name_has_to_be_known_to_every_peer() {
    let networks = json!({"network-east": {"gateways": [{"address": "203.0.113.1", "port": 15443}]}});
    let configured = JoinRequest { values: json!({"global": {"meshNetworks": networks}}), ..request() };
    let made = plan(&configured, &[fresh("east"), fresh("west")], Some(&empty_folder())).unwrap();
    assert!(written(&made).iter().all(|write| write.starts_with("west ")));
    assert_eq!(
        made.gateways.values().next(),
        Some(&GatewayPlan::Uses(vec![NetworkGateway {
            network: "network-east".into(),
            object: None,
            addresses: vec![GatewayAddress { host: "203.0.113.1".into(), port: 15443, status_port: None }],
            is_pending: false,
        }]))
    );
    let mut east = fresh("east");
    let istio = json!({"spec": {"values": {"global": {"meshID": "mesh1", "network": "network-east", "meshNetworks": networks}}}});
    east.control_planes.istios = vec![ObservedResource { name: "default".into(), object: istio }];
    let found = codes(&request(), &[east, fresh("west")], Some(&empty_folder()));
    assert!(found.contains(&"gateway/not-in-mesh-networks"), "{found:?}");
}

/// A finished mesh whose gateway in east somebody has changed.
fn finished_with(change: impl Fn(&mut Value)) -> [ObservedCluster; 2] {
    let before = [cloudy("east"), cloudy("west")];
    let first = plan(&request(), &before, Some(&empty_folder())).unwrap();
    let mut after = [finished(&first, 0, &before[0]), finished(&first, 1, &before[1])];
    let key = ObjectKey::new("Service", "istio-system", "istio-eastwestgateway");
    change(after[0].objects.get_mut(&key).unwrap());
    after
}

#[test]
fn a_flag_that_is_not_given_changes_nothing_that_exists() {
    let after = finished_with(|service| {
        service["metadata"]["annotations"] = json!({"service.beta.kubernetes.io/aws-load-balancer-internal": "true"});
        service["spec"]["type"] = "ClusterIP".into();
        service["spec"]["externalIPs"] = json!(["203.0.113.9"]);
        service["spec"]["ports"].as_array_mut().unwrap().push(json!({"port": 15012}));
    });
    let again = plan(&request(), &after, Some(&folder_with("one", &["east", "west"]))).unwrap();
    assert_eq!(again.steps.changes(), 0);
}

#[test]
fn a_flag_that_differs_is_shown_with_both_values() {
    let after = finished_with(|service| service["metadata"]["annotations"] = json!({"a": "old"}));
    let request = JoinRequest { gateway_annotations: [("a".to_owned(), "new".to_owned())].into(), ..request() };
    let again = plan(&request, &after, Some(&folder_with("one", &["east", "west"]))).unwrap();
    assert_eq!(written(&again).len(), 2, "{:?}", written(&again));
    assert_eq!(
        again.differences,
        [
            "Service istio-system/istio-eastwestgateway in east: .metadata.annotations.a is \"old\", wanted \"new\"",
            "Service istio-system/istio-eastwestgateway in west: .metadata.annotations.a is nothing, wanted \"new\"",
        ]
    );
    assert_eq!(warnings(&again), ["gateway/flag-differs", "gateway/flag-differs"]);
}

#[test]
fn a_new_gateway_that_is_public_among_internal_ones_is_noted() {
    let internal = |service: &mut Value| {
        service["metadata"]["annotations"] = json!({"service.beta.kubernetes.io/aws-load-balancer-internal": "true"});
    };
    let [east, west] = finished_with(internal);
    let folder = folder_with("one", &["east", "west"]);
    let public = plan(&request(), &[east.clone(), west.clone(), cloudy("north")], Some(&folder)).unwrap();
    assert_eq!(warnings(&public), ["gateway/not-internal-as-others"]);
    let request = JoinRequest { gateway_internal: true, ..request() };
    let internal = plan(&request, &[east, west, cloudy("north")], Some(&folder)).unwrap();
    assert!(!warnings(&internal).contains(&"gateway/not-internal-as-others"));
}

#[test]
fn a_flag_about_gateways_that_somebody_made_is_said_to_change_nothing() {
    let east = with_gateways("east", &[service("istio-ingress", "ew", "east")]);
    let request = JoinRequest { gateway_annotations: [("a".to_owned(), "b".to_owned())].into(), ..request() };
    let plan = plan(&request, &[east, fresh("west")], Some(&empty_folder())).unwrap();
    assert_eq!(warnings(&plan), ["gateway/flag-without-effect"]);
}
