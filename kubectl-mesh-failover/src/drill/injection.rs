//! The writes that make a fault.

use mesh_shared::istio::MANAGED_BY;
use mesh_shared::observed::cluster::ObjectKey;
use mesh_shared::plan::change::{Operation, Write};
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

/// The writes of a drill, one for each change of its record, each with its precondition.
pub fn writes(record: &Record, endpoints: &Endpoints, managed_by: &str) -> Vec<Write> {
    record.changed.iter().map(|changed| write(record, changed, endpoints, managed_by)).collect()
}

fn write(record: &Record, changed: &Changed, endpoints: &Endpoints, managed_by: &str) -> Write {
    match changed {
        Changed::Replicas { kind, namespace, name, uid, before, .. } => {
            let unchanged = Operation::Test { path: "/spec/replicas".into(), value: (*before).into() };
            scale(&ObjectKey::new(kind, namespace, name), uid, unchanged, 0)
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
            Write::Create { manifest }
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
        let writes = writes(&record(vec![replicas()]), &endpoints(), "m");
        let Write::Patch { subresource, operations, .. } = &writes[0] else { panic!("{writes:?}") };
        assert_eq!(subresource.as_deref(), Some("scale"));
        assert_eq!(operations[0], Operation::Test { path: "/metadata/uid".into(), value: "u".into() });
        assert_eq!(operations[1], Operation::Test { path: "/spec/replicas".into(), value: 3.into() });
        assert_eq!(operations[2], Operation::Add { path: "/spec/replicas".into(), value: 0.into() });
    }

    #[test]
    fn the_filter_names_its_run_its_pods_and_their_port() {
        let mut record = record(vec![Changed::Filter { namespace: "sample".into(), name: "f".into() }]);
        record.fault = Fault::UpstreamErrors { percent: 30 };
        let writes = writes(&record, &endpoints(), "m");
        let Write::Create { manifest } = &writes[0] else { panic!("{writes:?}") };
        assert_eq!(manifest["metadata"]["labels"][RUN_LABEL], "7f3a");
        assert_eq!(manifest["spec"]["workloadSelector"]["labels"]["app"], "helloworld");
        let patch = &manifest["spec"]["configPatches"][0];
        assert_eq!(patch["match"]["listener"]["portNumber"], 5000);
        assert_eq!(patch["patch"]["value"]["typed_config"]["abort"]["percentage"]["numerator"], 30);
    }
}
