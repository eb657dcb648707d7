//! Istio's objects, with only the fields that a mesh uses.

pub mod cacerts;
pub mod coexistence;
pub mod cross_network_gateway;
pub mod destination_rule;
pub mod discovery_selectors;
pub mod east_west_gateway;
pub mod exposure;
pub mod manifest;
pub mod mesh_settings;
pub mod namespace;
pub mod network_gateway;
pub mod readiness;
pub mod remote_secret;
pub mod sail;
pub mod trust_domain;
pub mod values;
pub mod version;

/// Label that names the network of a namespace, a Service or a pod (istio/api label/labels.yaml).
pub const NETWORK_LABEL: &str = "topology.istio.io/network";
