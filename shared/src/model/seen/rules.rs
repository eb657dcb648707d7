//! The rules that govern traffic.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::model::istio::destination_rule::DestinationRule;

/// Rules of Istio's networking API.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Rules {
    /// Every `DestinationRule`.
    pub destination_rules: Vec<DestinationRule>,
    /// As in [`super::east_west::EastWest`].
    pub narrowed_to: BTreeSet<String>,
}
