//! What a drill's user must be allowed to do: the file docs/permissions/mesh-failover-drill.yaml grants it.

use mesh_shared::model::kube::access::Access;
use mesh_shared::model::kube::kinds::Target;
use mesh_shared::model::kube::object::ObjectKey;
use mesh_shared::model::names::service::ServiceName;

use super::experiment::Fault;
use super::record::Changed;

/// In every cluster of the mesh: the lock, what istiod tells of its peers, and whether a record was left.
pub fn everywhere(system_namespace: &str, service: &ServiceName) -> Vec<Access> {
    let mut all = locking(system_namespace);
    all.extend(stream("portforward", system_namespace));
    all.push(Access::new("get", "", "configmaps", &service.namespace));
    all
}

/// In the cluster that is failed: the record, and the fault as far as it does not depend on the workloads.
pub fn failing(service: &ServiceName, fault: Fault) -> Vec<Access> {
    let of_fault = match fault {
        Fault::ScaleToZero => Vec::new(),
        Fault::UpstreamErrors { .. } => filters(&service.namespace, &["get", "create", "patch", "delete"]),
    };
    [recording(service), of_fault].concat()
}

/// What putting it back needs, and therefore what making the change needs as well.
pub fn changing(changed: &[Changed]) -> Vec<Access> {
    changed.iter().flat_map(change).collect()
}

/// What `drill recover` needs in the cluster that was failed.
pub fn recovering(service: &ServiceName, system_namespace: &str, changed: &[Changed]) -> Vec<Access> {
    let close = ["get", "delete"].map(|verb| Access::new(verb, "", "configmaps", &service.namespace));
    let unlock = ["get", "patch", "delete"].map(|verb| lease(verb, system_namespace));
    let back: Vec<Access> = changed.iter().flat_map(putting_back).collect();
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

fn recording(service: &ServiceName) -> Vec<Access> {
    ["get", "create", "delete"].map(|verb| Access::new(verb, "", "configmaps", &service.namespace)).into()
}

fn filters(namespace: &str, verbs: &[&str]) -> Vec<Access> {
    verbs.iter().map(|verb| Access::new(verb, "networking.istio.io", "envoyfilters", namespace)).collect()
}

/// What making a change needs, and putting it back.
fn change(changed: &Changed) -> Vec<Access> {
    let making = match changed {
        Changed::Replicas { .. } => Vec::new(),
        Changed::Filter { namespace, .. } => filters(namespace, &["create", "patch"]),
    };
    [making, putting_back(changed)].concat()
}

fn putting_back(changed: &Changed) -> Vec<Access> {
    match changed {
        Changed::Replicas { kind, namespace, .. } => {
            let target = Target { api_version: "apps/v1".into(), key: ObjectKey::new(kind, namespace, "") };
            let of = |verb| Access::new(verb, target.group(), target.resource(), namespace);
            vec![of("get"), of("get").subresource("scale"), of("patch").subresource("scale")]
        }
        Changed::Filter { namespace, .. } => filters(namespace, &["get", "delete"]),
    }
}

/// What connects to a pod: a GET that becomes a WebSocket, of which newer API servers ask for create as well (Kubernetes 1.35,
/// `AuthorizePodWebsocketUpgradeCreatePermission`).
fn stream(subresource: &str, namespace: &str) -> Vec<Access> {
    ["get", "create"].map(|verb| Access::new(verb, "", "pods", namespace).subresource(subresource)).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service() -> ServiceName {
        ServiceName { namespace: "sample".into(), name: "a".into() }
    }

    fn said(all: &[Access]) -> Vec<String> {
        all.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn scaling_needs_the_scale_alone() {
        let replicas = Changed::Replicas {
            kind: "Deployment".into(),
            namespace: "sample".into(),
            name: "a-v1".into(),
            uid: "u".into(),
            before: 1,
            generation: 1,
            autoscaler: None,
        };
        let all = said(&changing(&[replicas]));
        assert!(all.contains(&"patch deployments.apps/scale in sample".to_owned()), "{all:?}");
        assert!(!all.iter().any(|access| access == "patch deployments.apps in sample"), "{all:?}");
    }

    #[test]
    fn errors_need_no_right_to_scale() {
        let all = said(&failing(&service(), Fault::UpstreamErrors { percent: 100 }));
        assert!(all.contains(&"create envoyfilters.networking.istio.io in sample".to_owned()), "{all:?}");
        assert!(!all.iter().any(|access| access.contains("scale")), "{all:?}");
        let scaling = said(&failing(&service(), Fault::ScaleToZero));
        assert!(!scaling.iter().any(|access| access.contains("envoyfilters")), "{scaling:?}");
    }

    #[test]
    fn recovering_needs_neither_a_client_nor_a_new_lock() {
        let filter = Changed::Filter { namespace: "sample".into(), name: "f".into() };
        let all = said(&recovering(&service(), "istio-system", &[filter]));
        assert!(all.contains(&"delete envoyfilters.networking.istio.io in sample".to_owned()), "{all:?}");
        assert!(!all.iter().any(|access| access.contains("exec") || access.contains("create leases")), "{all:?}");
        assert!(
            !all.iter().any(|access| access.contains("create envoyfilters") || access.contains("patch envoyfilters")),
            "what makes a fault is not needed to take it away: {all:?}"
        );
    }
}
