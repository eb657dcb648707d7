//! Nodes: the region, zone and sub-zone of each.

use super::text;
use crate::model::kube::node_labels::REGION_LABEL;
use crate::model::seen::traffic::Locality;
use serde_json::Value;
use std::collections::BTreeMap;

/// Labels of a node: today's, and the ones before 1.17, which count where today's are missing.
const REGION: [&str; 2] = [REGION_LABEL, "failure-domain.beta.kubernetes.io/region"];
const ZONE: [&str; 2] = ["topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone"];
const SUB_ZONE: [&str; 1] = ["topology.istio.io/subzone"];

/// All nodes by name.
pub(super) fn nodes(nodes: &[Value]) -> BTreeMap<String, Locality> {
    let place = |node: &Value| {
        let labels = &node["metadata"]["labels"];
        let first = |keys: &[&str]| keys.iter().find_map(|key| labels[*key].as_str()).unwrap_or_default().to_owned();
        Locality { region: first(&REGION), zone: first(&ZONE), sub_zone: first(&SUB_ZONE) }
    };
    nodes.iter().map(|node| (text(&node["metadata"]["name"]), place(node))).collect()
}
