//! `meshConfig.discoverySelectors`: which namespaces a control plane looks at, and writes its root certificate into.
//!
//! Rules: istio/istio pkg/kube/namespace/filter.go (a namespace is selected where any of the selectors matches its labels; no
//! selectors select all), pilot/pkg/serviceregistry/kube/controller/namespacecontroller.go.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The selectors of a control plane; empty for all namespaces.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DiscoverySelectors(Vec<Selector>);

/// A `LabelSelector` of Kubernetes: all of its parts must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Selector {
    match_labels: BTreeMap<String, String>,
    match_expressions: Vec<Expression>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Expression {
    key: String,
    operator: Operator,
    #[serde(default)]
    values: BTreeSet<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Operator {
    In,
    NotIn,
    Exists,
    DoesNotExist,
}

/// What a selector says of one label.
#[derive(Debug, Clone, Default)]
struct Allowed {
    /// The values that it may have; none for any.
    values: Option<BTreeSet<String>>,
    /// Values that it must not have.
    not: BTreeSet<String>,
    must_exist: bool,
    must_be_absent: bool,
}

impl DiscoverySelectors {
    /// Reads the list of a mesh configuration; an absent one selects everything.
    ///
    /// # Errors
    /// Why the list cannot be read.
    pub fn read(value: &Value) -> Result<Self, String> {
        if value.is_null() {
            return Ok(Self::default());
        }
        Self::deserialize(value).map_err(|error| error.to_string())
    }

    /// Whether every namespace is selected, since nothing is said.
    pub fn select_all(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a namespace with these labels is selected.
    pub fn select(&self, labels: &BTreeMap<String, String>) -> bool {
        self.select_all() || self.0.iter().any(|selector| selector.requirements().all_hold(labels))
    }

    /// Whether no namespace can ever be selected by both, whatever its labels. Labels change, so that the namespaces of today
    /// do not count.
    pub fn are_disjoint_from(&self, other: &Self) -> bool {
        let apart = |one: &Selector| other.0.iter().all(|other| one.requirements().contradict(&other.requirements()));
        !self.select_all() && !other.select_all() && self.0.iter().all(apart)
    }
}

impl Selector {
    fn requirements(&self) -> Requirements {
        let mut all: BTreeMap<String, Allowed> = BTreeMap::new();
        for (key, value) in &self.match_labels {
            all.entry(key.clone()).or_default().only([value.clone()].into());
        }
        for expression in &self.match_expressions {
            let allowed = all.entry(expression.key.clone()).or_default();
            match expression.operator {
                Operator::In => allowed.only(expression.values.clone()),
                Operator::NotIn => allowed.not.extend(expression.values.iter().cloned()),
                Operator::Exists => allowed.must_exist = true,
                Operator::DoesNotExist => allowed.must_be_absent = true,
            }
        }
        Requirements(all)
    }
}

/// What is asked of each label.
struct Requirements(BTreeMap<String, Allowed>);

impl Requirements {
    fn all_hold(&self, labels: &BTreeMap<String, String>) -> bool {
        self.0.iter().all(|(key, allowed)| allowed.holds(labels.get(key)))
    }

    fn contradict(&self, other: &Self) -> bool {
        self.0.iter().any(|(key, allowed)| other.0.get(key).is_some_and(|other| allowed.and(other).is_impossible()))
            || [self, other].into_iter().any(|one| one.0.values().any(Allowed::is_impossible))
    }
}

impl Allowed {
    fn only(&mut self, values: BTreeSet<String>) {
        self.must_exist = true;
        self.values = Some(match self.values.take() {
            None => values,
            Some(known) => known.intersection(&values).cloned().collect(),
        });
    }

    fn holds(&self, value: Option<&String>) -> bool {
        match value {
            None => !self.must_exist,
            Some(value) => {
                !self.must_be_absent
                    && !self.not.contains(value)
                    && self.values.as_ref().is_none_or(|values| values.contains(value))
            }
        }
    }

    fn and(&self, other: &Self) -> Self {
        let mut both = self.clone();
        if let Some(values) = &other.values {
            both.only(values.clone());
        }
        both.not.extend(other.not.iter().cloned());
        both.must_exist |= other.must_exist;
        both.must_be_absent |= other.must_be_absent;
        both
    }

    /// Whether neither a value nor the label's absence is left.
    fn is_impossible(&self) -> bool {
        let some_value = !self.must_be_absent
            && self.values.as_ref().is_none_or(|values| values.iter().any(|value| !self.not.contains(value)));
        !some_value && self.must_exist
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read(value: &Value) -> DiscoverySelectors {
        DiscoverySelectors::read(value).unwrap()
    }

    fn disjoint(one: &Value, other: &Value) -> bool {
        let (one, other) = (read(one), read(other));
        assert_eq!(one.are_disjoint_from(&other), other.are_disjoint_from(&one));
        one.are_disjoint_from(&other)
    }

    #[test]
    fn two_values_of_one_label_are_disjoint() {
        let mesh = |name: &str| json!([{"matchLabels": {"mesh": name}}]);
        assert!(disjoint(&mesh("mesh1"), &mesh("mesh2")));
        assert!(!disjoint(&mesh("mesh1"), &mesh("mesh1")));
        assert!(!disjoint(&mesh("mesh1"), &json!([{"matchLabels": {"team": "a"}}])));
    }

    #[test]
    fn no_selectors_select_everything() {
        assert!(!disjoint(&Value::Null, &json!([{"matchLabels": {"mesh": "a"}}])));
        assert!(!disjoint(&json!([]), &json!([])));
        assert!(read(&Value::Null).select(&BTreeMap::new()));
        // One empty selector matches all as well.
        assert!(!disjoint(&json!([{}]), &json!([{"matchLabels": {"mesh": "a"}}])));
    }

    #[test]
    fn every_pair_of_selectors_has_to_be_apart() {
        let two = json!([{"matchLabels": {"mesh": "a"}}, {"matchLabels": {"shared": "yes"}}]);
        assert!(!disjoint(&two, &json!([{"matchLabels": {"mesh": "b"}}])));
    }

    #[test]
    fn expressions_count_too() {
        let expression = |operator: &str, values: &Value| json!([{"matchExpressions": [{"key": "mesh", "operator": operator, "values": values}]}]);
        let a = json!([{"matchLabels": {"mesh": "a"}}]);
        assert!(disjoint(&a, &expression("NotIn", &json!(["a", "b"]))));
        assert!(!disjoint(&a, &expression("NotIn", &json!(["b"]))));
        assert!(disjoint(&a, &expression("In", &json!(["b", "c"]))));
        assert!(disjoint(&expression("Exists", &json!([])), &expression("DoesNotExist", &json!([]))));
        assert!(!disjoint(&expression("Exists", &json!([])), &expression("NotIn", &json!(["a"]))));
        assert!(DiscoverySelectors::read(&expression("Near", &json!([]))).is_err());
    }

    fn any_selectors() -> impl Strategy<Value = DiscoverySelectors> {
        let expression = (
            "[ab]",
            prop_oneof![
                Just(Operator::In),
                Just(Operator::NotIn),
                Just(Operator::Exists),
                Just(Operator::DoesNotExist)
            ],
            prop::collection::btree_set("[xyz]", 1..3),
        );
        let expression = expression.prop_map(|(key, operator, values)| Expression { key, operator, values });
        let selector = (prop::collection::btree_map("[ab]", "[xyz]", 0..2), prop::collection::vec(expression, 0..3));
        let selector =
            selector.prop_map(|(match_labels, match_expressions)| Selector { match_labels, match_expressions });
        prop::collection::vec(selector, 0..3).prop_map(DiscoverySelectors)
    }

    proptest! {
        #[test]
        fn what_is_called_disjoint_never_selects_the_same_namespace(
            one in any_selectors(), other in any_selectors(), labels in prop::collection::btree_map("[ab]", "[wxyz]", 0..3),
        ) {
            if one.are_disjoint_from(&other) {
                prop_assert!(!(one.select(&labels) && other.select(&labels)));
            }
        }
    }
}
