use serde_json::json;

use super::*;

fn service(spec: &Value) -> Value {
    let mut spec = spec.clone();
    if spec["ports"].is_null() {
        spec["ports"] = json!([{"port": 15021, "nodePort": 30021}, {"port": 15443, "nodePort": 30443}]);
    }
    json!({
        "kind": "Service",
        "metadata": {"namespace": "istio-ingress", "name": "ew", "labels": {NETWORK_LABEL: "n1"}},
        "spec": spec,
        "status": {"loadBalancer": {"ingress": [{"ip": "10.0.1.11"}, {"hostname": "lb.example.com"}]}},
    })
}

fn hosts(service: &Value, nodes: &[Value]) -> Vec<(String, u16)> {
    of_service(service, nodes).unwrap().addresses.into_iter().map(|at| (at.host, at.port)).collect()
}

#[test]
fn a_service_is_a_gateway_by_label_and_port_whatever_its_name() {
    let found = of_service(&service(&json!({"type": "LoadBalancer"})), &[]).unwrap();
    assert_eq!((found.network.as_str(), found.to_string().as_str()), ("n1", "Service istio-ingress/ew"));
    let mut unlabelled = service(&json!({"type": "LoadBalancer"}));
    unlabelled["metadata"]["labels"] = json!({});
    assert_eq!(of_service(&unlabelled, &[]), None);
    assert_eq!(of_service(&service(&json!({"ports": [{"port": 443}]})), &[]), None);
}

#[test]
fn the_label_names_another_port() {
    let mut other = service(&json!({"type": "LoadBalancer", "ports": [{"port": 443}, {"port": 15443}]}));
    other["metadata"]["labels"][PORT_LABEL] = "443".into();
    assert_eq!(service_port(&other), Some(443));
    other["metadata"]["labels"][PORT_LABEL] = "none".into();
    assert_eq!(service_port(&other), Some(15443));
    other["metadata"]["labels"][PORT_LABEL] = "8443".into();
    assert_eq!(service_port(&other), None);
}

#[test]
fn a_balancers_and_external_addresses_are_published() {
    let balancer = service(&json!({"type": "LoadBalancer", "externalIPs": ["203.0.113.9"]}));
    assert_eq!(service_addresses(&balancer), ["10.0.1.11", "lb.example.com", "203.0.113.9"]);
    let external = service(&json!({"type": "ClusterIP", "externalIPs": ["203.0.113.9"]}));
    assert_eq!(hosts(&external, &[]), [("203.0.113.9".into(), 15443)]);
    assert_eq!(hosts(&service(&json!({"type": "ClusterIP"})), &[]), []);
}

#[test]
fn only_a_balancer_without_an_address_may_still_get_one() {
    let pending = |kind: &str| {
        let mut service = service(&json!({"type": kind}));
        service["status"] = json!({});
        of_service(&service, &[]).unwrap().is_pending
    };
    assert!(pending("LoadBalancer") && !pending("ClusterIP") && !pending("NodePort"));
    assert!(!of_service(&service(&json!({"type": "LoadBalancer"})), &[]).unwrap().is_pending);
}

#[test]
fn on_nodes_it_is_reached_at_their_external_addresses_and_its_node_ports() {
    let node = |zone: &str, address: &str| {
        json!({
            "metadata": {"labels": {"zone": zone}},
            "status": {"addresses": [{"type": "InternalIP", "address": "10.0.0.1"}, {"type": "ExternalIP", "address": address}]},
        })
    };
    let nodes = [node("a", "203.0.113.1"), node("b", "203.0.113.2"), json!({"status": {"addresses": []}})];
    let mut on_nodes = service(&json!({"type": "NodePort"}));
    assert_eq!(hosts(&on_nodes, &nodes), [], "istiod wants the annotation");
    on_nodes["metadata"]["annotations"][NODE_SELECTOR] = r#"{"zone": "b"}"#.into();
    assert_eq!(hosts(&on_nodes, &nodes), [("203.0.113.2".into(), 30443)]);
    assert_eq!(of_service(&on_nodes, &nodes).unwrap().addresses[0].status_port, Some(30021));
    on_nodes["metadata"]["annotations"][NODE_SELECTOR] = "{}".into();
    assert_eq!(hosts(&on_nodes, &nodes).len(), 2);
}

#[test]
fn a_gateway_of_the_gateway_api_is_known_by_label_listener_and_addresses() {
    let gateway = |listener: Value| {
        json!({
            "kind": "Gateway",
            "metadata": {"namespace": "istio-ingress", "name": "ew", "labels": {NETWORK_LABEL: "n1"}},
            "spec": {
                "listeners": [listener, {"port": 443, "tls": {}}],
                "addresses": [{"type": "IPAddress", "value": "203.0.113.1"}, {"value": "ignored"}, {"type": "NamedAddress", "value": "x"}],
            },
        })
    };
    let found = of_resource(&gateway(json!({"port": 15443, "tls": {}}))).unwrap();
    assert_eq!(found.addresses, [GatewayAddress { host: "203.0.113.1".into(), port: 15443, status_port: None }]);
    let by_option = json!({"port": 8443, "tls": {"options": {LISTENER_MODE: "auto-passthrough"}}});
    assert_eq!(of_resource(&gateway(by_option)).unwrap().addresses[0].port, 8443);
    assert_eq!(of_resource(&gateway(json!({"port": 15443}))), None, "without TLS nothing passes through");
    let mut service_alone = gateway(json!({"port": 15443, "tls": {}}));
    service_alone["spec"]["addresses"] = json!([]);
    assert_eq!(of_resource(&service_alone), None);
}

#[test]
fn mesh_networks_name_addresses_and_services() {
    let networks = MeshNetworks::of(&json!({
        "n1": {
            "endpoints": [{"fromRegistry": "east"}],
            "gateways": [{"registryServiceName": "ew.istio-ingress.svc.cluster.local", "port": 15443}],
        },
        "n2": {"endpoints": [{"fromRegistry": "west"}], "gateways": [{"address": "203.0.113.2", "port": 15443}]},
        "n3": {"endpoints": [{"fromCidr": "10.0.0.0/8"}]},
    }));
    let gateways = networks.gateways();
    assert_eq!(gateways.iter().map(|gateway| gateway.network.as_str()).collect::<Vec<_>>(), ["n2"]);
    assert_eq!((gateways[0].to_string().as_str(), gateways[0].addresses.len()), ("meshNetworks", 1));
    assert_eq!(networks.named_services("east"), [("n1".into(), 15443, "istio-ingress".into(), "ew".into())]);
    assert_eq!(networks.named_services("west"), []);
    assert!(MeshNetworks::of(&Value::Null).is_empty() && !networks.is_empty());
}
