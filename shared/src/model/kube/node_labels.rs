//! Labels of nodes.

/// The label that Istio takes a node's region from.
pub const REGION_LABEL: &str = "topology.kubernetes.io/region";
