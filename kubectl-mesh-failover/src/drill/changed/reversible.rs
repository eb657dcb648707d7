//! What the rest of a drill asks of a change.

use mesh_shared::model::kube::managed_by::MANAGED_BY;
use mesh_shared::model::kube::object_key::ObjectKey;
use mesh_shared::model::kube::rbac::Access;
use mesh_shared::model::kube::write::{Operation, Write};
use serde_json::{Value, json};

use crate::drill::object_names::RUN_LABEL;

/// A change that can be put back by what its record says.
pub trait Reversible {
    /// The object that is changed.
    fn object(&self) -> ObjectKey;

    /// Whether the drill makes this object, so that there must be none of its name before.
    fn is_created(&self) -> bool;

    /// The writes that make it, each with its precondition. `run` is the drill's id.
    fn making(&self, run: &str, managed_by: &str) -> Making;

    /// What putting it back is by the live object, none where it is gone: compare and set, never overwriting what somebody else has
    /// done.
    fn decide(&self, run: &str, live: Option<&Value>) -> Decision;

    /// How reports write it.
    fn words(&self) -> Words;

    /// What its user must be allowed to do to make it.
    fn needed_to_make(&self) -> Vec<Access>;

    /// What its user must be allowed to do to put it back.
    fn needed_to_put_back(&self) -> Vec<Access>;
}

/// How one change is made.
#[derive(Debug, Clone, PartialEq)]
pub struct Making {
    /// The first write.
    pub first: Write,
    /// What the first write leaves out: `configPatches` of an EnvoyFilter.
    config_patches: Option<Value>,
}

impl Making {
    /// By one write.
    pub fn at_once(first: Write) -> Self {
        Self { first, config_patches: None }
    }

    /// An EnvoyFilter, which is created without its `configPatches` and gets them by a second write.
    pub fn of_filter(mut manifest: Value) -> Self {
        let config_patches = manifest["spec"].as_object_mut().and_then(|spec| spec.shift_remove("configPatches"));
        Self { first: Write::Create { manifest }, config_patches }
    }

    /// The write that follows on the first one, whose answer was `made`: it gives the filter its effect. It is bound to the UID of
    /// what was made, so that it can do nothing once that was deleted. None where the first one was all.
    pub fn then(&self, made: &Value) -> Option<Write> {
        let config_patches = self.config_patches.clone()?;
        Some(Write::Patch {
            api_version: made["apiVersion"].as_str().unwrap_or_default().to_owned(),
            object: ObjectKey::of(made),
            subresource: None,
            operations: vec![
                Operation::Test { path: "/metadata/uid".into(), value: made["metadata"]["uid"].clone() },
                Operation::Add { path: "/spec/configPatches".into(), value: config_patches },
            ],
        })
    }
}

/// What is to be done about one change.
#[derive(Debug, Clone, PartialEq)]
pub enum Decision {
    /// What stood before stands already.
    Back,
    /// The value is still the drill's: this puts it back.
    Restore(Box<Write>),
    /// Somebody else has changed it: it is left, and this is said.
    Theirs {
        /// What stands.
        found: String,
        /// In a sentence.
        why: String,
    },
}

/// How reports write a change, such as `replicas` of `Deployment sample/helloworld-v1`, `3` before and `0` meanwhile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// What of the object is changed.
    pub field: &'static str,
    /// What stood before.
    pub before: String,
    /// What the drill writes.
    pub during: &'static str,
}

/// Metadata of an object that a drill makes.
pub fn metadata(object: &ObjectKey, run: &str, managed_by: &str) -> Value {
    json!({
        "name": object.name,
        "namespace": object.namespace,
        "labels": {MANAGED_BY: managed_by, RUN_LABEL: run},
    })
}
