//! How much of the clusters was seen.

use std::collections::BTreeSet;

use mesh_shared::model::seen::known::Known;
use mesh_shared::model::seen::observed_traffic::ObservedTraffic;
use mesh_shared::plugin::text::list;

/// Says that only some namespaces were looked at, and where; none if all were.
pub fn narrowed(seen: &[ObservedTraffic]) -> Option<String> {
    let narrowed: Vec<&ObservedTraffic> = seen.iter().filter(|cluster| !cluster.narrowed_to().is_empty()).collect();
    let contexts: Vec<&str> = narrowed.iter().map(|cluster| cluster.identity.context.as_str()).collect();
    let namespaces: BTreeSet<String> = narrowed.iter().flat_map(|cluster| cluster.narrowed_to()).collect();
    let namespaces: Vec<String> = namespaces.into_iter().collect();
    let without_rules = narrowed.iter().all(|cluster| matches!(cluster.rules, Known::NotAsked));
    let what = if without_rules { "gateways" } else { "gateways and rules" };
    (!narrowed.is_empty()).then(|| {
        format!(
            "You may not read every namespace of {}: {what} were looked for only in {}.",
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
        seen[1].rules.known_mut().unwrap().narrowed_to = ["istio-system", "sample"].map(str::to_owned).into();
        insta::assert_snapshot!(narrowed(&seen).unwrap(), @"You may not read every namespace of ctx-west: gateways and rules were looked for only in istio-system and sample.");
        seen[1].east_west.known_mut().unwrap().narrowed_to = ["sample".to_owned()].into();
        seen[1].rules = Known::NotAsked;
        insta::assert_snapshot!(narrowed(&seen).unwrap(), @"You may not read every namespace of ctx-west: gateways were looked for only in sample.");
    }
}
