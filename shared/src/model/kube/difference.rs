//! Whether an object is already as wanted, and where it differs.

use serde_json::Value;

/// Whether `live` has every field of `wanted` with the same value; anything else in `live` belongs to defaults and
/// other managers.
pub fn covers(live: &Value, wanted: &Value) -> bool {
    first_difference(live, wanted).is_none()
}

/// The first field that `live` lacks or has with another value; lists are compared item by item.
pub fn first_difference(live: &Value, wanted: &Value) -> Option<Difference> {
    differences(live, wanted, &mut String::new(), &mut |_| true)
}

/// All fields that `live` lacks or has with another value.
pub fn all_differences(live: &Value, wanted: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    differences(live, wanted, &mut String::new(), &mut |difference| {
        found.push(difference.clone());
        false
    });
    found
}

/// A field that is not as wanted.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// Such as `.spec.values.global.network`.
    pub path: String,
    /// The live value, or null.
    pub live: Value,
    /// What is wanted.
    pub wanted: Value,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let live = if self.live.is_null() { "nothing".to_owned() } else { self.live.to_string() };
        write!(f, "{} is {live}, wanted {}", self.path, self.wanted)
    }
}

fn differences(
    live: &Value,
    wanted: &Value,
    path: &mut String,
    stop: &mut impl FnMut(&Difference) -> bool,
) -> Option<Difference> {
    let mut within = |segment: &str, live: &Value, wanted: &Value, path: &mut String| {
        let length = path.len();
        path.push_str(segment);
        let found = differences(live, wanted, path, stop);
        path.truncate(length);
        found
    };
    match (live, wanted) {
        (Value::Object(live), Value::Object(wanted)) => wanted
            .iter()
            .find_map(|(key, value)| within(&format!(".{key}"), live.get(key).unwrap_or(&Value::Null), value, path)),
        (Value::Array(live), Value::Array(wanted)) if live.len() == wanted.len() => wanted
            .iter()
            .enumerate()
            .find_map(|(index, value)| within(&format!("[{index}]"), &live[index], value, path)),
        // The API server drops empty maps and lists that a manifest spells out.
        (Value::Null, Value::Object(wanted)) if wanted.is_empty() => None,
        (Value::Null, Value::Array(wanted)) if wanted.is_empty() => None,
        _ if live == wanted => None,
        _ => {
            let difference = Difference { path: path.clone(), live: live.clone(), wanted: wanted.clone() };
            stop(&difference).then_some(difference)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn defaults_of_the_server_are_no_difference() {
        let live = json!({"spec": {"type": "LoadBalancer", "ports": [{"port": 15443, "protocol": "TCP"}], "clusterIP": "10.96.1.1"}});
        assert!(covers(&live, &json!({"spec": {"type": "LoadBalancer", "ports": [{"port": 15443}]}})));
    }

    #[test]
    fn a_difference_names_path_and_both_values() {
        let found = first_difference(
            &json!({"spec": {"values": {"global": {"network": "network1"}}}}),
            &json!({"spec": {"values": {"global": {"network": "network-east"}}}}),
        );
        assert_eq!(found.unwrap().to_string(), ".spec.values.global.network is \"network1\", wanted \"network-east\"");
    }

    #[test]
    fn every_difference_is_found() {
        let found = all_differences(&json!({"a": 1, "b": {"c": 2}}), &json!({"a": 3, "b": {"c": 4}, "d": 5}));
        assert_eq!(found.iter().map(|d| d.path.as_str()).collect::<Vec<_>>(), [".a", ".b.c", ".d"]);
    }

    #[test]
    fn lists_of_another_length_differ() {
        assert!(!covers(&json!({"hosts": ["a", "b"]}), &json!({"hosts": ["a"]})));
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            "[a-z]{0,5}".prop_map(Value::from)
        ];
        leaf.prop_recursive(3, 16, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::hash_map("[a-d]", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn everything_covers_itself(value in any_json()) {
            prop_assert!(covers(&value, &value));
        }

        #[test]
        fn nothing_covers_a_leaf_that_was_changed(value in any_json()) {
            let live = json!({"spec": {"changed": 1, "same": value}});
            let mut wanted = live.clone();
            wanted["spec"]["changed"] = 2.into();
            prop_assert!(!covers(&live, &wanted));
            prop_assert!(!covers(&json!([live]), &json!([wanted])));
        }
    }
}
