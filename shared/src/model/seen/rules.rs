//! The rules that govern traffic.

use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeSet;

/// Rules of Istio's networking API.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Rules {
    /// Every `DestinationRule`, in full.
    pub destination_rules: Vec<Value>,
    /// As in [`super::east_west::EastWest`].
    pub narrowed_to: BTreeSet<String>,
}
