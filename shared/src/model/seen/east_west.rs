//! The gateways by which other networks enter, and what opens services on them.

use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// How other networks enter a cluster.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct EastWest {
    /// Services that carry a network label and have port 15443, or the port in the label
    /// `networking.istio.io/gatewayPort`.
    pub gateways: Vec<EastWestGateway>,
    /// Every `Gateway` of `networking.istio.io`, in full.
    pub gateway_rules: Vec<Value>,
    /// The only namespaces that were read, if the user may not read all of them. Empty if all were read.
    pub narrowed_to: BTreeSet<String>,
}

/// An east-west gateway.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EastWestGateway {
    /// Its namespace.
    pub namespace: String,
    /// Name of its Service.
    pub service: String,
    /// `spec.selector` of the Service.
    pub selector: BTreeMap<String, String>,
    /// Labels that all its pods share, by which a `Gateway` may select it; the selector's labels if no pod runs.
    pub pod_labels: BTreeMap<String, String>,
    /// The port on which it takes mutual TLS from other networks, mostly 15443.
    pub port: u16,
    /// Addresses that istiod publishes for it, except those of nodes.
    pub addresses: Vec<String>,
    /// Ready pods.
    pub ready: usize,
}
