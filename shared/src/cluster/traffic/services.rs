//! Services with their ports and endpoints.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{array, endpoints, labels, text};
use crate::model::names::service::ServiceName;
use crate::model::seen::traffic::{ServicePort, ServiceSeen};

/// Names of protocols by which a port's name may begin (istio/istio pkg/config/protocol/instance.go).
const PROTOCOLS: [&str; 12] =
    ["tcp", "udp", "grpc", "grpc-web", "http", "http_proxy", "http2", "https", "tls", "mongo", "redis", "mysql"];
/// Ports of servers that speak first, which sniffing would break: SMTP, DNS, MySQL, MongoDB.
const NEVER_SNIFFED: [u64; 4] = [25, 53, 3306, 27017];

/// All services by name.
pub(super) fn services(services: &[Value], slices: &[Value]) -> BTreeMap<ServiceName, ServiceSeen> {
    let mut endpoints = endpoints::by_service(slices);
    services
        .iter()
        .map(|service| {
            let name = name(service);
            let endpoints = endpoints.remove(&name).unwrap_or_default();
            let spec = &service["spec"];
            let seen = ServiceSeen {
                ports: array(&spec["ports"]).iter().map(port).collect(),
                selector: labels(&spec["selector"]),
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

/// The protocol of a port; empty where Istio sniffs.
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
