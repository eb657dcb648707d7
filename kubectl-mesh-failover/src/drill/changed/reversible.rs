//! What a change has to provide.

use mesh_shared::model::kube::managed_by::MANAGED_BY;
use mesh_shared::model::kube::object_key::ObjectKey;
use mesh_shared::model::kube::rbac::Access;
use mesh_shared::model::kube::write::{Operation, Write};
use serde_json::{Value, json};

use crate::drill::object_names::RUN_LABEL;

/// A change that can be put back from its record.
pub trait Reversible {
    /// The object that is changed.
    fn object(&self) -> ObjectKey;

    /// Whether the drill creates this object, so that none of its name may exist before.
    fn is_created(&self) -> bool;

    /// The writes that make it, each with its precondition. `run` is the drill's id.
    fn making(&self, run: &str, managed_by: &str) -> Making;

    /// How to put it back, given the live object, which is none if it is gone: compare and set, never overwriting
    /// someone else's change.
    fn decide(&self, run: &str, live: Option<&Value>) -> Decision;

    /// How reports describe it.
    fn words(&self) -> Words;

    /// Permissions needed to make it.
    fn needed_to_make(&self) -> Vec<Access>;

    /// Permissions needed to put it back.
    fn needed_to_put_back(&self) -> Vec<Access>;
}

/// How one change is made.
#[derive(Debug, Clone, PartialEq)]
pub struct Making {
    /// The first write.
    pub first: Write,
    /// `configPatches` of an EnvoyFilter, which the first write leaves out.
    config_patches: Option<Value>,
}

impl Making {
    /// A change by one write.
    pub fn at_once(first: Write) -> Self {
        Self { first, config_patches: None }
    }

    /// An EnvoyFilter that is created without its `configPatches` and gets them with a second write.
    pub fn of_filter(mut manifest: Value) -> Self {
        let config_patches = manifest["spec"].as_object_mut().and_then(|spec| spec.shift_remove("configPatches"));
        Self { first: Write::Create { manifest }, config_patches }
    }

    /// The write that follows the first one, whose answer was `made`: it gives the filter its effect. It is bound to
    /// the UID of the created object, so that it does nothing once that is deleted. None if one write is enough.
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

/// What to do about one change.
#[derive(Debug, Clone, PartialEq)]
pub enum Decision {
    /// It is already as before.
    Back,
    /// The value is still the drill's: this write puts it back.
    Restore(Box<Write>),
    /// Someone else has changed it: it is left, and this is reported.
    Theirs {
        /// The current value.
        found: String,
        /// In a sentence.
        why: String,
    },
}

/// How reports describe a change, such as `replicas` of `Deployment sample/helloworld-v1`, `3` before and `0` during
/// the drill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// What is changed about the object.
    pub field: &'static str,
    /// The value before.
    pub before: String,
    /// What the drill writes.
    pub during: &'static str,
}

/// Metadata of an object that a drill creates.
pub fn metadata(object: &ObjectKey, run: &str, managed_by: &str) -> Value {
    json!({
        "name": object.name,
        "namespace": object.namespace,
        "labels": {MANAGED_BY: managed_by, RUN_LABEL: run},
    })
}
