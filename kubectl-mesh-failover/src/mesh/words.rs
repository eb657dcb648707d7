//! How much of the clusters was seen.

use std::collections::BTreeSet;

use mesh_shared::model::seen::traffic::ObservedTraffic;
use mesh_shared::plugin::text::list;

/// That only some namespaces were looked at, and where; none where all were.
pub fn narrowed(seen: &[ObservedTraffic]) -> Option<String> {
    let narrowed: Vec<&ObservedTraffic> = seen.iter().filter(|cluster| !cluster.narrowed_to.is_empty()).collect();
    let contexts: Vec<&str> = narrowed.iter().map(|cluster| cluster.context.as_str()).collect();
    let namespaces: BTreeSet<&str> =
        narrowed.iter().flat_map(|cluster| &cluster.narrowed_to).map(String::as_str).collect();
    let namespaces: Vec<&str> = namespaces.into_iter().collect();
    (!narrowed.is_empty()).then(|| {
        format!(
            "You may not read every namespace of {}: gateways and rules were looked for in {} alone.",
            list(&contexts),
            list(&namespaces)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mesh::test_world;

    #[test]
    fn what_was_not_looked_at_is_said_and_nothing_where_all_was() {
        let mut seen = [test_world::cluster("east"), test_world::cluster("west")];
        assert_eq!(narrowed(&seen), None);
        seen[1].narrowed_to = ["istio-system", "sample"].map(str::to_owned).into();
        insta::assert_snapshot!(narrowed(&seen).unwrap(), @"You may not read every namespace of ctx-west: gateways and rules were looked for in istio-system and sample alone.");
    }
}
