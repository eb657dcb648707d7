//! What istiod takes for a gateway of a network, and at which addresses: a Service or a `Gateway` of the Gateway API that
//! carries a network's label, whatever its name and namespace, and what `meshNetworks` says.
//!
//! Rules: istio/istio pilot/pkg/serviceregistry/kube/controller/network.go (`getGatewayDetails`, `handleGatewayResource`),
//! pilot/pkg/serviceregistry/kube/conversion.go (`ConvertService`, `IsAutoPassthrough`), pilot/pkg/model/network.go
//! (`reload`).

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::NETWORK_LABEL;
use super::cross_network_gateway::PORT;
use super::east_west_gateway::STATUS_PORT;
use crate::model::kube::labels;
use crate::model::kube::object_key::ObjectKey;

/// Label of a gateway that names another port than 15443 for mutual TLS.
const PORT_LABEL: &str = "networking.istio.io/gatewayPort";
/// Annotation by which a Service of type NodePort is reached at the external addresses of nodes: a JSON object of labels.
const NODE_SELECTOR: &str = "traffic.istio.io/nodeSelector";
/// Option of a Gateway API listener that passes connections through whatever its port.
const LISTENER_MODE: &str = "gateway.istio.io/listener-protocol";

/// A gateway of a network, as istiod knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NetworkGateway {
    /// The network that it leads to.
    pub network: String,
    /// The Service or Gateway; none for an entry of `meshNetworks`.
    pub object: Option<ObjectKey>,
    /// Where it is reached; empty if nothing says so (yet).
    pub addresses: Vec<GatewayAddress>,
    /// Whether it is a load balancer that may still get an address.
    pub is_pending: bool,
}

/// Where a gateway is reached.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct GatewayAddress {
    /// An IP address, or a host name that istiod resolves.
    pub host: String,
    /// The port for mutual TLS from other networks.
    pub port: u16,
    /// The port on which it reports its health, if it is known to be reached from outside.
    pub status_port: Option<u16>,
}

impl std::fmt::Display for NetworkGateway {
    /// `Service istio-ingress/ew`, or `meshNetworks`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.object {
            Some(object) => write!(f, "{object}"),
            None => f.write_str("meshNetworks"),
        }
    }
}

/// The port on which a Service takes mutual TLS from other networks, if it has it: 15443, or the one that its label
/// `networking.istio.io/gatewayPort` names.
pub fn service_port(service: &Value) -> Option<u16> {
    let wanted = wanted_port(service);
    ports(service).any(|port| number(&port["port"]) == Some(wanted)).then_some(wanted)
}

/// The addresses that istiod publishes for a Service, except those of nodes: external IPs, and the IPs and host names of
/// a load balancer.
pub fn service_addresses(service: &Value) -> Vec<String> {
    let spec = &service["spec"];
    let ingress = array(&service["status"]["loadBalancer"]["ingress"]);
    let of_entry = |entry: &Value| entry["ip"].as_str().or(entry["hostname"].as_str()).map(str::to_owned);
    let balancer = ingress.iter().filter(|_| spec["type"] == "LoadBalancer").filter_map(of_entry);
    let external = array(&spec["externalIPs"]).iter().filter_map(|address| address.as_str().map(str::to_owned));
    balancer.chain(external).collect()
}

/// Whether a Service is reached at the external addresses of nodes, which have to be read then.
pub fn is_on_nodes(service: &Value) -> bool {
    service["spec"]["type"] == "NodePort" && service["metadata"]["annotations"][NODE_SELECTOR].is_string()
}

/// The gateway that a Service is, if it carries a network's label and has the port. `nodes` matter only
/// [on nodes](is_on_nodes).
pub fn of_service(service: &Value, nodes: &[Value]) -> Option<NetworkGateway> {
    let network = service["metadata"]["labels"][NETWORK_LABEL].as_str().filter(|network| !network.is_empty())?;
    Some(named_service(network, service_port(service)?, service, nodes))
}

/// The gateway that a Service is by an entry `registryServiceName` of `meshNetworks`, whatever its labels.
pub fn named_service(network: &str, port: u16, service: &Value, nodes: &[Value]) -> NetworkGateway {
    let on_nodes = is_on_nodes(service);
    let hosts = if on_nodes { node_addresses(service, nodes) } else { service_addresses(service) };
    let outside = |wanted: u16| {
        let found = ports(service).find(|port| number(&port["port"]) == Some(wanted))?;
        if on_nodes { number(&found["nodePort"]) } else { Some(wanted) }
    };
    let status_port = outside(STATUS_PORT);
    let at = |host| GatewayAddress { host, port: outside(port).unwrap_or(port), status_port };
    NetworkGateway {
        network: network.to_owned(),
        object: Some(ObjectKey::of(service)),
        is_pending: service["spec"]["type"] == "LoadBalancer" && hosts.is_empty(),
        addresses: hosts.into_iter().map(at).collect(),
    }
}

/// The gateway that a `Gateway` of the Gateway API is, if it carries a network's label, passes connections through and
/// names its addresses. One that names none is known by the Service that istiod makes for it.
pub fn of_resource(gateway: &Value) -> Option<NetworkGateway> {
    let network = gateway["metadata"]["labels"][NETWORK_LABEL].as_str().filter(|network| !network.is_empty())?;
    let spec = &gateway["spec"];
    let passes_through = |listener: &&Value| {
        listener["tls"].is_object()
            && (listener["tls"]["options"][LISTENER_MODE] == "auto-passthrough"
                || number(&listener["port"]) == Some(wanted_port(gateway)))
    };
    let ports: Vec<u16> = array(&spec["listeners"])
        .iter()
        .filter(passes_through)
        .filter_map(|listener| number(&listener["port"]))
        .collect();
    let is_place = |address: &&Value| matches!(address["type"].as_str(), Some("IPAddress" | "Hostname"));
    let hosts = array(&spec["addresses"]).iter().filter(is_place).filter_map(|address| address["value"].as_str());
    let at = |host: &str| {
        let of_port = |port: &u16| GatewayAddress { host: host.to_owned(), port: *port, status_port: None };
        ports.iter().map(of_port).collect::<Vec<_>>()
    };
    let addresses: Vec<GatewayAddress> = hosts.flat_map(at).collect();
    (!addresses.is_empty()).then(|| NetworkGateway {
        network: network.to_owned(),
        object: Some(ObjectKey::of(gateway)),
        addresses,
        is_pending: false,
    })
}

/// What `meshNetworks` says: a map of networks, each with `gateways` and `endpoints`.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct MeshNetworks(Value);

impl MeshNetworks {
    /// Of a value such as `values.global.meshNetworks`, or the field `networks` of istiod's ConfigMap.
    pub fn of(networks: &Value) -> Self {
        Self(networks.clone())
    }

    /// Whether it names any network.
    pub fn is_empty(&self) -> bool {
        self.0.as_object().is_none_or(serde_json::Map::is_empty)
    }

    /// The gateways whose addresses it names, one for each network.
    pub fn gateways(&self) -> Vec<NetworkGateway> {
        let networks = self.0.as_object().into_iter().flatten();
        let of_network = |(network, entry): (&String, &Value)| {
            let at = |gateway: &Value| {
                let host = gateway["address"].as_str().filter(|address| !address.is_empty())?.to_owned();
                Some(GatewayAddress { host, port: number(&gateway["port"])?, status_port: None })
            };
            let addresses: Vec<GatewayAddress> = array(&entry["gateways"]).iter().filter_map(at).collect();
            (!addresses.is_empty()).then(|| NetworkGateway {
                network: network.clone(),
                object: None,
                addresses,
                is_pending: false,
            })
        };
        networks.filter_map(of_network).collect()
    }

    /// The Services that are gateways of this cluster's network: network, port, namespace and name of each. They count
    /// only without a network's label of their own.
    pub fn named_services(&self, cluster: &str) -> Vec<(String, u16, String, String)> {
        let networks = self.0.as_object().into_iter().flatten();
        let is_own = |(_, entry): &(&String, &Value)| {
            array(&entry["endpoints"]).iter().any(|endpoint| endpoint["fromRegistry"] == cluster)
        };
        let of_network = |(network, entry): (&String, &Value)| {
            let named = |gateway: &Value| {
                let mut labels = gateway["registryServiceName"].as_str()?.split('.');
                let (name, namespace) = (labels.next()?, labels.next()?);
                Some((network.clone(), number(&gateway["port"])?, namespace.to_owned(), name.to_owned()))
            };
            array(&entry["gateways"]).iter().filter_map(named).collect::<Vec<_>>()
        };
        networks.filter(is_own).flat_map(of_network).collect()
    }
}

/// The first external address of each node that the Service's annotation selects; one that cannot be read selects all.
fn node_addresses(service: &Value, nodes: &[Value]) -> Vec<String> {
    let annotation = service["metadata"]["annotations"][NODE_SELECTOR].as_str().unwrap_or_default();
    let selector: BTreeMap<String, String> = serde_json::from_str(annotation).unwrap_or_default();
    let external = |node: &Value| {
        let addresses = array(&node["status"]["addresses"]);
        let found = addresses.iter().find(|address| address["type"] == "ExternalIP" && address["address"] != "")?;
        found["address"].as_str().map(str::to_owned)
    };
    let selected = |node: &&Value| labels::selected(&labels::read(&node["metadata"]["labels"]), &selector);
    nodes.iter().filter(selected).filter_map(external).collect()
}

fn wanted_port(object: &Value) -> u16 {
    object["metadata"]["labels"][PORT_LABEL].as_str().and_then(|port| port.parse().ok()).unwrap_or(PORT)
}

fn ports(service: &Value) -> impl Iterator<Item = &Value> {
    array(&service["spec"]["ports"]).iter()
}

fn number(value: &Value) -> Option<u16> {
    value.as_u64().and_then(|port| u16::try_from(port).ok())
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

#[cfg(test)]
mod tests;
