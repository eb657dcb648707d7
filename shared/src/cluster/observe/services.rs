//! Services with their ports and endpoints, and the pods and nodes behind them.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::try_join_all;
use futures::try_join;
use serde_json::Value;

use super::{TrafficScope, array, endpoints, nodes, pods, text};
use crate::cluster::context::Cluster;
use crate::cluster::read::{every, every_metadata, metadata};
use crate::model::kube::kinds::list_path;
use crate::model::kube::labels;
use crate::model::kube::object_key::ObjectKey;
use crate::model::names::service::ServiceName;
use crate::model::seen::services::{ServicePort, ServiceSeen, Services};
use crate::plugin::error::Result;

/// Names of protocols by which a port's name may begin (istio/istio pkg/config/protocol/instance.go).
const PROTOCOLS: [&str; 12] =
    ["tcp", "udp", "grpc", "grpc-web", "http", "http_proxy", "http2", "https", "tls", "mongo", "redis", "mysql"];
/// Ports of servers that speak first, which sniffing would break: SMTP, DNS, MySQL, MongoDB.
const NEVER_SNIFFED: [u64; 4] = [25, 53, 3306, 27017];

/// What the API server said.
#[derive(Default)]
pub(super) struct Answers {
    pub(super) namespaces: Vec<Value>,
    nodes: Vec<Value>,
    services: Vec<Value>,
    /// Services of the requested name, if its own namespace has none.
    namesakes: Vec<Value>,
    slices: Vec<Value>,
    pods: Vec<Value>,
}

pub(super) async fn ask(cluster: &Cluster, scope: &TrafficScope) -> Result<Answers> {
    let of_service = scope.service.as_ref().map(|service| service.namespace.as_str()).unwrap_or_default();
    let (namespaces, nodes, services, slices, pods) = try_join!(
        every(cluster, "Namespace", "", &[]),
        // Nodes are large, and only their labels are needed.
        every_metadata(cluster, "Node"),
        every(cluster, "Service", of_service, &[]),
        every(cluster, "EndpointSlice", of_service, &[]),
        wanted_pods(cluster, scope),
    )?;
    let namesakes = namesakes(cluster, scope, &services).await;
    Ok(Answers { namespaces, nodes, services, namesakes, slices, pods })
}

/// What runs behind services, by these answers and by further pods that were read.
pub(super) fn assemble(answers: &Answers, further: &[Value]) -> Services {
    let nodes = nodes::nodes(&answers.nodes);
    let known: BTreeSet<ObjectKey> = answers.pods.iter().map(ObjectKey::of).collect();
    let all = answers.pods.iter().chain(further.iter().filter(|pod| !known.contains(&ObjectKey::of(pod))));
    Services {
        by_name: services(&answers.services, &answers.slices),
        namesakes: answers.namesakes.iter().map(|object| text(&object["metadata"]["namespace"])).collect(),
        pods: pods::pods(all, &nodes),
        namespaces: answers.namespaces.iter().map(|object| text(&object["metadata"]["name"])).collect(),
        nodes,
    }
}

/// The regions of a cluster's nodes, as they come.
///
/// # Errors
/// If the API server does not answer or does not let us read them.
pub async fn regions(cluster: &Cluster) -> Result<Vec<String>> {
    let nodes = nodes::nodes(&every_metadata(cluster, "Node").await?);
    Ok(nodes.into_values().map(|place| place.region).filter(|region| !region.is_empty()).collect())
}

/// They only help to suggest what was meant: if they may not be read, there are none.
async fn namesakes(cluster: &Cluster, scope: &TrafficScope, services: &[Value]) -> Vec<Value> {
    let Some(wanted) = &scope.service else { return Vec::new() };
    if services.iter().any(|service| service["metadata"]["name"] == wanted.name.as_str()) {
        return Vec::new();
    }
    let Ok((_, path)) = list_path("Service", "") else { return Vec::new() };
    metadata(cluster, format!("{path}?fieldSelector=metadata.name%3D{}", wanted.name)).await.unwrap_or_default()
}

async fn wanted_pods(cluster: &Cluster, scope: &TrafficScope) -> Result<Vec<Value>> {
    match scope.pod_namespaces() {
        None => every(cluster, "Pod", "", &[]).await,
        Some(namespaces) => {
            let asked = namespaces.iter().map(|namespace| every(cluster, "Pod", namespace, &[]));
            Ok(try_join_all(asked).await?.concat())
        }
    }
}

/// All services by name.
fn services(services: &[Value], slices: &[Value]) -> BTreeMap<ServiceName, ServiceSeen> {
    let mut endpoints = endpoints::by_service(slices);
    services
        .iter()
        .map(|service| {
            let name = name(service);
            let endpoints = endpoints.remove(&name).unwrap_or_default();
            let spec = &service["spec"];
            let seen = ServiceSeen {
                ports: array(&spec["ports"]).iter().map(port).collect(),
                selector: labels::read(&spec["selector"]),
                headless: spec["clusterIP"] == "None",
                traffic_distribution: spec["trafficDistribution"].as_str().map(str::to_owned),
                endpoints,
            };
            (name, seen)
        })
        .collect()
}

fn name(service: &Value) -> ServiceName {
    ServiceName { namespace: text(&service["metadata"]["namespace"]), name: text(&service["metadata"]["name"]) }
}

fn port(port: &Value) -> ServicePort {
    let number = |value: &Value| value.as_u64().and_then(|number| u16::try_from(number).ok()).unwrap_or_default();
    let own = number(&port["port"]);
    let target = match &port["targetPort"] {
        Value::String(name) => name.clone(),
        Value::Number(number) if number.as_u64() != Some(0) => number.to_string(),
        _ => own.to_string(),
    };
    ServicePort { name: text(&port["name"]), port: own, target, protocol: protocol(port) }
}

/// The protocol of a port; empty if Istio sniffs.
///
/// Rule: UDP by the Service; else `appProtocol`, else the name up to its first dash (istio/istio
/// pkg/config/kube/conversion.go, `ConvertProtocol`).
fn protocol(port: &Value) -> String {
    if port["protocol"] == "UDP" {
        return "udp".into();
    }
    let named = port["appProtocol"].as_str().or_else(|| port["name"].as_str()).unwrap_or_default().to_ascii_lowercase();
    let word = match named.as_str() {
        "kubernetes.io/h2c" => "http2",
        "kubernetes.io/ws" => "http",
        "kubernetes.io/wss" => "https",
        name if name.starts_with("grpc-web") => "grpc-web",
        name => name.split('-').next().unwrap_or_default(),
    };
    if PROTOCOLS.contains(&word) {
        word.to_owned()
    } else if port["port"].as_u64().is_some_and(|number| NEVER_SNIFFED.contains(&number)) {
        "tcp".into()
    } else {
        String::new()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_protocol_is_read_as_istio_reads_it() {
        for (port, wanted) in [
            (json!({"name": "http"}), "http"),
            (json!({"name": "http2-api"}), "http2"),
            (json!({"name": "GRPC-Web-x"}), "grpc-web"),
            (json!({"name": "http", "appProtocol": "tcp"}), "tcp"),
            (json!({"name": "x", "appProtocol": "kubernetes.io/h2c"}), "http2"),
            (json!({"name": "http", "protocol": "UDP"}), "udp"),
            (json!({"name": "web", "port": 80}), ""),
            (json!({"port": 3306}), "tcp"),
            (json!({"name": "http", "appProtocol": "made-up"}), ""),
        ] {
            assert_eq!(protocol(&port), wanted, "{port}");
        }
    }

    #[test]
    fn a_target_port_is_the_own_one_where_none_is_named() {
        let target = |value: Value| port(&json!({"port": 5000, "targetPort": value})).target;
        assert_eq!([target(Value::Null), target(json!(8080)), target(json!("web"))], ["5000", "8080", "web"]);
    }

    #[test]
    fn a_service_has_the_endpoints_of_its_own_slices() {
        let service =
            |namespace: &str| json!({"metadata": {"namespace": namespace, "name": "a"}, "spec": {"clusterIP": "None"}});
        let slice = json!({
            "metadata": {"namespace": "x", "labels": {"kubernetes.io/service-name": "a"}},
            "endpoints": [{"addresses": ["10.0.0.1"]}],
        });
        let found = services(&[service("x"), service("y")], &[slice]);
        let count: Vec<usize> = found.values().map(|service| service.endpoints.len()).collect();
        assert_eq!(count, [1, 0]);
        assert!(found.values().all(|service| service.headless));
    }
}
