//! A small world for tests: clusters with an east-west gateway, nodes, services and pods.

use std::collections::BTreeMap;

use mesh_shared::engine::steps::Writes;
use mesh_shared::model::istio::cross_network_gateway::{NAME, PORT};
use mesh_shared::model::kube::write::Write;
use mesh_shared::model::names::service::ServiceName;
use mesh_shared::model::names::{ClusterName, NetworkName};
use mesh_shared::model::seen::east_west::EastWest;
use mesh_shared::model::seen::east_west::EastWestGateway;
use mesh_shared::model::seen::identity::{Identity, Membership};
use mesh_shared::model::seen::known::Known;
use mesh_shared::model::seen::locality::Locality;
use mesh_shared::model::seen::mesh_config::MeshConfig;
use mesh_shared::model::seen::observed_traffic::ObservedTraffic;
use mesh_shared::model::seen::rules::Rules;
use mesh_shared::model::seen::services::Services;
use mesh_shared::model::seen::services::{EndpointSeen, PodSeen, ServicePort, ServiceSeen};
use serde_json::{Value, json};

/// A cluster with an east-west gateway and one node in region `<name>-1`, and nothing else.
pub fn cluster(name: &str) -> ObservedTraffic {
    let labels = labels(&[("app", "istio-eastwestgateway"), ("istio", "eastwestgateway")]);
    let mut seen = ObservedTraffic {
        identity: Identity { context: format!("ctx-{name}"), uid: format!("uid-{name}") },
        membership: Membership {
            network: Some(NetworkName::new(format!("network-{name}")).unwrap()),
            name: ClusterName::new(name).unwrap(),
            system_namespace: "istio-system".into(),
        },
        mesh_config: MeshConfig {
            root_namespace: "istio-system".into(),
            version: Some("1.31.0".into()),
            default_outlier_detection: None,
            locality: None,
            private_rules: false,
            cluster_local: Vec::new(),
        },
        services: Services {
            namespaces: ["istio-system".to_owned(), "sample".to_owned()].into(),
            nodes: BTreeMap::from([(format!("{name}-node"), region(&format!("{name}-1")))]),
            by_name: BTreeMap::new(),
            pods: Vec::new(),
            ..Services::default()
        },
        east_west: Known::Known(EastWest {
            gateways: vec![EastWestGateway {
                namespace: "istio-system".into(),
                service: "istio-eastwestgateway".into(),
                selector: labels.clone(),
                pod_labels: labels.clone(),
                port: PORT,
                addresses: vec!["10.0.0.1".into()],
                ready: 1,
            }],
            ..EastWest::default()
        }),
        rules: Known::Known(Rules::default()),
    };
    let gateway = PodSeen { labels, containers: Vec::new(), ..pod(&seen, "istio-system", "gateway") };
    seen.services.pods.push(gateway);
    seen
}

/// A locality of which only the region is known.
pub fn region(region: &str) -> Locality {
    Locality { region: region.into(), ..Locality::default() }
}

/// A ready pod with a sidecar on the cluster's first node.
pub fn pod(seen: &ObservedTraffic, namespace: &str, name: &str) -> PodSeen {
    let node = seen.services.nodes.iter().next();
    PodSeen {
        namespace: namespace.into(),
        name: name.into(),
        labels: labels(&[("app", name), ("pod-template-hash", "7d9")]),
        locality: node.map(|(_, locality)| locality.clone()).unwrap_or_default(),
        locality_of_its_own: false,
        address: Some("10.1.0.1".into()),
        node: node.map(|(name, _)| name.clone()),
        ready: true,
        sidecar: true,
        containers: vec!["app".into()],
        ports: BTreeMap::new(),
        owner: Some(("ReplicaSet".into(), format!("{name}-7d9"))),
    }
}

/// The same cluster with a Service of one port, and this many pods behind it.
pub fn with_service(mut seen: ObservedTraffic, name: &str, protocol: &str, pods: usize) -> ObservedTraffic {
    let service = service(name);
    let mut endpoints = Vec::new();
    for number in 1..=pods {
        let pod =
            PodSeen { name: format!("{}-{number}", service.name), ..pod(&seen, &service.namespace, &service.name) };
        endpoints.push(EndpointSeen {
            address: format!("10.1.0.{number}"),
            ready: true,
            pod: Some(pod.name.clone()),
            node: pod.node.clone(),
        });
        seen.services.pods.push(pod);
    }
    let ports =
        vec![ServicePort { name: protocol.into(), port: 5000, target: "5000".into(), protocol: protocol.into() }];
    let selector = labels(&[("app", &service.name)]);
    let service_seen = ServiceSeen { ports, selector, headless: false, traffic_distribution: None, endpoints };
    seen.services.by_name.insert(service, service_seen);
    seen
}

/// `helloworld.sample`.
pub fn service(name: &str) -> ServiceName {
    ServiceName::parse(name, None).unwrap()
}

/// A Gateway on the east-west gateway, made by the given manager.
pub fn gateway(name: &str, managed_by: &str, hosts: &[&str]) -> Value {
    json!({
        "apiVersion": "networking.istio.io/v1", "kind": "Gateway",
        "metadata": {
            "name": name, "namespace": "istio-system", "uid": "uid-1", "resourceVersion": "7",
            "labels": {"app.kubernetes.io/managed-by": managed_by},
        },
        "spec": {
            "selector": {"istio": "eastwestgateway"},
            "servers": [{"port": {"number": PORT, "name": "tls", "protocol": "TLS"}, "tls": {"mode": "AUTO_PASSTHROUGH"}, "hosts": hosts}],
        },
    })
}

/// The Gateway that we keep.
pub fn our_gateway(hosts: &[&str]) -> Value {
    gateway(NAME, crate::plugin_identity::MANAGER, hosts)
}

/// Labels.
pub fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// The writes of a plan, in their order.
pub fn writes(changes: &Writes) -> Vec<&Write> {
    changes.iter().map(|(_, change)| change.write()).collect()
}
