//! The parts of istiod's mesh configuration that matter to traffic.

use serde::Serialize;
use serde_json::Value;

/// Fields of istiod's mesh configuration (ConfigMap `istio` or `istio-<revision>`, key `mesh`).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MeshConfig {
    /// `rootNamespace`, by default istiod's own.
    pub root_namespace: String,
    /// Version of istiod according to its image tag, such as `1.31.0`, if the tag is a version.
    pub version: Option<String>,
    /// `defaultTrafficPolicy.outlierDetection`, if set (since 1.31).
    pub default_outlier_detection: Option<Value>,
    /// `localityLbSetting`, if set.
    pub locality: Option<Value>,
    /// Whether `defaultDestinationRuleExportTo` has `.`: a DestinationRule without `exportTo` then governs only its own
    /// namespace.
    pub private_rules: bool,
    /// Hosts of `serviceSettings` with `clusterLocal: true`; may begin with `*`.
    pub cluster_local: Vec<String>,
}
