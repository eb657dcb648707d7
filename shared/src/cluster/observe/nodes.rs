//! Nodes: the region, zone and sub-zone of each.

use super::text;
use crate::model::kube::node_labels::{REGION, SUB_ZONE, ZONE};
use crate::model::seen::locality::Locality;
use serde_json::Value;
use std::collections::BTreeMap;

/// All nodes by name.
pub(super) fn nodes(nodes: &[Value]) -> BTreeMap<String, Locality> {
    let place = |node: &Value| {
        let labels = &node["metadata"]["labels"];
        let first = |keys: &[&str]| keys.iter().find_map(|key| labels[*key].as_str()).unwrap_or_default().to_owned();
        Locality { region: first(&REGION), zone: first(&ZONE), sub_zone: first(&SUB_ZONE) }
    };
    nodes.iter().map(|node| (text(&node["metadata"]["name"]), place(node))).collect()
}
