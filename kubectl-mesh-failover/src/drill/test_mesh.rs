//! A service observed in one cluster, for the tests of what a drill decides.

use std::collections::{BTreeMap, BTreeSet};

use mesh_shared::model::kube::object_key::ObjectKey;
use mesh_shared::model::names::ClusterName;
use mesh_shared::model::names::service::ServiceName;
use mesh_shared::model::seen::east_west::EastWest;
use mesh_shared::model::seen::identity::{Identity, Membership};
use mesh_shared::model::seen::known::Known;
use mesh_shared::model::seen::locality::Locality;
use mesh_shared::model::seen::mesh_config::MeshConfig;
use mesh_shared::model::seen::observed_traffic::ObservedTraffic;
use mesh_shared::model::seen::rules::Rules;
use mesh_shared::model::seen::services::Services;
use mesh_shared::model::seen::services::{EndpointSeen, PodSeen, ServicePort, ServiceSeen};
use mesh_shared::model::seen::workload::Workload;

pub fn name() -> ServiceName {
    ServiceName { namespace: "sample".into(), name: "helloworld".into() }
}

/// A cluster with one pod of the service in a region, ready or not.
pub fn seen(cluster: &str, region: &str, ready: bool) -> ObservedTraffic {
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
        identity: Identity { context: format!("{cluster}-context"), uid: format!("uid-{cluster}") },
        membership: Membership {
            network: None,
            name: ClusterName::new(cluster).unwrap(),
            system_namespace: "istio-system".into(),
        },
        mesh_config: MeshConfig {
            private_rules: false,
            root_namespace: "istio-system".into(),
            version: None,
            default_outlier_detection: None,
            locality: None,
            cluster_local: vec![],
        },
        services: Services {
            namespaces: BTreeSet::new(),
            nodes: BTreeMap::new(),
            by_name: [(name(), service)].into(),
            pods: vec![pod_seen(&pod, region, true, true)],
            ..Services::default()
        },
        east_west: Known::Known(EastWest { gateways: vec![], ..EastWest::default() }),
        rules: Known::Known(Rules::default()),
    }
}

pub fn pod_seen(name: &str, region: &str, ready: bool, sidecar: bool) -> PodSeen {
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

pub fn labelled(name: &str, namespace: &str, labels: &[(&str, &str)]) -> PodSeen {
    PodSeen {
        namespace: namespace.into(),
        labels: labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
        address: Some(format!("10.0.1.{}", name.len())),
        ..pod_seen(name, "east-1", true, true)
    }
}

/// Two pods of helloworld, one with other labels, and one in another namespace with the same labels.
pub fn with_pods() -> ObservedTraffic {
    let mut at = seen("east", "east-1", true);
    at.services.pods = vec![
        labelled("helloworld-east", "sample", &[("app", "helloworld")]),
        labelled("helloworld-canary-east", "sample", &[("app", "helloworld"), ("version", "v3")]),
        labelled("cart", "sample", &[("app", "cart")]),
        labelled("helloworld", "other", &[("app", "helloworld")]),
    ];
    at
}

pub fn workload() -> Workload {
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
