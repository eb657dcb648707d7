//! Where peers may reach the API server, and which cloud the nodes are in.

use std::net::IpAddr;

use serde_json::Value;

use crate::model::pki::chain::{Fingerprint, parse_bundle};
use crate::model::seen::access::{AddressSource, ApiAddress};

/// The addresses in the order in which they are tried: the kubeconfig's with its own authority, then those of
/// EndpointSlice `kubernetes` with the authority of ConfigMap `kube-root-ca.crt`. Never a loopback address.
pub(super) fn api(
    server: &str,
    server_ca: Option<&str>,
    slices: &[Value],
    kube_root: Option<&Value>,
) -> Vec<ApiAddress> {
    let mut found: Vec<ApiAddress> = Vec::new();
    if let Some(ca) = server_ca.filter(|_| server.starts_with("https://") && !is_loopback(host(server))) {
        found.push(ApiAddress { url: server.to_owned(), ca_pem: ca.to_owned(), source: AddressSource::Kubeconfig });
    }
    if let Some(ca) = kube_root.and_then(|map| map["data"]["ca.crt"].as_str()) {
        for url in slices.iter().flat_map(endpoints) {
            if !found.iter().any(|address| address.url == url) {
                found.push(ApiAddress { url, ca_pem: ca.to_owned(), source: AddressSource::Endpoint });
            }
        }
    }
    found
}

/// Fingerprints of every authority that is known for the API server.
pub(super) fn authorities(server_ca: Option<&str>, kube_root: Option<&Value>) -> Vec<Fingerprint> {
    let published = kube_root.and_then(|map| map["data"]["ca.crt"].as_str());
    let mut found = Vec::new();
    for certificate in
        [server_ca, published].into_iter().flatten().filter_map(|pem| parse_bundle(pem.as_bytes()).ok()).flatten()
    {
        if !found.contains(&certificate.fingerprint) {
            found.push(certificate.fingerprint);
        }
    }
    found
}

/// The cloud in the scheme of a node's providerID, such as `aws` in `aws:///eu-west-1a/i-0abc`.
pub(super) fn cloud(nodes: &[Value]) -> Option<String> {
    nodes.iter().find_map(|node| {
        let (scheme, _) = node["spec"]["providerID"].as_str()?.split_once("://")?;
        (!scheme.is_empty()).then(|| scheme.to_owned())
    })
}

fn endpoints(slice: &Value) -> Vec<String> {
    let list = |key: &str| slice[key].as_array().map(Vec::as_slice).unwrap_or_default();
    let Some(port) = list("ports")
        .iter()
        .find(|port| port["name"] == "https")
        .or(list("ports").first())
        .and_then(|port| port["port"].as_u64())
    else {
        return Vec::new();
    };
    list("endpoints")
        .iter()
        .filter(|endpoint| endpoint["conditions"]["ready"] != false)
        .filter_map(|endpoint| endpoint["addresses"].as_array())
        .flatten()
        .filter_map(Value::as_str)
        .filter(|address| !is_loopback(address))
        .map(|address| {
            if address.contains(':') {
                format!("https://[{address}]:{port}")
            } else {
                format!("https://{address}:{port}")
            }
        })
        .collect()
}

/// The host of an address, an IPv6 address without its brackets.
fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or_default();
    match authority.strip_prefix('[') {
        Some(bracketed) => bracketed.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    }
}

/// Whether an address only leads back to the machine that uses it.
fn is_loopback(host: &str) -> bool {
    let name = host.trim_end_matches('.').to_ascii_lowercase();
    match name.parse::<IpAddr>() {
        Ok(IpAddr::V6(ip)) => {
            ip.is_loopback() || ip.is_unspecified() || ip.to_ipv4_mapped().is_some_and(|ip| ip.is_loopback())
        }
        Ok(IpAddr::V4(ip)) => ip.is_loopback() || ip.is_unspecified(),
        Err(_) => name == "localhost" || name.ends_with(".localhost"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn slice(addresses: &[&str]) -> Value {
        json!({
            "ports": [{"name": "https", "port": 6443}],
            "endpoints": addresses.iter().map(|address| json!({"addresses": [address], "conditions": {"ready": true}})).collect::<Vec<_>>(),
        })
    }

    fn found(server: &str, ca: Option<&str>, slices: &[Value]) -> Vec<(String, AddressSource)> {
        let root = json!({"data": {"ca.crt": "ROOT"}});
        api(server, ca, slices, Some(&root)).into_iter().map(|address| (address.url, address.source)).collect()
    }

    #[test]
    fn the_kubeconfigs_address_comes_first_and_the_endpoints_follow() {
        assert_eq!(
            found("https://api.east.example.com:6443", Some("CA"), &[slice(&["10.0.0.5", "fd00::5"])]),
            [
                ("https://api.east.example.com:6443".into(), AddressSource::Kubeconfig),
                ("https://10.0.0.5:6443".into(), AddressSource::Endpoint),
                ("https://[fd00::5]:6443".into(), AddressSource::Endpoint),
            ]
        );
    }

    #[test]
    fn loopback_is_never_an_address_for_peers() {
        for server in [
            "https://127.0.0.1:6443",
            "https://localhost:6443",
            "https://[::1]:6443",
            "https://0.0.0.0:6443",
            "https://kind.localhost",
        ] {
            assert_eq!(
                found(server, Some("CA"), &[slice(&["127.0.0.1", "10.0.0.5"])]),
                [("https://10.0.0.5:6443".into(), AddressSource::Endpoint)],
                "{server}"
            );
        }
    }

    #[test]
    fn an_address_whose_authority_is_not_known_is_left_out() {
        assert!(found("https://api.example.com", None, &[]).is_empty());
        assert!(api("https://127.0.0.1:1", Some("CA"), &[slice(&["10.0.0.5"])], None).is_empty());
    }

    #[test]
    fn an_endpoint_that_is_not_ready_or_known_already_is_left_out() {
        let mut slices = slice(&["10.0.0.5", "10.0.0.6"]);
        slices["endpoints"][1]["conditions"]["ready"] = json!(false);
        assert_eq!(
            found("https://10.0.0.5:6443", Some("CA"), &[slices]),
            [("https://10.0.0.5:6443".into(), AddressSource::Kubeconfig)]
        );
    }

    #[test]
    fn the_cloud_is_the_scheme_of_the_provider_id() {
        let node = |id: &str| json!({"spec": {"providerID": id}});
        assert_eq!(cloud(&[json!({"spec": {}}), node("aws:///eu-west-1a/i-0abc")]).as_deref(), Some("aws"));
        assert_eq!(cloud(&[json!({"spec": {}})]), None);
    }
}
