//! The replicas of a workload, scaled to zero.

use mesh_shared::model::kube::kinds::Target;
use mesh_shared::model::kube::object_key::ObjectKey;
use mesh_shared::model::kube::rbac::Access;
use mesh_shared::model::kube::write::{Operation, Write};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::reversible::{Decision, Making, Reversible, Words};

/// Replicas that a drill sets to zero.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replicas {
    /// Kind of the workload.
    pub kind: String,
    pub namespace: String,
    pub name: String,
    /// Its UID: we do not scale another object of the same name.
    pub uid: String,
    /// The replicas before.
    pub before: u64,
    /// `metadata.generation` before.
    pub generation: u64,
    /// The autoscaler that is inactive in the meantime, if there is one.
    #[serde(default)]
    pub autoscaler: Option<String>,
}

impl Replicas {
    /// Sets the replicas, only if it is still this object and `unchanged` holds. A `Scale` of zero replicas omits them
    /// (`omitempty` in k8s.io/api autoscaling/v1), so a test for zero would never hold.
    fn scale(&self, unchanged: Operation, to: u64) -> Write {
        Write::Patch {
            api_version: "apps/v1".into(),
            object: self.object(),
            subresource: Some("scale".into()),
            operations: vec![
                Operation::Test { path: "/metadata/uid".into(), value: self.uid.as_str().into() },
                unchanged,
                Operation::Add { path: "/spec/replicas".into(), value: to.into() },
            ],
        }
    }
}

impl Reversible for Replicas {
    fn object(&self) -> ObjectKey {
        ObjectKey::new(&self.kind, &self.namespace, &self.name)
    }

    fn is_created(&self) -> bool {
        false
    }

    fn making(&self, _run: &str, _managed_by: &str) -> Making {
        let unchanged = Operation::Test { path: "/spec/replicas".into(), value: self.before.into() };
        Making::at_once(self.scale(unchanged, 0))
    }

    fn decide(&self, _run: &str, live: Option<&Value>) -> Decision {
        let Self { kind, name, before, .. } = self;
        let Some(live) = live else {
            let why = format!("someone deleted {kind} {name} in the meantime");
            return Decision::Theirs { found: "gone".into(), why };
        };
        let replicas = live["spec"]["replicas"].as_u64().unwrap_or(1);
        if live["metadata"]["uid"] != self.uid.as_str() {
            let why = format!("someone recreated {kind} {name} in the meantime");
            return Decision::Theirs { found: format!("{replicas}, another object"), why };
        }
        match replicas {
            same if same == *before => Decision::Back,
            0 => {
                let version = live["metadata"]["resourceVersion"].clone();
                let unchanged = Operation::Test { path: "/metadata/resourceVersion".into(), value: version };
                Decision::Restore(Box::new(self.scale(unchanged, *before)))
            }
            other => Decision::Theirs {
                found: other.to_string(),
                why: format!("someone scaled {kind} {name} to {other} in the meantime"),
            },
        }
    }

    fn words(&self) -> Words {
        Words { field: "replicas", before: self.before.to_string(), during: "0" }
    }

    fn needed_to_make(&self) -> Vec<Access> {
        self.needed_to_put_back()
    }

    fn needed_to_put_back(&self) -> Vec<Access> {
        let target = Target { api_version: "apps/v1".into(), key: ObjectKey::new(&self.kind, &self.namespace, "") };
        let of = |verb| Access::new(verb, target.group(), target.resource(), &self.namespace);
        vec![of("get"), of("get").subresource("scale"), of("patch").subresource("scale")]
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::drill::fault_record::tests::three_replicas;

    fn deployment(uid: &str, replicas: u64) -> Value {
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"namespace": "sample", "name": "helloworld-v1", "uid": uid},
            "spec": {"replicas": replicas},
        })
    }

    fn judged(live: Option<&Value>) -> Decision {
        three_replicas().decide("7f3a", live)
    }

    #[test]
    fn replicas_change_only_where_nobody_else_changed_them() {
        let making = three_replicas().making("7f3a", "m");
        let Write::Patch { subresource, operations, .. } = &making.first else { panic!("{making:?}") };
        assert_eq!(subresource.as_deref(), Some("scale"));
        assert_eq!(operations[0], Operation::Test { path: "/metadata/uid".into(), value: "u".into() });
        assert_eq!(operations[1], Operation::Test { path: "/spec/replicas".into(), value: 3.into() });
        assert_eq!(operations[2], Operation::Add { path: "/spec/replicas".into(), value: 0.into() });
        assert_eq!(making.then(&json!({"metadata": {"uid": "u"}})), None);
    }

    #[test]
    fn only_the_drills_own_value_is_put_back() {
        assert!(matches!(judged(Some(&deployment("u", 0))), Decision::Restore(_)));
        assert_eq!(judged(Some(&deployment("u", 3))), Decision::Back);
        assert!(matches!(judged(Some(&deployment("u", 5))), Decision::Theirs { .. }));
        assert!(matches!(judged(Some(&deployment("other", 0))), Decision::Theirs { .. }));
        assert!(matches!(judged(None), Decision::Theirs { .. }));
    }

    #[test]
    fn what_is_put_back_is_what_was_looked_at() {
        let mut live = deployment("u", 0);
        live["metadata"]["resourceVersion"] = "77".into();
        let Decision::Restore(write) = judged(Some(&live)) else { panic!() };
        let Write::Patch { operations, .. } = *write else { panic!() };
        assert!(operations.contains(&Operation::Test { path: "/metadata/resourceVersion".into(), value: "77".into() }));
        assert_eq!(operations[2], Operation::Add { path: "/spec/replicas".into(), value: 3.into() });
    }

    #[test]
    fn scaling_needs_the_scale_alone() {
        let all: Vec<String> = three_replicas().needed_to_make().iter().map(ToString::to_string).collect();
        assert_eq!(
            all,
            [
                "get deployments.apps in sample",
                "get deployments.apps/scale in sample",
                "patch deployments.apps/scale in sample"
            ]
        );
    }
}
