//! The record: what a drill is about to change, written into the cluster before it does. `drill recover` needs nothing else.

use jiff::Timestamp;
use mesh_shared::model::kube::kinds::Target;
use mesh_shared::model::kube::managed_by::MANAGED_BY;
use mesh_shared::model::kube::object::ObjectKey;
use mesh_shared::model::names::service::ServiceName;
use mesh_shared::plugin::error::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::experiment::Fault;

/// Version of the record: an older plugin refuses a newer one.
const SCHEMA: &str = "mesh-failover/record/v1";
/// How the names of all records begin.
pub const NAME_PREFIX: &str = "mesh-failover-drill-";
/// Label of every record, by which `drill list` finds them.
pub const LABEL: &str = "mesh-failover/record";
/// Label of what a drill made, with the run's id.
pub const RUN_LABEL: &str = "mesh-failover/run";
const KEY: &str = "record";

/// What a drill changes and what stood before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// [`SCHEMA`].
    pub schema: String,
    /// Tells this run from others.
    pub run: String,
    /// Who runs it, as the leases name it.
    pub holder: String,
    /// The service.
    pub service: ServiceName,
    /// Name of the cluster that is failed.
    pub cluster: String,
    /// Namespace of istiod, where the leases lie.
    pub system_namespace: String,
    /// What is done.
    pub fault: Fault,
    /// When it began.
    pub started: Timestamp,
    /// When it ends at the latest, if its client lives.
    pub deadline: Timestamp,
    /// Everything that is changed.
    pub changed: Vec<Changed>,
}

/// Something that is changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub enum Changed {
    /// The replicas of a workload, to zero.
    Replicas {
        /// Kind of the workload.
        kind: String,
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// Its UID: another object of the same name is not ours to scale.
        uid: String,
        /// What stood before.
        before: u64,
        /// `metadata.generation` before.
        generation: u64,
        /// The autoscaler that switches itself off meanwhile, where there is one.
        #[serde(default)]
        autoscaler: Option<String>,
    },
    /// An EnvoyFilter that the drill makes.
    Filter {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
    },
}

impl Changed {
    /// The object.
    ///
    /// # Errors
    /// Where a record names a kind that is not known to this program.
    pub fn target(&self) -> Result<Target> {
        match self {
            Self::Replicas { kind, namespace, name, .. } => Target::new(kind, namespace, name),
            Self::Filter { namespace, name } => Target::new("EnvoyFilter", namespace, name),
        }
    }
}

/// Where the record of a service's drill lies: in the service's namespace of the cluster that is failed. One name for each
/// service, so that a second drill finds it.
pub fn place(service: &ServiceName) -> ObjectKey {
    ObjectKey::new("ConfigMap", &service.namespace, &format!("{NAME_PREFIX}{}", service.name))
}

impl Record {
    /// A record of this version that names neither run nor place yet.
    pub fn empty(service: ServiceName, fault: Fault, started: Timestamp, changed: Vec<Changed>) -> Self {
        Self {
            schema: SCHEMA.into(),
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
        let key = place(&self.service);
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

    /// The record in a ConfigMap, and the ConfigMap's UID.
    ///
    /// # Errors
    /// Where it is of another version or cannot be read: then it is not guessed at.
    pub fn read(object: &Value) -> Result<(Self, String)> {
        let key = ObjectKey::of(object);
        let broken = |why: String| {
            Error::failed("the record of a drill cannot be read")
                .at(key.to_string())
                .because(why)
                .fix("use the version of the plugin that wrote it, or put back by hand what it names, then delete it")
        };
        let text = object["data"][KEY].as_str().ok_or_else(|| broken(format!("it has no key {KEY:?}")))?;
        let record: Self = serde_json::from_str(text).map_err(|error| broken(error.to_string()))?;
        if record.schema != SCHEMA {
            return Err(broken(format!("it is of version {:?}, this plugin knows {SCHEMA:?}", record.schema)));
        }
        Ok((record, object["metadata"]["uid"].as_str().unwrap_or_default().to_owned()))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub fn record(changed: Vec<Changed>) -> Record {
        let service = ServiceName { namespace: "sample".into(), name: "helloworld".into() };
        let started = Timestamp::from_second(1_800_000_000).unwrap();
        Record {
            run: "7f3a".into(),
            holder: "ada@laptop/7f3a".into(),
            cluster: "east".into(),
            system_namespace: "istio-system".into(),
            ..Record::empty(service, Fault::ScaleToZero, started, changed)
        }
    }

    pub fn replicas() -> Changed {
        Changed::Replicas {
            kind: "Deployment".into(),
            namespace: "sample".into(),
            name: "helloworld-v1".into(),
            uid: "u".into(),
            before: 3,
            generation: 5,
            autoscaler: None,
        }
    }

    #[test]
    fn what_was_written_reads_back() {
        let record = record(vec![
            replicas(),
            Changed::Filter { namespace: "sample".into(), name: "mesh-failover-drill-helloworld".into() },
        ]);
        let mut object = record.manifest("kubectl-mesh-failover");
        object["metadata"]["uid"] = "c".into();
        assert_eq!(Record::read(&object), Ok((record, "c".into())));
    }

    #[test]
    fn a_record_of_another_version_is_not_guessed_at() {
        let mut other = record(vec![]);
        other.schema = "mesh-failover/record/v9".into();
        assert!(Record::read(&other.manifest("x")).unwrap_err().why.unwrap().contains("v9"));
        assert!(Record::read(&json!({"data": {"record": "{"}})).is_err());
        assert!(Record::read(&json!({})).is_err());
    }
}
