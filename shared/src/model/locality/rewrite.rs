//! From the existing rule to the wanted one, and back: what in it is ours, what is someone else's, and the one write
//! that changes it.
//!
//! We write into a user's rule by server-side apply, without force: what we add is ours, and nothing of theirs is
//! touched. If a value of theirs has to change, or a list of theirs, which they own as a whole, the write is a JSON
//! patch that tests every value that it replaces. An annotation keeps what we wrote and what was there before.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::annotation;
use super::annotation::Damage;
use super::edits::{Edit, Kept, edits, undo};
use super::merge::Merged;
use crate::model::istio::destination_rule::API_VERSION;
use crate::model::kube::json_patch::{operations, unchanged};
use crate::model::kube::managed_by::MANAGED_BY;
use crate::model::kube::managed_fields::{others_own, owners, without};
use crate::model::kube::object_key::ObjectKey;
use crate::model::kube::write::Write;

/// An existing rule, and the part of it that is not ours.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing<'a> {
    /// The object.
    pub live: &'a Value,
    /// Whether we made it.
    pub own: bool,
    /// Its spec without what is ours.
    pub spec: Value,
    /// Values of ours that someone has changed since.
    pub kept: Vec<Kept>,
    /// What we wrote into it, according to its annotation.
    record: Vec<Edit>,
    /// Whether it has labels or annotations of someone else.
    strange_metadata: bool,
}

/// Someone else's value that has to change.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Conflict {
    /// Such as `spec.trafficPolicy.outlierDetection.maxEjectionPercent`.
    pub field: String,
    /// Whose it is.
    pub owners: Vec<String>,
    /// What it is now.
    pub old: Value,
    /// What is wanted.
    pub new: Value,
}

/// A rule as it should become.
#[derive(Debug, Clone, PartialEq)]
pub struct Rewrite {
    /// The object now; none for a new one.
    pub live: Option<Value>,
    /// The object after the write; none for one that is deleted.
    pub after: Option<Value>,
    /// The write that does it; none if there is nothing to change.
    pub write: Option<Write>,
    /// Other people's values that it newly changes: only with the user's consent.
    pub conflicts: Vec<Conflict>,
}

impl Rewrite {
    /// A rule that stays as it is.
    pub fn none(live: &Value) -> Self {
        Self { live: Some(live.clone()), after: Some(live.clone()), write: None, conflicts: Vec::new() }
    }
}

/// Whether a manager made the rule.
pub fn is_own(live: &Value, manager: &str) -> bool {
    live["metadata"]["labels"][MANAGED_BY] == manager
}

impl<'a> Standing<'a> {
    /// The part of a rule that is not this manager's.
    ///
    /// # Errors
    /// If the annotation that says so cannot be read: then nothing may be written to the rule.
    pub fn of(live: &'a Value, manager: &str) -> Result<Self, Damage> {
        let metadata = &live["metadata"];
        let own = is_own(live, manager);
        let record = annotation::read(live, manager)?;
        let mut kept = Vec::new();
        let shared = |path: &[String]| {
            let whole: Vec<&str> = std::iter::once("spec").chain(path.iter().map(String::as_str)).collect();
            others_own(live, &whole, manager)
        };
        let mut spec = undo(&live["spec"], &record, &shared, &mut kept);
        let mut strange_metadata = false;
        if own {
            spec = without(live, &spec, &mut vec!["spec".into()], manager).unwrap_or_else(|| json!({}));
            strange_metadata = ["labels", "annotations"].into_iter().any(|part| {
                let path = &mut vec!["metadata".to_owned(), part.to_owned()];
                !metadata[part].is_null() && without(live, &metadata[part], path, manager).is_some()
            });
        }
        Ok(Self { live, own, spec, kept, record, strange_metadata })
    }

    /// Whether anything in it is ours.
    pub fn has_ours(&self) -> bool {
        self.own || !self.record.is_empty()
    }

    /// The rule with this spec, which was made from [`Standing::spec`] by adding and replacing.
    pub fn with(&self, merged: &Merged, manager: &str) -> Rewrite {
        let edits = edits(&self.spec, &merged.spec);
        let overrides = edits.iter().filter(|edit| edit.old.is_some());
        let taken = |edit: &&Edit| self.record.iter().any(|known| known.path == edit.path && known.old == edit.old);
        let conflicts =
            overrides.clone().filter(|edit| !taken(edit)).map(|edit| self.conflict(edit, manager)).collect();
        let by_patch = overrides.count() > 0
            || owners(self.live, &["spec"]).iter().any(|own| own.manager == manager && own.operation == "Update");
        let record: Vec<Edit> = edits.iter().filter(|edit| !self.own || edit.old.is_some()).cloned().collect();
        let mut after = self.live.clone();
        after["spec"] = merged.spec.clone();
        note_down(&mut after, &record, manager);
        let write = match (after == *self.live, by_patch) {
            (true, _) => None,
            (false, true) => Some(self.patch(&after)),
            (false, false) => Some(Write::Apply { manifest: self.ours(&edits, &after, manager) }),
        };
        Rewrite { live: Some(self.live.clone()), after: Some(after), write, conflicts }
    }

    /// The rule without what is ours: deleted if we made it and it holds nothing of others.
    pub fn removed(&self, manager: &str) -> Rewrite {
        let live = Some(self.live.clone());
        if self.own && !self.strange_metadata && self.spec.as_object().is_none_or(Map::is_empty) {
            let text = |key: &str| self.live["metadata"][key].as_str().unwrap_or_default().to_owned();
            let write = Write::Delete {
                api_version: API_VERSION.into(),
                object: ObjectKey::of(self.live),
                uid: text("uid"),
                resource_version: Some(text("resourceVersion")),
            };
            return Rewrite { live, after: None, write: Some(write), conflicts: Vec::new() };
        }
        let mut after = self.live.clone();
        after["spec"] = self.spec.clone();
        if self.own {
            // A rule must have a host.
            after["spec"]["host"] = self.live["spec"]["host"].clone();
            if let Some(labels) = after["metadata"].get_mut("labels").and_then(Value::as_object_mut) {
                labels.shift_remove(MANAGED_BY);
            }
        }
        note_down(&mut after, &[], manager);
        let write = (after != *self.live).then(|| self.patch(&after));
        Rewrite { live, after: Some(after), write, conflicts: Vec::new() }
    }

    fn conflict(&self, edit: &Edit, manager: &str) -> Conflict {
        let path: Vec<&str> = std::iter::once("spec").chain(edit.path.iter().map(String::as_str)).collect();
        let mut owners: Vec<String> = owners(self.live, &path)
            .iter()
            .map(|owner| owner.manager.to_owned())
            .filter(|name| name != manager)
            .collect();
        owners.dedup();
        Conflict { field: edit.field(), owners, old: edit.old.clone().unwrap_or_default(), new: edit.new.clone() }
    }

    fn patch(&self, after: &Value) -> Write {
        let mut all = vec![unchanged(self.live)];
        all.extend(operations(self.live, after));
        Write::Patch {
            api_version: API_VERSION.into(),
            object: ObjectKey::of(self.live),
            subresource: None,
            operations: all,
        }
    }

    /// Our part of the rule, as server-side apply takes it.
    fn ours(&self, edits: &[Edit], after: &Value, manager: &str) -> Value {
        let live = &self.live["metadata"];
        let mut metadata = json!({
            "name": live["name"], "namespace": live["namespace"], "resourceVersion": live["resourceVersion"],
        });
        let key = annotation::key(manager);
        if let Some(text) = after["metadata"]["annotations"].get(&key) {
            metadata["annotations"][key] = text.clone();
        }
        if self.own {
            metadata["labels"][MANAGED_BY] = manager.into();
        }
        let mut spec = json!({});
        for edit in edits {
            edit.path.iter().fold(&mut spec, |value, key| &mut value[key]).clone_from(&edit.new);
        }
        let host = owners(self.live, &["spec", "host"]);
        if !host.is_empty() && host.iter().all(|owner| owner.manager == manager) {
            spec["host"] = self.live["spec"]["host"].clone();
        }
        json!({"apiVersion": API_VERSION, "kind": "DestinationRule", "metadata": metadata, "spec": spec})
    }
}

/// A rule of our own where there is none.
pub fn made(key: &ObjectKey, merged: &Merged, manager: &str) -> Rewrite {
    let manifest = json!({
        "apiVersion": API_VERSION,
        "kind": "DestinationRule",
        "metadata": {"name": key.name, "namespace": key.namespace, "labels": {MANAGED_BY: manager}},
        "spec": merged.spec,
    });
    let write = Some(Write::Apply { manifest: manifest.clone() });
    Rewrite { live: None, after: Some(manifest), write, conflicts: Vec::new() }
}

/// A spec, with everything that it lacks taken from another.
pub fn filled(spec: &Value, from: &Value) -> Value {
    match (spec, from) {
        (Value::Object(own), Value::Object(from)) => {
            let mut whole = own.clone();
            for (key, value) in from {
                let value = own.get(key).map_or_else(|| value.clone(), |own| filled(own, value));
                whole.insert(key.clone(), value);
            }
            Value::Object(whole)
        }
        _ => spec.clone(),
    }
}

/// The object as a manifest, without the fields that the API server maintains.
pub fn manifest(object: &Value) -> Value {
    let mut manifest = object.clone();
    if let Some(map) = manifest.as_object_mut() {
        map.shift_remove("status");
    }
    if let Some(metadata) = manifest["metadata"].as_object_mut() {
        for key in ["uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "selfLink"] {
            metadata.shift_remove(key);
        }
    }
    manifest
}

/// Keeps the record in the object, or removes the annotation if there is nothing to keep. An annotation that already
/// says the same stays as it is, whatever its version.
fn note_down(object: &mut Value, record: &[Edit], manager: &str) {
    let key = annotation::key(manager);
    if !record.is_empty() {
        if annotation::read(object, manager).as_deref() != Ok(record) {
            object["metadata"]["annotations"][key] = annotation::write(record).into();
        }
        return;
    }
    let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) else { return };
    let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) else { return };
    annotations.shift_remove(&key);
    if annotations.is_empty() {
        metadata.shift_remove("annotations");
    }
}

#[cfg(test)]
mod tests;
