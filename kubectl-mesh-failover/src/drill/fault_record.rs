//! The record: what a drill is about to change, written into the cluster before it does. `drill recover` needs nothing
//! else.

use jiff::Timestamp;
use mesh_shared::model::kube::managed_by::MANAGED_BY;
use mesh_shared::model::kube::object_key::ObjectKey;
use mesh_shared::model::names::service::ServiceName;
use mesh_shared::plugin::error::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::changed::Changed;
use super::changed::reversible::Making;
use super::faults;
use super::faults::Fault;
use super::object_names;
use super::object_names::RUN_LABEL;
use crate::plugin_identity::BUILD;

/// Version of the record. Within a version only fields that putting back does not need are added, and faults and kinds
/// of change: a plugin that does not know one of these refuses the whole record and puts back nothing of it. Anything
/// else that putting back needs makes a new version, which older plugins refuse as well.
const SCHEMA: &str = "mesh-failover/record/v1";
/// Label of every record, by which `drill list` finds them.
pub const LABEL: &str = "mesh-failover/record";
const KEY: &str = "record";

/// What a drill changes, and the values before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// [`SCHEMA`].
    pub schema: String,
    /// Version of the plugin that wrote it; absent in records of plugins that did not write it yet.
    #[serde(default)]
    pub written_by: Option<String>,
    /// Identifies this run.
    pub run: String,
    /// Who runs it, as the leases name it.
    pub holder: String,
    pub service: ServiceName,
    /// Name of the cluster that is failed.
    pub cluster: String,
    /// Namespace of istiod, where the leases are.
    pub system_namespace: String,
    /// The fault.
    pub fault: Fault,
    /// When it began.
    pub started: Timestamp,
    /// The latest time at which it ends, if its client stays alive.
    pub deadline: Timestamp,
    /// Everything that is changed.
    pub changed: Vec<Changed>,
}

impl Record {
    /// A record of this version, without run or place yet.
    pub fn empty(service: ServiceName, fault: Fault, started: Timestamp, changed: Vec<Changed>) -> Self {
        Self {
            schema: SCHEMA.into(),
            written_by: Some(BUILD.version()),
            run: String::new(),
            holder: String::new(),
            service,
            cluster: String::new(),
            system_namespace: String::new(),
            fault,
            started,
            deadline: started,
            changed,
        }
    }

    /// The ConfigMap that holds it.
    pub fn manifest(&self, managed_by: &str) -> Value {
        let key = object_names::record(&self.service);
        let text = serde_json::to_string_pretty(self).unwrap_or_default();
        json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": key.name,
                "namespace": key.namespace,
                "labels": {MANAGED_BY: managed_by, LABEL: "true", RUN_LABEL: self.run},
            },
            "data": {KEY: text},
        })
    }

    /// How its changes are made, one making for each.
    pub fn makings(&self, managed_by: &str) -> Vec<Making> {
        self.changed.iter().map(|changed| changed.reversible().making(&self.run, managed_by)).collect()
    }

    /// The record in a ConfigMap of a context's cluster, and the ConfigMap's UID.
    ///
    /// # Errors
    /// If this program does not know its version, its fault or one of its changes, or cannot read it: then nothing is
    /// guessed, and nothing of it is put back.
    pub fn read(object: &Value, context: &str) -> Result<(Self, String)> {
        let place = format!("context {context}, {}", ObjectKey::of(object));
        let broken = |why: String| {
            Error::failed("the record of a drill cannot be read")
                .at(&place)
                .because(why)
                .fix("use the version of the plugin that wrote it, or put back by hand what it names, then delete it")
        };
        let text = object["data"][KEY].as_str().ok_or_else(|| broken(format!("it has no key {KEY:?}")))?;
        let value: Value = serde_json::from_str(text).map_err(|error| broken(error.to_string()))?;
        if let Some(unknown) = unknown(&value) {
            let here = BUILD.version();
            let needed = match value["writtenBy"].as_str().filter(|version| is_version(version)) {
                Some(version) => format!("use kubectl mesh-failover {version} or newer: {version} wrote it"),
                None => format!("use a kubectl mesh-failover that is newer than {here}"),
            };
            return Err(Error::refused("the record of a drill is newer than this plugin")
                .at(&place)
                .because(format!("{unknown}, which kubectl mesh-failover {here} does not know"))
                .fix(needed));
        }
        let record: Self = serde_json::from_value(value).map_err(|error| broken(error.to_string()))?;
        Ok((record, object["metadata"]["uid"].as_str().unwrap_or_default().to_owned()))
    }
}

/// Whether a text looks like a version, and not like anything that a person might run.
fn is_version(text: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+');
    text.len() <= 64 && text.contains(|c: char| c.is_ascii_digit()) && text.chars().all(is_part)
}

/// What this program does not know in a record, such as `its fault is "resets"`.
fn unknown(record: &Value) -> Option<String> {
    if let Some(schema) = record["schema"].as_str().filter(|schema| *schema != SCHEMA) {
        return Some(format!("its version is {schema:?}"));
    }
    if let Some(fault) = record["fault"]["kind"].as_str().filter(|word| !faults::is_known(word)) {
        return Some(format!("its fault is {fault:?}"));
    }
    let mut changes = record["changed"].as_array().into_iter().flatten().filter_map(|changed| changed["what"].as_str());
    changes.find(|what| !Changed::KINDS.contains(what)).map(|what| format!("it changes {what:?}"))
}

#[cfg(test)]
pub(crate) mod tests;
