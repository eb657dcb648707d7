//! What the user wants of a join.

use std::collections::BTreeMap;

use mesh_shared::model::names::{ClusterName, MeshId, NetworkName};
use mesh_shared::model::pki::key::KeyAlgorithm;
use serde_json::Value;

/// Everything that the user wants of a join, whatever the clusters look like.
#[derive(Debug, Clone)]
pub struct JoinRequest {
    /// Value of `managed-by` labels and name of our field manager.
    pub managed_by: &'static str,
    /// `--mesh-id`.
    pub mesh: Option<MeshId>,
    /// `--istio-version`.
    pub istio_version: Option<String>,
    /// `--values` and `--set`, merged.
    pub values: Value,
    /// `--cluster-name CONTEXT=NAME`.
    pub cluster_names: BTreeMap<String, ClusterName>,
    /// `--network NAME=NETWORK`.
    pub networks: BTreeMap<String, NetworkName>,
    /// `--api-server NAME=URL`.
    pub api_servers: BTreeMap<String, String>,
    /// `--key-algorithm`.
    pub key_algorithm: KeyAlgorithm,
    /// `--gateway-annotation KEY=VALUE`.
    pub gateway_annotations: BTreeMap<String, String>,
    /// `--gateway-internal`.
    pub gateway_internal: bool,
    /// Whether probe pods may be started (not `--no-probe`).
    pub probe: bool,
    /// The control plane's namespace.
    pub system_namespace: String,
    /// The CNI plugin's namespace if no IstioCNI exists yet.
    pub cni_namespace: String,
}
