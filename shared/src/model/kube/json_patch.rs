//! The JSON patch that turns one object into another.

use serde_json::Value;

use super::write::{Operation, segment};

/// The operations that turn `live` into `wanted`, each after a `test` of what it replaces or removes. Maps are patched
/// key by key, lists are replaced as a whole.
pub fn operations(live: &Value, wanted: &Value) -> Vec<Operation> {
    let mut all = Vec::new();
    between(live, wanted, &mut String::new(), &mut all);
    all
}

/// The `test` that the object has not changed since it was read.
pub fn unchanged(live: &Value) -> Operation {
    Operation::Test { path: "/metadata/resourceVersion".into(), value: live["metadata"]["resourceVersion"].clone() }
}

fn between(live: &Value, wanted: &Value, path: &mut String, all: &mut Vec<Operation>) {
    if live == wanted {
        return;
    }
    let (Value::Object(from), Value::Object(to)) = (live, wanted) else {
        all.push(Operation::Test { path: path.clone(), value: live.clone() });
        all.push(Operation::Replace { path: path.clone(), value: wanted.clone() });
        return;
    };
    for (key, value) in from {
        let length = path.len();
        path.push('/');
        path.push_str(&segment(key));
        if let Some(wanted) = to.get(key) {
            between(value, wanted, path, all);
        } else {
            all.push(Operation::Test { path: path.clone(), value: value.clone() });
            all.push(Operation::Remove { path: path.clone() });
        }
        path.truncate(length);
    }
    for (key, value) in to.iter().filter(|(key, _)| !from.contains_key(*key)) {
        all.push(Operation::Add { path: format!("{path}/{}", segment(key)), value: value.clone() });
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// The object as an API server would leave it, per RFC 6902, for maps only.
    pub(crate) fn patched(object: &Value, operations: &[Operation]) -> Value {
        let mut object = object.clone();
        for operation in operations {
            match operation {
                Operation::Test { path, value } => assert_eq!(object.pointer(path), Some(value), "{path}"),
                Operation::Replace { path, value } => *object.pointer_mut(path).unwrap() = value.clone(),
                Operation::Add { path, value } => {
                    let (parent, key) = parted(path);
                    object.pointer_mut(parent).unwrap().as_object_mut().unwrap().insert(key, value.clone());
                }
                Operation::Remove { path } => {
                    let (parent, key) = parted(path);
                    object.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(&key).unwrap();
                }
            }
        }
        object
    }

    fn parted(path: &str) -> (&str, String) {
        let (parent, key) = path.rsplit_once('/').unwrap();
        (parent, key.replace("~1", "/").replace("~0", "~"))
    }

    #[test]
    fn each_change_tests_what_it_replaces() {
        let all = operations(&json!({"a": {"b": 1, "c/d": [1]}}), &json!({"a": {"b": 2, "e": true}}));
        assert_eq!(
            serde_json::to_value(all).unwrap(),
            json!([
                {"op": "test", "path": "/a/b", "value": 1},
                {"op": "replace", "path": "/a/b", "value": 2},
                {"op": "test", "path": "/a/c~1d", "value": [1]},
                {"op": "remove", "path": "/a/c~1d"},
                {"op": "add", "path": "/a/e", "value": true},
            ])
        );
    }

    pub(crate) fn any_object() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![any::<bool>().prop_map(Value::from), (0..3).prop_map(Value::from)];
        let inner = leaf.prop_recursive(3, 16, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::hash_map("[a-c/~]", inner, 0..3)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        });
        prop::collection::hash_map("[a-c/~]", inner, 0..3).prop_map(|map| Value::Object(map.into_iter().collect()))
    }

    proptest! {
        #[test]
        fn the_patch_leads_from_one_object_to_the_other(from in any_object(), to in any_object()) {
            prop_assert_eq!(patched(&from, &operations(&from, &to)), to);
        }
    }
}
