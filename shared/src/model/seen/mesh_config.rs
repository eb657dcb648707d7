//! istiod's mesh configuration, as far as it matters to traffic.

use serde::Serialize;
use serde_json::Value;

/// Fields of istiod's mesh configuration (ConfigMap `istio` or `istio-<revision>`, key `mesh`).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MeshConfig {
    /// `rootNamespace`, by default istiod's own.
    pub root_namespace: String,
    /// Version of istiod by its image's tag, such as `1.31.0`, where it tells one.
    pub version: Option<String>,
    /// `defaultTrafficPolicy.outlierDetection`, where it is set (since 1.31).
    pub default_outlier_detection: Option<Value>,
    /// `localityLbSetting`, where it is set.
    pub locality: Option<Value>,
    /// Whether `defaultDestinationRuleExportTo` has `.`: then a DestinationRule that names no namespaces governs its own alone.
    pub private_rules: bool,
    /// Hosts of `serviceSettings` with `clusterLocal: true`; may begin with `*`.
    pub cluster_local: Vec<String>,
}
