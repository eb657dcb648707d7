//! Clusters as values, for the tests of this folder.

use std::collections::BTreeMap;

use crate::model::names::service::ServiceName;
use crate::model::names::{ClusterName, NetworkName};
use crate::model::seen::east_west::EastWest;
use crate::model::seen::east_west::EastWestGateway;
use crate::model::seen::identity::{Identity, Membership};
use crate::model::seen::known::Known;
use crate::model::seen::locality::Locality;
use crate::model::seen::mesh_config::MeshConfig;
use crate::model::seen::observed_traffic::ObservedTraffic;
use crate::model::seen::rules::Rules;
use crate::model::seen::services::Services;
use crate::model::seen::services::{EndpointSeen, ServicePort, ServiceSeen};

pub(crate) fn service() -> ServiceName {
    ServiceName { namespace: "sample".into(), name: "helloworld".into() }
}

/// A cluster with one east-west gateway and a Service helloworld without endpoints.
pub(crate) fn cluster(name: &str) -> ObservedTraffic {
    let cluster = ClusterName::new(name).unwrap();
    ObservedTraffic {
        identity: Identity { context: name.into(), uid: name.into() },
        membership: Membership {
            network: Some(NetworkName::of_cluster(&cluster)),
            name: cluster,
            system_namespace: "istio-system".into(),
        },
        mesh_config: mesh_config(),
        services: Services {
            namespaces: ["istio-system", "sample", "shop"].map(str::to_owned).into(),
            nodes: BTreeMap::new(),
            by_name: [(service(), seen_service())].into(),
            pods: Vec::new(),
            ..Services::default()
        },
        east_west: Known::Known(EastWest {
            gateways: vec![EastWestGateway {
                namespace: "istio-system".into(),
                service: "istio-eastwestgateway".into(),
                selector: BTreeMap::new(),
                pod_labels: BTreeMap::new(),
                port: 15443,
                addresses: vec![format!("192.0.2.{name}")],
                ready: 1,
            }],
            ..EastWest::default()
        }),
        rules: Known::Known(Rules::default()),
    }
}

/// Istio's defaults.
pub(crate) fn mesh_config() -> MeshConfig {
    MeshConfig {
        root_namespace: "istio-system".into(),
        version: None,
        default_outlier_detection: None,
        locality: None,
        private_rules: false,
        cluster_local: Vec::new(),
    }
}

/// The cluster with ready pods of helloworld on a node of a region.
pub(crate) fn with_pods(mut seen: ObservedTraffic, region: &str, addresses: &[&str]) -> ObservedTraffic {
    let node = format!("node-{region}");
    seen.services.nodes.insert(node.clone(), Locality { region: region.into(), ..Locality::default() });
    let endpoints = &mut seen.services.by_name.entry(service()).or_insert_with(seen_service).endpoints;
    endpoints.extend(addresses.iter().map(|address| EndpointSeen {
        address: (*address).into(),
        ready: true,
        pod: None,
        node: Some(node.clone()),
    }));
    seen
}

fn seen_service() -> ServiceSeen {
    let port = ServicePort { name: "http".into(), port: 5000, target: "5000".into(), protocol: "http".into() };
    ServiceSeen {
        ports: vec![port],
        selector: BTreeMap::new(),
        headless: false,
        traffic_distribution: None,
        endpoints: Vec::new(),
    }
}
