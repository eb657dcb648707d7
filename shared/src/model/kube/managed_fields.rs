//! Who owns a field of an object, according to `metadata.managedFields`.
//!
//! Rule: Kubernetes documentation, "Server-Side Apply", field management: `fieldsV1` names a field as `f:<name>`; a
//! list that is owned as a whole, as all lists of Istio's kinds are, is a leaf.

use serde_json::Value;

/// A manager of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner<'a> {
    /// Its name.
    pub manager: &'a str,
    /// `Apply` or `Update`.
    pub operation: &'a str,
}

/// The managers that own a field, or something below it, in the order of `managedFields`; the path leads through maps.
pub fn owners<'a>(object: &'a Value, path: &[&str]) -> Vec<Owner<'a>> {
    let entries = object["metadata"]["managedFields"].as_array().into_iter().flatten();
    entries
        .filter(|entry| {
            let mut node = &entry["fieldsV1"];
            path.iter().all(|key| match node.get(format!("f:{key}")) {
                Some(beneath) => {
                    node = beneath;
                    true
                }
                None => false,
            })
        })
        .map(|entry| Owner {
            manager: entry["manager"].as_str().unwrap_or_default(),
            operation: entry["operation"].as_str().unwrap_or_default(),
        })
        .collect()
}

/// Whether any other manager owns a field or something below it.
pub fn others_own(object: &Value, path: &[&str], manager: &str) -> bool {
    owners(object, path).iter().any(|owner| owner.manager != manager)
}

/// The part of a value that this manager does not own alone: what it shares, what others own, and what has no owner.
/// None if it owns all of it alone. The path is that of the value in the object.
pub fn without(object: &Value, value: &Value, path: &mut Vec<String>, manager: &str) -> Option<Value> {
    if let Value::Object(map) = value
        && !map.is_empty()
    {
        let mut rest = serde_json::Map::new();
        for (key, beneath) in map {
            path.push(key.clone());
            if let Some(left) = without(object, beneath, path, manager) {
                rest.insert(key.clone(), left);
            }
            path.pop();
        }
        let shared = others_own(object, &keys(path), manager);
        return (!rest.is_empty() || shared).then_some(Value::Object(rest));
    }
    let owners = owners(object, &keys(path));
    let ours = !owners.is_empty() && owners.iter().all(|owner| owner.manager == manager);
    (!ours).then(|| value.clone())
}

fn keys(path: &[String]) -> Vec<&str> {
    path.iter().map(String::as_str).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object() -> Value {
        json!({
            "metadata": {"managedFields": [
                {"manager": "us", "operation": "Apply", "fieldsV1": {"f:spec": {"f:a": {}, "f:b": {"f:c": {}}, "f:shared": {}}}},
                {"manager": "kubectl-edit", "operation": "Update", "fieldsV1": {"f:spec": {"f:b": {"f:d": {}}, "f:shared": {}}}},
            ]},
            "spec": {"a": [1], "b": {"c": 1, "d": 2}, "shared": 3, "nobodys": 4},
        })
    }

    #[test]
    fn owners_of_a_field_are_named() {
        let object = object();
        let names = |path: &[&str]| owners(&object, path).iter().map(|owner| owner.manager).collect::<Vec<_>>();
        assert_eq!(names(&["spec", "a"]), ["us"]);
        assert_eq!(names(&["spec", "shared"]), ["us", "kubectl-edit"]);
        assert_eq!(names(&["spec", "b", "d"]), ["kubectl-edit"]);
        assert_eq!(names(&["spec", "nobodys"]), [""; 0]);
    }

    #[test]
    fn what_is_taken_out_is_ours_alone() {
        let object = object();
        let left = without(&object, &object["spec"], &mut vec!["spec".into()], "us");
        assert_eq!(left, Some(json!({"b": {"d": 2}, "shared": 3, "nobodys": 4})));
    }

    #[test]
    fn an_object_that_is_ours_alone_leaves_nothing() {
        let mut object = object();
        object["metadata"]["managedFields"].as_array_mut().unwrap().pop();
        object["spec"].as_object_mut().unwrap().remove("nobodys");
        object["spec"]["b"].as_object_mut().unwrap().remove("d");
        assert_eq!(without(&object, &object["spec"], &mut vec!["spec".into()], "us"), None);
    }
}
