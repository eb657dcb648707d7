//! Whether two control planes of one cluster leave each other alone.
//!
//! Rule: istiod writes its roots into a ConfigMap of every namespace that it selects, and puts back what another writes there
//! (istio/istio pilot/pkg/serviceregistry/kube/controller/namespacecontroller.go): two that share a namespace and the
//! ConfigMap's name fight over it for ever.

use super::discovery_selectors::DiscoverySelectors;

/// Where a control plane writes its roots.
#[derive(Debug, Clone, Copy)]
pub struct Reach<'a> {
    /// Its own namespace.
    pub namespace: &'a str,
    /// The name of the ConfigMap.
    pub trust_bundle: &'a str,
    /// Which namespaces it selects; none where that is not known.
    pub selectors: Option<&'a DiscoverySelectors>,
    /// The one namespace that it governs, if it was given one.
    pub only_namespace: Option<&'a str>,
}

impl Reach<'_> {
    /// Whether the two never write the same ConfigMap, whatever labels namespaces get.
    pub fn leaves_alone(&self, other: &Self) -> bool {
        let only = |one: &Self, other: &Self| one.only_namespace.is_some_and(|only| only != other.namespace);
        self.trust_bundle != other.trust_bundle
            || only(self, other)
            || only(other, self)
            || matches!((self.selectors, other.selectors), (Some(one), Some(other)) if one.are_disjoint_from(other))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn reach<'a>(namespace: &'a str, trust_bundle: &'a str, selectors: Option<&'a DiscoverySelectors>) -> Reach<'a> {
        Reach { namespace, trust_bundle, selectors, only_namespace: None }
    }

    #[test]
    fn another_name_or_disjoint_selectors_keep_two_control_planes_apart() {
        let selectors = |mesh: &str| DiscoverySelectors::read(&json!([{"matchLabels": {"mesh": mesh}}])).unwrap();
        let (all, one, two) = (DiscoverySelectors::default(), selectors("one"), selectors("two"));
        let ours = reach("istio-system", "root", Some(&one));
        assert!(ours.leaves_alone(&reach("other", "root", Some(&two))));
        assert!(!ours.leaves_alone(&reach("other", "root", Some(&one))));
        assert!(!ours.leaves_alone(&reach("other", "root", Some(&all))));
        assert!(!ours.leaves_alone(&reach("other", "root", None)));
        assert!(reach("istio-system", "root", None).leaves_alone(&reach("other", "their-root", None)));
        let alone = Reach { only_namespace: Some("team"), ..reach("other", "root", None) };
        assert!(ours.leaves_alone(&alone) && alone.leaves_alone(&ours));
    }
}
