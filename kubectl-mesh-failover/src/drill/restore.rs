//! What putting back means for each change: compare and set, never overwriting what somebody else has done.

use mesh_shared::model::kube::object::ObjectKey;
use mesh_shared::model::kube::write::{Operation, Write};
use serde_json::Value;

use super::fault_writes::scale;
use super::record::{Changed, RUN_LABEL, Record};
use super::recording::{Left, PutBack};

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

/// Decides by the live object, none where it is gone.
pub fn decide(record: &Record, changed: &Changed, live: Option<&Value>) -> Decision {
    match changed {
        Changed::Replicas { kind, name, uid, before, .. } => {
            let Some(live) = live else {
                let why = format!("somebody deleted {kind} {name} meanwhile");
                return Decision::Theirs { found: "gone".into(), why };
            };
            let replicas = live["spec"]["replicas"].as_u64().unwrap_or(1);
            if live["metadata"]["uid"] != uid.as_str() {
                let why = format!("somebody made {kind} {name} anew meanwhile");
                return Decision::Theirs { found: format!("{replicas}, another object"), why };
            }
            match replicas {
                same if same == *before => Decision::Back,
                0 => {
                    let version = live["metadata"]["resourceVersion"].clone();
                    let unchanged = Operation::Test { path: "/metadata/resourceVersion".into(), value: version };
                    Decision::Restore(Box::new(scale(&ObjectKey::of(live), uid, unchanged, *before)))
                }
                other => Decision::Theirs {
                    found: other.to_string(),
                    why: format!("somebody scaled {kind} {name} to {other} meanwhile"),
                },
            }
        }
        Changed::Filter { name, .. } => {
            let Some(live) = live else { return Decision::Back };
            if live["metadata"]["labels"][RUN_LABEL] != record.run.as_str() {
                return Decision::Theirs {
                    found: "another EnvoyFilter".into(),
                    why: format!("somebody made EnvoyFilter {name} anew meanwhile"),
                };
            }
            Decision::Restore(Box::new(Write::Delete {
                api_version: "networking.istio.io/v1alpha3".into(),
                object: ObjectKey::of(live),
                uid: live["metadata"]["uid"].as_str().unwrap_or_default().to_owned(),
                resource_version: None,
            }))
        }
    }
}

/// What is told of a change whose object is as it was before.
pub fn told_as_before(record: &Record, changed: &Changed) -> PutBack {
    let back = told_of(record, changed, None);
    PutBack { after: back.before.clone(), ..back }
}

/// What is told of a change whose object stands as `live` now.
pub fn told(record: &Record, changed: &Changed, live: Option<&Value>) -> PutBack {
    let decision = decide(record, changed, live);
    let (left, found, fault) = match decision {
        Decision::Back => (None, None, None),
        Decision::Restore(_) => (Some(Left::Unknown), None, Some("it is still as the drill left it".to_owned())),
        Decision::Theirs { found, why } => (Some(Left::Theirs), Some(found), Some(why)),
    };
    let restored = left.is_none();
    let told = told_of(record, changed, found);
    PutBack { after: if restored { told.before.clone() } else { told.after }, restored, fault, left, ..told }
}

/// A change that is not put back, with what was found in place of what the drill wrote.
fn told_of(record: &Record, changed: &Changed, found: Option<String>) -> PutBack {
    let (object, field, before, during) = match changed {
        Changed::Replicas { kind, namespace, name, before, .. } => {
            (format!("{kind} {namespace}/{name}"), "replicas", before.to_string(), "0")
        }
        Changed::Filter { namespace, name } => {
            (format!("EnvoyFilter {namespace}/{name}"), "the object itself", "absent".to_owned(), "present")
        }
    };
    PutBack {
        object: format!("{object} in {}", record.cluster),
        field: field.into(),
        before,
        during: during.into(),
        after: found.unwrap_or_else(|| during.into()),
        restored: false,
        fault: None,
        left: Some(Left::Unknown),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::drill::record::tests::{record, replicas};

    fn deployment(uid: &str, replicas: u64) -> Value {
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"namespace": "sample", "name": "helloworld-v1", "uid": uid},
            "spec": {"replicas": replicas},
        })
    }

    fn judged(live: Option<&Value>) -> Decision {
        decide(&record(vec![replicas()]), &replicas(), live)
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
    fn a_filter_goes_only_where_it_is_of_this_run() {
        let changed = Changed::Filter { namespace: "sample".into(), name: "f".into() };
        let filter = |run: &str| json!({"kind": "EnvoyFilter", "metadata": {"namespace": "sample", "name": "f", "uid": "e", "labels": {RUN_LABEL: run}}});
        let judged = |live: Option<&Value>| decide(&record(vec![]), &changed, live);
        assert!(
            matches!(judged(Some(&filter("7f3a"))), Decision::Restore(write) if matches!(&*write, Write::Delete { uid, .. } if uid == "e"))
        );
        assert!(matches!(judged(Some(&filter("other"))), Decision::Theirs { .. }));
        assert_eq!(judged(None), Decision::Back);
    }

    #[test]
    fn what_is_told_is_what_stands() {
        let tell = |live: Option<&Value>| {
            let told = told(&record(vec![]), &replicas(), live);
            (told.after, told.restored, told.fault)
        };
        assert_eq!(tell(Some(&deployment("u", 3))), ("3".into(), true, None));
        assert_eq!(
            tell(Some(&deployment("u", 5))),
            ("5".into(), false, Some("somebody scaled Deployment helloworld-v1 to 5 meanwhile".into()))
        );
        assert!(!tell(Some(&deployment("u", 0))).1);
    }
}
