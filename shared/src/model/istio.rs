//! Istio's objects, with only the fields that a mesh uses.

pub mod cacerts;
pub mod cross_network_gateway;
pub mod destination_rule;
pub mod east_west_gateway;
pub mod exposure;
pub mod manifest;
pub mod namespace;
pub mod network_gateway;
pub mod readiness;
pub mod remote_secret;
pub mod sail;
pub mod values;

/// Label that names the network of a namespace, a Service or a pod (istio/api label/labels.yaml).
pub const NETWORK_LABEL: &str = "topology.istio.io/network";
