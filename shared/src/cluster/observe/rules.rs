//! The rules that govern traffic.

use std::collections::BTreeSet;

use super::narrowed::istio;
use crate::cluster::context::Cluster;
use crate::model::seen::rules::Rules;
use crate::plugin::error::Result;

/// Every DestinationRule, or those of the near namespaces if the user may not read all.
pub(super) async fn observe(cluster: &Cluster, near: &BTreeSet<String>) -> Result<Rules> {
    let (destination_rules, all) = istio(cluster, "DestinationRule", near).await?;
    Ok(Rules { destination_rules, narrowed_to: if all { BTreeSet::new() } else { near.clone() } })
}
