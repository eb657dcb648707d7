//! The gateways by which other networks enter, and what opens services on them.

use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// How other networks enter a cluster.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct EastWest {
    /// Services that carry a network's label and have the port 15443, or the one that the label
    /// `networking.istio.io/gatewayPort` names.
    pub gateways: Vec<EastWestGateway>,
    /// Every `Gateway` of `networking.istio.io`, whole.
    pub gateway_rules: Vec<Value>,
    /// Where the user may not read those of all namespaces: the namespaces in which alone they were looked for. Empty where all
    /// were.
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
    /// Labels that all its pods share, by which a `Gateway` may select it; the selector's where no pod runs.
    pub pod_labels: BTreeMap<String, String>,
    /// The port on which it takes mutual TLS from other networks, mostly 15443.
    pub port: u16,
    /// Addresses in its status.
    pub addresses: Vec<String>,
    /// Ready pods.
    pub ready: usize,
}
