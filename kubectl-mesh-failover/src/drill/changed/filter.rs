//! An EnvoyFilter that a drill creates and deletes.

use mesh_shared::model::kube::object_key::ObjectKey;
use mesh_shared::model::kube::rbac::Access;
use mesh_shared::model::kube::write::Write;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::reversible::{Decision, Making, Reversible, Words, metadata};
use crate::drill::object_names::RUN_LABEL;

const API_VERSION: &str = "networking.istio.io/v1alpha3";

/// A filter, whatever it does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Filter {
    pub namespace: String,
    pub name: String,
    /// Its `spec`, which is what it does. Absent in records of versions that made only one kind of filter; putting back
    /// does not need it.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub spec: Value,
}

impl Reversible for Filter {
    fn object(&self) -> ObjectKey {
        ObjectKey::new("EnvoyFilter", &self.namespace, &self.name)
    }

    fn is_created(&self) -> bool {
        true
    }

    fn making(&self, run: &str, managed_by: &str) -> Making {
        Making::of_filter(json!({
            "apiVersion": API_VERSION,
            "kind": "EnvoyFilter",
            "metadata": metadata(&self.object(), run, managed_by),
            "spec": self.spec,
        }))
    }

    fn decide(&self, run: &str, live: Option<&Value>) -> Decision {
        let Some(live) = live else { return Decision::Back };
        if live["metadata"]["labels"][RUN_LABEL] != run {
            return Decision::Theirs {
                found: "another EnvoyFilter".into(),
                why: format!("someone recreated EnvoyFilter {} in the meantime", self.name),
            };
        }
        Decision::Restore(Box::new(Write::Delete {
            api_version: API_VERSION.into(),
            object: ObjectKey::of(live),
            uid: live["metadata"]["uid"].as_str().unwrap_or_default().to_owned(),
            resource_version: None,
        }))
    }

    fn words(&self) -> Words {
        Words { field: "the object itself", before: "absent".into(), during: "present" }
    }

    fn needed_to_make(&self) -> Vec<Access> {
        needed(&self.namespace)
    }

    fn needed_to_put_back(&self) -> Vec<Access> {
        accesses(&self.namespace, &["get", "delete"])
    }
}

/// Permissions to create a filter in a namespace, and to delete it.
pub fn needed(namespace: &str) -> Vec<Access> {
    accesses(namespace, &["get", "create", "patch", "delete"])
}

fn accesses(namespace: &str, verbs: &[&str]) -> Vec<Access> {
    verbs.iter().map(|verb| Access::new(verb, "networking.istio.io", "envoyfilters", namespace)).collect()
}

#[cfg(test)]
mod tests {
    use mesh_shared::model::kube::write::Operation;

    use super::*;

    fn filter() -> Filter {
        let spec = json!({"workloadSelector": {"labels": {"app": "a"}}, "configPatches": [{"applyTo": "HTTP_FILTER"}]});
        Filter { namespace: "sample".into(), name: "f".into(), spec }
    }

    #[test]
    fn it_is_made_without_effect_and_its_effect_goes_with_it() {
        let making = filter().making("7f3a", "m");
        let Write::Create { manifest } = &making.first else { panic!("{making:?}") };
        assert_eq!(manifest["metadata"]["labels"][RUN_LABEL], "7f3a");
        assert_eq!(manifest["spec"], json!({"workloadSelector": {"labels": {"app": "a"}}}));
        let mut made = manifest.clone();
        made["metadata"]["uid"] = "e".into();
        let Some(Write::Patch { object, operations, .. }) = making.then(&made) else { panic!("{making:?}") };
        assert_eq!(object, filter().object());
        assert_eq!(operations[0], Operation::Test { path: "/metadata/uid".into(), value: "e".into() });
        let value = filter().spec["configPatches"].clone();
        assert_eq!(operations[1], Operation::Add { path: "/spec/configPatches".into(), value });
    }

    #[test]
    fn it_goes_only_where_it_is_of_this_run() {
        let live = |run: &str| json!({"kind": "EnvoyFilter", "metadata": {"namespace": "sample", "name": "f", "uid": "e", "labels": {RUN_LABEL: run}}});
        let judged = |live: Option<&Value>| filter().decide("7f3a", live);
        assert!(
            matches!(judged(Some(&live("7f3a"))), Decision::Restore(write) if matches!(&*write, Write::Delete { uid, .. } if uid == "e"))
        );
        assert!(matches!(judged(Some(&live("other"))), Decision::Theirs { .. }));
        assert_eq!(judged(None), Decision::Back);
    }

    #[test]
    fn what_makes_it_is_not_needed_to_take_it_away() {
        let all: Vec<String> = filter().needed_to_put_back().iter().map(ToString::to_string).collect();
        assert_eq!(
            all,
            ["get envoyfilters.networking.istio.io in sample", "delete envoyfilters.networking.istio.io in sample"]
        );
    }
}
