//! Permissions that a drill needs; docs/permissions/mesh-failover-drill.yaml grants them.

use mesh_shared::model::kube::rbac::Access;
use mesh_shared::model::names::service::ServiceName;

use super::changed::Changed;

/// In every cluster of the mesh: the lock, what istiod reports about its peers, and whether a record was left.
pub fn everywhere(system_namespace: &str, service: &ServiceName) -> Vec<Access> {
    let mut all = locking(system_namespace);
    all.extend(stream("portforward", system_namespace));
    all.push(Access::new("get", "", "configmaps", &service.namespace));
    all
}

/// In the cluster that is failed: the record.
pub fn recording(service: &ServiceName) -> Vec<Access> {
    ["get", "create", "delete"].map(|verb| Access::new(verb, "", "configmaps", &service.namespace)).into()
}

/// To make the changes, and to put them back.
pub fn changing(changed: &[Changed]) -> Vec<Access> {
    changed.iter().flat_map(|changed| changed.reversible().needed_to_make()).collect()
}

/// What `drill recover` needs in the cluster that was failed.
pub fn recovering(service: &ServiceName, system_namespace: &str, changed: &[Changed]) -> Vec<Access> {
    let close = ["get", "delete"].map(|verb| Access::new(verb, "", "configmaps", &service.namespace));
    let unlock = ["get", "patch", "delete"].map(|verb| lease(verb, system_namespace));
    let back: Vec<Access> = changed.iter().flat_map(|changed| changed.reversible().needed_to_put_back()).collect();
    [&close[..], &unlock, &back].concat()
}

/// The requests and the counters, in the client's cluster.
pub fn asking(namespace: &str) -> Vec<Access> {
    [stream("exec", namespace), stream("portforward", namespace)].concat()
}

fn locking(system_namespace: &str) -> Vec<Access> {
    ["get", "create", "patch", "delete"].map(|verb| lease(verb, system_namespace)).into()
}

fn lease(verb: &str, system_namespace: &str) -> Access {
    Access::new(verb, "coordination.k8s.io", "leases", system_namespace)
}

/// To connect to a pod: a GET that becomes a WebSocket, for which newer API servers require create as well (Kubernetes
/// 1.35, `AuthorizePodWebsocketUpgradeCreatePermission`).
fn stream(subresource: &str, namespace: &str) -> Vec<Access> {
    ["get", "create"].map(|verb| Access::new(verb, "", "pods", namespace).subresource(subresource)).into()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::drill::changed::filter::Filter;

    #[test]
    fn recovering_needs_neither_a_client_nor_a_new_lock_nor_what_makes_a_fault() {
        let service = ServiceName { namespace: "sample".into(), name: "a".into() };
        let filter = Filter { namespace: "sample".into(), name: "f".into(), spec: Value::Null };
        let all: Vec<String> =
            recovering(&service, "istio-system", &[Changed::Filter(filter)]).iter().map(ToString::to_string).collect();
        assert!(all.contains(&"delete envoyfilters.networking.istio.io in sample".to_owned()), "{all:?}");
        assert!(!all.iter().any(|access| access.contains("exec") || access.contains("create ")), "{all:?}");
        assert!(!all.iter().any(|access| access.contains("patch envoyfilters")), "{all:?}");
    }
}
