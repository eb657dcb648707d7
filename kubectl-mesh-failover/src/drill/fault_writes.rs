//! The writes that make a fault.

use mesh_shared::model::kube::managed_by::MANAGED_BY;
use mesh_shared::model::kube::object::ObjectKey;
use mesh_shared::model::kube::write::{Operation, Write};
use serde_json::{Value, json};

use super::experiment::Fault;
use super::record::{Changed, RUN_LABEL, Record};

/// What the writes need beside the record.
#[derive(Debug, Clone, PartialEq)]
pub struct Endpoints {
    /// Labels by which the service selects its pods.
    pub selector: std::collections::BTreeMap<String, String>,
    /// The port that the pods listen on.
    pub port: u16,
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

/// How the changes of a record are made, one for each, each write with its precondition.
pub fn makings(record: &Record, endpoints: &Endpoints, managed_by: &str) -> Vec<Making> {
    record.changed.iter().map(|changed| making(record, changed, endpoints, managed_by)).collect()
}

fn making(record: &Record, changed: &Changed, endpoints: &Endpoints, managed_by: &str) -> Making {
    match changed {
        Changed::Replicas { kind, namespace, name, uid, before, .. } => {
            let unchanged = Operation::Test { path: "/spec/replicas".into(), value: (*before).into() };
            let first = scale(&ObjectKey::new(kind, namespace, name), uid, unchanged, 0);
            Making { first, config_patches: None }
        }
        Changed::Filter { namespace, name } => {
            let percent = match record.fault {
                Fault::UpstreamErrors { percent } => percent,
                Fault::ScaleToZero => 100,
            };
            let mut manifest = abort(endpoints, percent);
            manifest["metadata"] = json!({
                "name": name,
                "namespace": namespace,
                "labels": {MANAGED_BY: managed_by, RUN_LABEL: record.run},
            });
            let config_patches = manifest["spec"].as_object_mut().and_then(|spec| spec.shift_remove("configPatches"));
            Making { first: Write::Create { manifest }, config_patches }
        }
    }
}

/// Sets a workload's replicas, only where it is still this object and `unchanged` holds. A `Scale` of zero replicas says nothing
/// of them (`omitempty` in k8s.io/api autoscaling/v1), so that a test for zero would never hold.
pub fn scale(object: &ObjectKey, uid: &str, unchanged: Operation, to: u64) -> Write {
    Write::Patch {
        api_version: "apps/v1".into(),
        object: object.clone(),
        subresource: Some("scale".into()),
        operations: vec![
            Operation::Test { path: "/metadata/uid".into(), value: uid.into() },
            unchanged,
            Operation::Add { path: "/spec/replicas".into(), value: to.into() },
        ],
    }
}

/// Has the servers' proxies answer 503 before the request reaches the application. For inbound traffic `portNumber` is the
/// pods' own port: the filter chain of the virtual inbound listener is found by its destination port (istio/istio
/// pilot/pkg/networking/core/envoyfilter/listener_patch.go, `filterChainMatch`).
fn abort(endpoints: &Endpoints, percent: u8) -> Value {
    json!({
        "apiVersion": "networking.istio.io/v1alpha3",
        "kind": "EnvoyFilter",
        "metadata": {},
        "spec": {
            "workloadSelector": {"labels": endpoints.selector},
            "configPatches": [{
                "applyTo": "HTTP_FILTER",
                "match": {
                    "context": "SIDECAR_INBOUND",
                    "listener": {
                        "portNumber": endpoints.port,
                        "filterChain": {"filter": {
                            "name": "envoy.filters.network.http_connection_manager",
                            "subFilter": {"name": "envoy.filters.http.router"},
                        }},
                    },
                },
                "patch": {
                    "operation": "INSERT_BEFORE",
                    "value": {
                        "name": "envoy.filters.http.fault",
                        "typed_config": {
                            "@type": "type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault",
                            "abort": {
                                "http_status": 503,
                                "percentage": {"numerator": percent, "denominator": "HUNDRED"},
                            },
                        },
                    },
                },
            }],
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drill::record::tests::{record, replicas};

    fn endpoints() -> Endpoints {
        Endpoints { selector: [("app".to_owned(), "helloworld".to_owned())].into(), port: 5000 }
    }

    #[test]
    fn replicas_change_only_where_nobody_else_changed_them() {
        let makings = makings(&record(vec![replicas()]), &endpoints(), "m");
        let Write::Patch { subresource, operations, .. } = &makings[0].first else { panic!("{makings:?}") };
        assert_eq!(subresource.as_deref(), Some("scale"));
        assert_eq!(operations[0], Operation::Test { path: "/metadata/uid".into(), value: "u".into() });
        assert_eq!(operations[1], Operation::Test { path: "/spec/replicas".into(), value: 3.into() });
        assert_eq!(operations[2], Operation::Add { path: "/spec/replicas".into(), value: 0.into() });
        assert_eq!(makings[0].then(&json!({"metadata": {"uid": "u"}})), None);
    }

    #[test]
    fn the_filter_names_its_run_its_pods_and_their_port() {
        let mut record = record(vec![Changed::Filter { namespace: "sample".into(), name: "f".into() }]);
        record.fault = Fault::UpstreamErrors { percent: 30 };
        let makings = makings(&record, &endpoints(), "m");
        let Write::Create { manifest } = &makings[0].first else { panic!("{makings:?}") };
        assert_eq!(manifest["metadata"]["labels"][RUN_LABEL], "7f3a");
        assert_eq!(manifest["spec"]["workloadSelector"]["labels"]["app"], "helloworld");
        assert!(manifest["spec"].get("configPatches").is_none(), "it is made without effect: {manifest}");
    }

    #[test]
    fn the_filters_effect_goes_with_the_filter() {
        let mut record = record(vec![Changed::Filter { namespace: "sample".into(), name: "f".into() }]);
        record.fault = Fault::UpstreamErrors { percent: 30 };
        let makings = makings(&record, &endpoints(), "m");
        let Write::Create { manifest } = &makings[0].first else { panic!("{makings:?}") };
        let mut made = manifest.clone();
        made["metadata"]["uid"] = "e".into();
        let Some(Write::Patch { object, operations, .. }) = makings[0].then(&made) else { panic!("{makings:?}") };
        assert_eq!(object, ObjectKey::new("EnvoyFilter", "sample", "f"));
        assert_eq!(operations[0], Operation::Test { path: "/metadata/uid".into(), value: "e".into() });
        let Operation::Add { path, value } = &operations[1] else { panic!("{operations:?}") };
        assert_eq!(path, "/spec/configPatches");
        assert_eq!(value[0]["match"]["listener"]["portNumber"], 5000);
        assert_eq!(value[0]["patch"]["value"]["typed_config"]["abort"]["percentage"]["numerator"], 30);
    }
}
