use std::collections::BTreeMap;
use std::time::Duration;

use mesh_shared::model::kube::object::ObjectKey;
use mesh_shared::model::names::ClusterName;
use mesh_shared::model::seen::traffic::{EndpointSeen, Locality, MeshConfig};
use mesh_shared::model::seen::workload::{Autoscaler, Workload};

use super::*;

fn name() -> ServiceName {
    ServiceName { namespace: "sample".into(), name: "helloworld".into() }
}

/// A cluster whose one pod of the service runs in a region, ready or not.
fn seen(cluster: &str, region: &str, ready: bool) -> ObservedTraffic {
    let pod = format!("helloworld-{cluster}");
    let endpoint = EndpointSeen { address: "10.0.0.1".into(), ready, pod: Some(pod.clone()), node: None };
    let port = ServicePort { name: "http".into(), port: 5000, target: "5000".into(), protocol: "http".into() };
    let service = ServiceSeen {
        ports: vec![port],
        selector: [("app".to_owned(), "helloworld".to_owned())].into(),
        headless: false,
        traffic_distribution: None,
        endpoints: vec![endpoint],
    };
    ObservedTraffic {
        context: format!("{cluster}-context"),
        uid: format!("uid-{cluster}"),
        name: ClusterName::new(cluster).unwrap(),
        network: None,
        system_namespace: "istio-system".into(),
        mesh_config: MeshConfig {
            private_rules: false,
            root_namespace: "istio-system".into(),
            version: None,
            default_outlier_detection: None,
            locality: None,
            cluster_local: vec![],
        },
        namespaces: BTreeSet::new(),
        nodes: BTreeMap::new(),
        services: [(name(), service)].into(),
        namesakes: BTreeSet::new(),
        pods: vec![pod_seen(&pod, region, true, true)],
        gateways: vec![],
        east_west: vec![],
        destination_rules: vec![],
        narrowed_to: BTreeSet::new(),
    }
}

fn pod_seen(name: &str, region: &str, ready: bool, sidecar: bool) -> PodSeen {
    PodSeen {
        namespace: "sample".into(),
        name: name.into(),
        labels: BTreeMap::new(),
        locality: Locality { region: region.into(), ..Locality::default() },
        locality_of_its_own: false,
        address: None,
        node: None,
        ready,
        sidecar,
        containers: vec!["app".into()],
        ports: [("web".to_owned(), 8080)].into(),
        owner: None,
    }
}

fn rule(to: Option<&str>) -> Rule {
    Rule {
        name: "DestinationRule sample/helloworld".into(),
        failover_to: to.map(str::to_owned),
        outlier_detection: true,
        consecutive_5xx: 1,
        interval: Duration::from_secs(1),
        base_ejection: Duration::from_mins(1),
        max_ejection_percent: 100,
        hosts: 2,
    }
}

fn workload() -> Workload {
    Workload {
        object: ObjectKey::new("Deployment", "sample", "helloworld-v1"),
        api_version: "apps/v1".into(),
        uid: "u".into(),
        generation: 1,
        replicas: 2,
        ready: 2,
        selector: BTreeMap::new(),
        loses_volumes: false,
        keeper: None,
        autoscaler: None,
    }
}

fn scaled(workload: Workload, allow_owner: bool) -> Result<Vec<Changed>> {
    let owners = Owners { workloads: vec![workload], unscalable: vec![] };
    changes(&owners, &name(), Fault::ScaleToZero, allow_owner)
}

fn what<T: std::fmt::Debug>(result: Result<T>) -> String {
    result.unwrap_err().what
}

#[test]
fn a_member_without_a_context_is_named() {
    let (east, west) = (seen("east", "east-1", true), seen("west", "west-1", true));
    let mut known: BTreeSet<String> = ["east", "west", "north"].map(str::to_owned).into();
    let error = whole_mesh(&[&east, &west], &known).unwrap_err();
    assert_eq!(error.what, "no context is named for north, which the mesh has too");
    assert!(error.remedy[0].contains("--contexts"));
    known.remove("north");
    assert_eq!(whole_mesh(&[&east, &west], &known), Ok(()));
}

#[test]
fn a_cluster_goes_by_its_name_or_its_context() {
    let east = seen("east", "east-1", true);
    for wanted in ["east", "east-context"] {
        assert_eq!(cluster(&[&east], wanted, "--cluster").unwrap().uid, "uid-east");
    }
    assert_eq!(cluster(&[&east], "north", "--cluster").unwrap_err().exit_code(), 2);
}

#[test]
fn a_service_that_is_elsewhere_is_said_to_be_there() {
    let (mut east, west) = (seen("east", "east-1", true), seen("west", "west-1", true));
    east.services.clear();
    let error = service(&[&east, &west], &east, &name()).unwrap_err();
    assert_eq!(error.remedy, ["it is in west: --cluster west"]);
}

#[test]
fn one_of_several_ports_must_be_named() {
    let mut service = seen("east", "east-1", true).services.remove(&name()).unwrap();
    assert_eq!(port(&service, &name(), None).unwrap().port, 5000);
    service.ports.push(ServicePort { name: "admin".into(), port: 9000, target: "web".into(), protocol: String::new() });
    assert_eq!(what(port(&service, &name(), None)), "helloworld.sample has several ports and none is named");
    assert_eq!(port(&service, &name(), Some("admin")).unwrap().port, 9000);
    assert_eq!(port(&service, &name(), Some("5000")).unwrap().name, "http");
    assert!(port(&service, &name(), Some("1")).is_err());
}

#[test]
fn a_target_port_may_be_a_name() {
    let pod = pod_seen("a", "east-1", true, true);
    let port =
        |target: &str| ServicePort { name: String::new(), port: 80, target: target.into(), protocol: String::new() };
    assert_eq!(target_port(&port("web"), &[&pod]), Ok(8080));
    assert_eq!(target_port(&port("5000"), &[&pod]), Ok(5000));
    assert!(target_port(&port("none"), &[&pod]).is_err());
}

#[test]
fn nothing_ready_to_fail_is_refused() {
    assert!(what(failed_side(&seen("east", "east-1", false), &name())).contains("there is nothing to fail"));
    let side = failed_side(&seen("east", "east-1", true), &name()).unwrap();
    assert_eq!((side.region.as_str(), side.endpoints), ("east-1", 1));
}

#[test]
fn the_target_is_where_the_rule_leads() {
    let (east, west, north) =
        (seen("east", "east-1", true), seen("west", "west-1", true), seen("north", "north-1", true));
    let failed = failed_side(&east, &name()).unwrap();
    let target = |rule: Option<&Rule>| target_side(&[&east, &west, &north], &failed, &name(), rule);
    assert_eq!(target(Some(&rule(Some("north-1")))).unwrap().cluster.as_str(), "north");
    assert_eq!(target(Some(&rule(None))).unwrap().cluster.as_str(), "west");
    let error = target(Some(&rule(Some("south-1")))).unwrap_err();
    assert_eq!(error.why.as_deref(), Some("it has some in north-1 and west-1"));
}

#[test]
fn nothing_healthy_elsewhere_is_refused() {
    let (east, west) = (seen("east", "east-1", true), seen("west", "west-1", false));
    let failed = failed_side(&east, &name()).unwrap();
    let error = target_side(&[&east, &west], &failed, &name(), Some(&rule(Some("west-1")))).unwrap_err();
    assert_eq!(error.what, "helloworld.sample has no healthy endpoint outside east");
}

#[test]
fn without_a_rule_the_command_that_writes_one_is_named() {
    let error = governed(None, &name(), ("east-1", "west-1")).unwrap_err();
    assert_eq!(error.remedy[1], "kubectl mesh-failover locality apply helloworld.sample --failover east-1=west-1");
    assert_eq!(governed(Some(&rule(None)), &name(), ("a", "b")), Ok(()));
}

#[test]
fn a_client_needs_a_ready_pod_with_a_sidecar() {
    let at = seen("east", "east-1", true);
    let (plain, ready, away) =
        (pod_seen("a", "", true, false), pod_seen("b", "", true, true), pod_seen("c", "", false, true));
    assert_eq!(client(&[&plain, &away, &ready], "deploy/x", &at).unwrap().name, "b");
    assert_eq!(what(client(&[&plain, &away], "deploy/x", &at)), "the client sample/a has no sidecar");
    assert_eq!(what(client(&[&away], "deploy/x", &at)), "deploy/x has no ready pod in east");
}

#[test]
fn what_stands_before_is_what_will_be_put_back() {
    let mut deployment = workload();
    deployment.autoscaler = Some(Autoscaler { name: "hpa".into(), least: 1, most: 3, keda: None });
    let changed = scaled(deployment, false).unwrap();
    assert!(
        matches!(&changed[0], Changed::Replicas { before: 2, uid, autoscaler: Some(hpa), .. } if uid == "u" && hpa == "hpa")
    );
}

#[test]
fn what_must_not_be_scaled_is_refused() {
    let mut zero = workload();
    zero.replicas = 0;
    assert_eq!(what(scaled(zero, true)), "Deployment sample/helloworld-v1 stands at zero already");
    let mut volumes = workload();
    volumes.loses_volumes = true;
    assert_eq!(what(scaled(volumes, true)), "Deployment sample/helloworld-v1 would lose its volumes");
    let owners = Owners { workloads: vec![workload()], unscalable: vec![("DaemonSet".into(), "agent".into())] };
    assert_eq!(what(changes(&owners, &name(), Fault::ScaleToZero, true)), "DaemonSet agent cannot be scaled to zero");
    assert!(changes(&Owners::default(), &name(), Fault::ScaleToZero, true).is_err());
}

#[test]
fn what_others_keep_is_scaled_only_when_it_is_allowed() {
    let mut gitops = workload();
    gitops.keeper = Some("Argo CD application shop".into());
    let mut keda = workload();
    keda.autoscaler = Some(Autoscaler { name: "keda-hpa-x".into(), least: 1, most: 3, keda: Some("x".into()) });
    for (kept, keeper) in [(gitops, "Argo CD application shop"), (keda, "KEDA ScaledObject x")] {
        let error = scaled(kept.clone(), false).unwrap_err();
        assert!(error.what.starts_with(keeper) && error.remedy[0].contains("--allow-owner"), "{error:?}");
        assert!(scaled(kept, true).is_ok());
    }
}

#[test]
fn errors_need_nothing_that_can_be_scaled() {
    let owners = Owners { workloads: vec![], unscalable: vec![("DaemonSet".into(), "agent".into())] };
    let changed = changes(&owners, &name(), Fault::UpstreamErrors { percent: 100 }, false).unwrap();
    assert_eq!(
        changed,
        [Changed::Filter { namespace: "sample".into(), name: "mesh-failover-drill-helloworld".into() }]
    );
}

fn labelled(name: &str, namespace: &str, labels: &[(&str, &str)]) -> PodSeen {
    PodSeen {
        namespace: namespace.into(),
        labels: labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
        address: Some(format!("10.0.1.{}", name.len())),
        ..pod_seen(name, "east-1", true, true)
    }
}

/// Two pods of helloworld, one with other labels, and one of another namespace with the same.
fn with_pods() -> ObservedTraffic {
    let mut at = seen("east", "east-1", true);
    at.pods = vec![
        labelled("helloworld-east", "sample", &[("app", "helloworld")]),
        labelled("helloworld-canary-east", "sample", &[("app", "helloworld"), ("version", "v3")]),
        labelled("cart", "sample", &[("app", "cart")]),
        labelled("helloworld", "other", &[("app", "helloworld")]),
    ];
    at
}

const ERRORS: Fault = Fault::UpstreamErrors { percent: 100 };

#[test]
fn the_filter_is_for_the_pods_of_the_namespace_that_have_all_labels_of_the_selector() {
    let at = with_pods();
    let names: Vec<&str> = failed_pods(&at, &name(), ERRORS).unwrap().iter().map(|pod| pod.name.as_str()).collect();
    assert_eq!(names, ["helloworld-east", "helloworld-canary-east"]);
    let names: Vec<&str> =
        failed_pods(&at, &name(), Fault::ScaleToZero).unwrap().iter().map(|pod| pod.name.as_str()).collect();
    assert_eq!(names, ["helloworld-east"], "scaling fails those behind the service");
}

#[test]
fn a_filter_that_would_be_for_others_or_for_nobody_is_refused() {
    let mut at = with_pods();
    at.mesh_config.root_namespace = "sample".into();
    assert_eq!(what(failed_pods(&at, &name(), ERRORS)), "helloworld.sample is in the root namespace of the mesh");
    let mut at = with_pods();
    at.services.get_mut(&name()).unwrap().selector = [("app".to_owned(), "gone".to_owned())].into();
    assert_eq!(
        what(failed_pods(&at, &name(), ERRORS)),
        "the selector of helloworld.sample selects no pod with a sidecar in east"
    );
    at.services.get_mut(&name()).unwrap().selector.clear();
    let error = failed_pods(&at, &name(), ERRORS).unwrap_err();
    assert_eq!(error.what, "helloworld.sample has no selector: an EnvoyFilter cannot be held to its pods");
    assert!(error.why.unwrap().contains("every workload of namespace sample"));
    assert!(failed_pods(&at, &name(), Fault::ScaleToZero).is_ok(), "what is scaled is told by its endpoints");
}

#[test]
fn services_of_the_same_pods_are_found_by_selectors_and_by_endpoints_that_others_keep() {
    let mut at = with_pods();
    let of = |selector: &[(&str, &str)], endpoints: Vec<EndpointSeen>| ServiceSeen {
        selector: selector.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
        endpoints,
        ..at.services[&name()].clone()
    };
    let endpoint = |address: &str, pod: Option<&str>| EndpointSeen {
        address: address.into(),
        ready: true,
        pod: pod.map(str::to_owned),
        node: None,
    };
    let others = [
        ("canary", of(&[("version", "v3")], vec![])),
        ("by-pod", of(&[], vec![endpoint("10.9.9.9", Some("helloworld-east"))])),
        ("by-address", of(&[], vec![endpoint("10.0.1.15", None)])),
        ("cart", of(&[("app", "cart")], vec![endpoint("10.0.1.4", Some("cart"))])),
        ("empty", of(&[], vec![])),
    ];
    at.services.extend(others.map(|(other, seen)| (ServiceName { name: other.into(), ..name() }, seen)));
    let pods = failed_pods(&at, &name(), ERRORS).unwrap();
    let also: Vec<String> = also_served(&at, &name(), &pods).iter().map(ToString::to_string).collect();
    assert_eq!(also, ["by-address.sample", "by-pod.sample", "canary.sample"]);
}
