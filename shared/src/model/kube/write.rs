//! One write to one object: plans and drills are made of these.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::difference::Difference;
use crate::model::kube::object_key::ObjectKey;

/// A write of either plugin. Each has a precondition, so that no one else's change is lost.
#[derive(Debug, Clone, PartialEq)]
pub enum Write {
    /// Creates an object that must not exist yet.
    Create {
        /// The object.
        manifest: Value,
    },
    /// Server-side apply under our field manager, without force. `metadata.resourceVersion` in the manifest is a
    /// precondition: if the object has another one, that is a conflict.
    Apply {
        /// The object, as far as it is ours.
        manifest: Value,
    },
    /// A JSON patch (RFC 6902). Its `test` operations are the precondition.
    Patch {
        /// Such as `networking.istio.io/v1`.
        api_version: String,
        /// The object.
        object: ObjectKey,
        /// A subresource such as `scale`; none for the object itself.
        subresource: Option<String>,
        /// In the order in which they are carried out.
        operations: Vec<Operation>,
    },
    /// Deletes the object with this UID and, if given, this resource version.
    Delete {
        /// Such as `networking.istio.io/v1`.
        api_version: String,
        /// The object.
        object: ObjectKey,
        /// Its UID.
        uid: String,
        /// Its resource version, if a change since it was read must prevent the deletion.
        resource_version: Option<String>,
    },
}

/// One operation of a JSON patch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "lowercase")]
pub enum Operation {
    /// The field must have this value, else none of the patch is applied.
    Test {
        /// JSON pointer (RFC 6901).
        path: String,
        /// The expected value.
        value: Value,
    },
    /// Adds a field or an item; an existing field is replaced.
    Add {
        /// JSON pointer.
        path: String,
        /// The new value.
        value: Value,
    },
    /// Replaces an existing value.
    Replace {
        /// JSON pointer.
        path: String,
        /// The new value.
        value: Value,
    },
    /// Removes an existing field or item.
    Remove {
        /// JSON pointer.
        path: String,
    },
}

impl Write {
    /// The object that it writes.
    pub fn object(&self) -> ObjectKey {
        match self {
            Self::Create { manifest } | Self::Apply { manifest } => ObjectKey::of(manifest),
            Self::Patch { object, .. } | Self::Delete { object, .. } => object.clone(),
        }
    }

    /// The RBAC verb that it needs.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Create { .. } => "create",
            Self::Apply { .. } | Self::Patch { .. } => "patch",
            Self::Delete { .. } => "delete",
        }
    }
}

/// Whether an object is as the operations would leave it, ignoring `test`s. For a write whose response was lost.
pub fn holds(object: &Value, operations: &[Operation]) -> bool {
    operations.iter().all(|operation| match operation {
        Operation::Test { .. } => true,
        Operation::Add { path, value } | Operation::Replace { path, value } => object.pointer(path) == Some(value),
        Operation::Remove { path } => object.pointer(path).is_none(),
    })
}

/// The first `test` that the object fails, with the value found.
pub fn first_failed_test(object: &Value, operations: &[Operation]) -> Option<Difference> {
    operations.iter().find_map(|operation| match operation {
        Operation::Test { path, value } if object.pointer(path).unwrap_or(&Value::Null) != value => Some(Difference {
            path: path.clone(),
            live: object.pointer(path).cloned().unwrap_or_default(),
            wanted: value.clone(),
        }),
        _ => None,
    })
}

/// A key as one segment of a JSON pointer (RFC 6901 section 3).
pub fn segment(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_operation_reads_as_the_api_server_wants_it() {
        let operation = Operation::Test { path: "/metadata/uid".into(), value: "a".into() };
        assert_eq!(
            serde_json::to_value(operation).unwrap(),
            json!({"op": "test", "path": "/metadata/uid", "value": "a"})
        );
        let operation = Operation::Remove { path: format!("/metadata/annotations/{}", segment("a/b")) };
        assert_eq!(
            serde_json::to_value(operation).unwrap(),
            json!({"op": "remove", "path": "/metadata/annotations/a~1b"})
        );
    }

    #[test]
    fn a_patch_that_was_carried_out_is_recognised() {
        let operations = [
            Operation::Test { path: "/spec/replicas".into(), value: 3.into() },
            Operation::Replace { path: "/spec/replicas".into(), value: 0.into() },
            Operation::Remove { path: "/spec/paused".into() },
        ];
        assert!(holds(&json!({"spec": {"replicas": 0}}), &operations));
        assert!(!holds(&json!({"spec": {"replicas": 3}}), &operations));
        assert_eq!(
            first_failed_test(&json!({"spec": {"replicas": 4}}), &operations).unwrap().to_string(),
            "/spec/replicas is 4, wanted 3"
        );
        assert_eq!(first_failed_test(&json!({"spec": {"replicas": 3}}), &operations), None);
        assert!(!holds(&json!({"spec": {"replicas": 0, "paused": true}}), &operations));
    }
}
