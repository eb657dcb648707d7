//! Labels of nodes.

/// The label from which Istio takes a node's region.
pub const REGION_LABEL: &str = "topology.kubernetes.io/region";

/// Region labels of a node: today's, and the one from before Kubernetes 1.17, used if today's is missing.
pub const REGION: [&str; 2] = [REGION_LABEL, "failure-domain.beta.kubernetes.io/region"];
/// As [`REGION`], of a zone.
pub const ZONE: [&str; 2] = ["topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone"];
/// As [`REGION`], of a sub-zone.
pub const SUB_ZONE: [&str; 1] = ["topology.istio.io/subzone"];
