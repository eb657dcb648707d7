//! Which region takes over from another.

use crate::model::istio::destination_rule::FailoverPair;

/// Where clients of a region are sent when it fails: the `to` of the first pair of their region.
pub fn second<'p>(pairs: &'p [FailoverPair], region: &str) -> Option<&'p str> {
    pairs.iter().find(|pair| pair.from == region).map(|pair| pair.to.as_str())
}
