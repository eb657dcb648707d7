//! One write to one object: what plans and drills consist of.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::difference::Difference;
use crate::model::kube::object_key::ObjectKey;

/// A write of either plugin. Each has a precondition, so that nobody else's change is lost.
#[derive(Debug, Clone, PartialEq)]
pub enum Write {
    /// The object must not be there yet.
    Create {
        /// The object.
        manifest: Value,
    },
    /// Server-side apply under our field manager, without force. `metadata.resourceVersion` in the manifest is a
    /// precondition: another one that stands is a conflict.
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
        /// Such as `scale`; none for the object itself.
        subresource: Option<String>,
        /// In the order in which they are carried out.
        operations: Vec<Operation>,
    },
    /// Deletes the object that has this UID and, where one is given, still this resource version.
    Delete {
        /// Such as `networking.istio.io/v1`.
        api_version: String,
        /// The object.
        object: ObjectKey,
        /// Its UID.
        uid: String,
        /// Its resource version, where a change since it was read is to stop us.
        resource_version: Option<String>,
    },
}

/// One operation of a JSON patch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "lowercase")]
pub enum Operation {
    /// The value must stand there, else nothing of the patch is done.
    Test {
        /// JSON pointer (RFC 6901).
        path: String,
        /// What must stand.
        value: Value,
    },
    /// Adds a field or an item; a field that is there is replaced.
    Add {
        /// JSON pointer.
        path: String,
        /// What is to stand.
        value: Value,
    },
    /// Replaces what is there.
    Replace {
        /// JSON pointer.
        path: String,
        /// What is to stand.
        value: Value,
    },
    /// Removes what is there.
    Remove {
        /// JSON pointer.
        path: String,
    },
}

impl Write {
    /// The object that it is about.
    pub fn object(&self) -> ObjectKey {
        match self {
            Self::Create { manifest } | Self::Apply { manifest } => ObjectKey::of(manifest),
            Self::Patch { object, .. } | Self::Delete { object, .. } => object.clone(),
        }
    }

    /// The verb that a permission for it needs, as Kubernetes names it.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Create { .. } => "create",
            Self::Apply { .. } | Self::Patch { .. } => "patch",
            Self::Delete { .. } => "delete",
        }
    }
}

/// Whether an object is as the operations would leave it; `test`s are not looked at. For a write whose answer was lost.
pub fn holds(object: &Value, operations: &[Operation]) -> bool {
    operations.iter().all(|operation| match operation {
        Operation::Test { .. } => true,
        Operation::Add { path, value } | Operation::Replace { path, value } => object.pointer(path) == Some(value),
        Operation::Remove { path } => object.pointer(path).is_none(),
    })
}

/// The first `test` that the object does not pass, with what stands there.
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
