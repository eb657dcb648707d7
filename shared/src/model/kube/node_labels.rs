//! Labels of nodes.

/// The label that Istio takes a node's region from.
pub const REGION_LABEL: &str = "topology.kubernetes.io/region";

/// Labels of a node: today's, and the ones before 1.17, which count where today's are missing.
pub const REGION: [&str; 2] = [REGION_LABEL, "failure-domain.beta.kubernetes.io/region"];
/// As [`REGION`], of a zone.
pub const ZONE: [&str; 2] = ["topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone"];
/// As [`REGION`], of a sub-zone.
pub const SUB_ZONE: [&str; 1] = ["topology.istio.io/subzone"];
