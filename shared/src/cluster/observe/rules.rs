//! The rules that govern traffic.

use std::collections::BTreeSet;

use super::narrowed::istio;
use crate::cluster::context::Cluster;
use crate::model::istio::destination_rule::{DestinationRule, KIND};
use crate::model::seen::rules::Rules;
use crate::plugin::error::Result;

/// Every DestinationRule, or those of the near namespaces if the user may not read all.
pub(super) async fn observe(cluster: &Cluster, near: &BTreeSet<String>) -> Result<Rules> {
    let (found, all) = istio(cluster, KIND, near).await?;
    let destination_rules = found.into_iter().map(DestinationRule::read).collect();
    Ok(Rules { destination_rules, narrowed_to: if all { BTreeSet::new() } else { near.clone() } })
}
