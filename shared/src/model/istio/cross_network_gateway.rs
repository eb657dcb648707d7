//! The `Gateway` by which an east-west gateway passes connections from other networks through to services.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::model::kube::labels;
use crate::model::kube::managed_by::MANAGED_BY;

/// Its name in Istio's own samples (istio/istio samples/multicluster/expose-services.yaml), which users know.
pub const NAME: &str = "cross-network-gateway";

/// The API version in which it is written.
pub const API_VERSION: &str = "networking.istio.io/v1";

/// The port on which an east-west gateway takes mutual TLS from other networks, unless its Service names another.
pub const PORT: u16 = 15443;

/// The Gateway that passes through exactly these hosts, on the pods that have these labels.
pub fn manifest(
    namespace: &str,
    selector: &BTreeMap<String, String>,
    port: u16,
    hosts: &[String],
    managed_by: &str,
) -> Value {
    json!({
        "apiVersion": API_VERSION,
        "kind": "Gateway",
        "metadata": {"name": NAME, "namespace": namespace, "labels": {MANAGED_BY: managed_by}},
        "spec": {
            "selector": selector,
            "servers": [{
                "port": {"number": port, "name": "tls", "protocol": "TLS"},
                "tls": {"mode": "AUTO_PASSTHROUGH"},
                "hosts": hosts,
            }],
        },
    })
}

/// Whether a Gateway applies to a pod with these labels. One without a selector applies to every gateway.
///
/// Rule: istio/istio pilot/pkg/model/push_context.go, `mergeGateways`.
pub fn selects(gateway: &Value, labels: &BTreeMap<String, String>) -> bool {
    labels::selected(labels, &labels::read(&gateway["spec"]["selector"]))
}

/// The servers of a Gateway that pass connections through on a port: the index of each, with its hosts as written.
pub fn passthrough_servers(gateway: &Value, port: u16) -> impl Iterator<Item = (usize, Vec<String>)> {
    let servers = gateway["spec"]["servers"].as_array().map(Vec::as_slice).unwrap_or_default();
    let passes = move |server: &Value| {
        server["tls"]["mode"] == "AUTO_PASSTHROUGH" && server["port"]["number"].as_u64() == Some(u64::from(port))
    };
    let hosts = |server: &Value| {
        let hosts = server["hosts"].as_array().map(Vec::as_slice).unwrap_or_default();
        hosts.iter().filter_map(|host| host.as_str().map(str::to_owned)).collect()
    };
    servers
        .iter()
        .enumerate()
        .filter(move |(_, server)| passes(server))
        .map(move |(index, server)| (index, hosts(server)))
}

/// Whether a host of a Gateway's server opens this host of a service, exactly or by a wildcard.
///
/// Rule: the part before a slash is a namespace and is ignored for passthrough servers (istio/istio
/// pilot/pkg/model/gateway.go, `GetSNIHostsForServer`); `*` counts only at the beginning (pkg/config/host/name.go,
/// `SubsetOf`).
pub fn covers(pattern: &str, host: &str) -> bool {
    let pattern = pattern.rsplit('/').next().unwrap_or_default();
    match pattern.strip_prefix('*') {
        Some(rest) => host.ends_with(rest),
        None => pattern == host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: &str = "helloworld.sample.svc.cluster.local";

    fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_host_is_covered_exactly_by_wildcard_and_with_a_namespace() {
        for pattern in
            [HOST, "*", "*.local", "*.sample.svc.cluster.local", "*/*", "sample/*", "other/*.local", "./*.local"]
        {
            assert!(covers(pattern, HOST), "{pattern}");
        }
        for pattern in [
            "helloworld.sample",
            "*.other.svc.cluster.local",
            "x.sample.svc.cluster.local",
            "*.helloworld.sample.svc.cluster.local",
            "",
        ] {
            assert!(!covers(pattern, HOST), "{pattern}");
        }
    }

    #[test]
    fn only_servers_that_pass_through_on_the_port_count() {
        let server = |mode: &str, port: u16| json!({"port": {"number": port}, "tls": {"mode": mode}, "hosts": [HOST]});
        let gateway = json!({"spec": {"servers": [server("SIMPLE", PORT), server("AUTO_PASSTHROUGH", 443), server("AUTO_PASSTHROUGH", PORT)]}});
        assert_eq!(passthrough_servers(&gateway, PORT).collect::<Vec<_>>(), [(2, vec![HOST.to_owned()])]);
    }

    #[test]
    fn a_gateway_is_for_the_pods_that_have_all_of_its_labels() {
        let gateway = json!({"spec": {"selector": {"istio": "eastwestgateway"}}});
        assert!(selects(&gateway, &labels(&[("istio", "eastwestgateway"), ("app", "x")])));
        assert!(!selects(&gateway, &labels(&[("istio", "ingressgateway")])));
        assert!(selects(&json!({"spec": {}}), &labels(&[])));
    }

    #[test]
    fn what_is_written_is_read_again() {
        let manifest = manifest("istio-system", &labels(&[("istio", "eastwestgateway")]), PORT, &[HOST.into()], "me");
        assert_eq!(passthrough_servers(&manifest, PORT).collect::<Vec<_>>(), [(0, vec![HOST.to_owned()])]);
        assert_eq!(manifest["metadata"]["labels"][MANAGED_BY], "me");
    }
}
