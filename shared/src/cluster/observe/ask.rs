//! The requests of an observation, all at once: two round trips where the Sail operator is there, one where it is not.

use futures::future::try_join_all;
use futures::try_join;
use jiff::Timestamp;
use serde_json::Value;

use super::{Scope, sail};
use crate::cluster::context::Cluster;
use crate::cluster::list::{list, metadata, one, optional};
use crate::cluster::probe;
use crate::cluster::request::Call;
use crate::model::kube::object::ObjectKey;
use crate::plugin::error::Result;

/// What the API server said, item by item.
pub(super) struct Answers {
    pub(super) version: Value,
    pub(super) kube_system: Value,
    pub(super) groups: Value,
    /// `v1` or `v1alpha1`, where the operator's Istio is served.
    pub(super) sail: Option<String>,
    pub(super) crd: Option<Value>,
    pub(super) istios: Vec<Value>,
    pub(super) cni: Option<Value>,
    pub(super) istiods: Vec<Value>,
    /// Of the control plane's namespace, Helm's own excepted.
    pub(super) secrets: Vec<Value>,
    pub(super) service_accounts: Vec<Value>,
    pub(super) published_root: Option<Value>,
    pub(super) endpoints: Vec<Value>,
    pub(super) kube_root: Option<Value>,
    pub(super) nodes: Vec<Value>,
    pub(super) gateway_service: Option<Value>,
    pub(super) gateway_deployment: Option<Value>,
    pub(super) probes: Vec<Value>,
    /// The API server's clock, where there is a probe to be judged by it.
    pub(super) time: Option<Timestamp>,
    /// Metadata of injected pods.
    pub(super) injected: Vec<Value>,
    /// Wanted objects that nothing else has read.
    pub(super) others: Vec<Value>,
}

pub(super) async fn ask(cluster: &Cluster, scope: &Scope) -> Result<Answers> {
    let namespace = &scope.system_namespace;
    let core = format!("/api/v1/namespaces/{namespace}");
    let server = async {
        try_join!(
            cluster.must(Call::get("/version")),
            one(cluster, "Namespace", "", "kube-system"),
            cluster.must(Call::get("/apis")),
            optional(cluster, "/api/v1/nodes?limit=1".into()),
        )
    };
    let operator = async {
        let (v1, v1alpha1) = try_join!(
            cluster.maybe(Call::get("/apis/sailoperator.io/v1")),
            cluster.maybe(Call::get("/apis/sailoperator.io/v1alpha1")),
        )?;
        let Some(version) = sail::served(v1.as_ref(), v1alpha1.as_ref()) else {
            return Ok((None, None, Vec::new(), None));
        };
        let api = format!("sailoperator.io/{version}");
        let (crd, istios, cni) = try_join!(
            cluster.if_allowed(Call::get(
                "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/istios.sailoperator.io"
            )),
            list(cluster, format!("/apis/{api}/istios"), &api, "Istio"),
            cluster.maybe(Call::get(format!("/apis/{api}/istiocnis/default"))),
        )?;
        Ok((Some(version), crd, istios, cni))
    };
    let control_plane = async {
        try_join!(
            list(cluster, "/apis/apps/v1/deployments?labelSelector=app%3Distiod".into(), "apps/v1", "Deployment"),
            // Helm's own Secrets are large and hold nothing that is wanted here.
            list(cluster, format!("{core}/secrets?fieldSelector=type%21%3Dhelm.sh%2Frelease.v1"), "v1", "Secret"),
            list(cluster, format!("{core}/serviceaccounts"), "v1", "ServiceAccount"),
            one(cluster, "ConfigMap", namespace, "istio-ca-root-cert"),
            one(cluster, "Service", namespace, &scope.gateway_name),
            one(cluster, "Deployment", namespace, &scope.gateway_name),
        )
    };
    let addresses = async {
        try_join!(
            optional(
                cluster,
                "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices?labelSelector=kubernetes.io%2Fservice-name%3Dkubernetes"
                    .into()
            ),
            cluster.if_allowed(Call::get("/api/v1/namespaces/default/configmaps/kube-root-ca.crt")),
        )
    };
    let probes = async {
        let mut found = metadata(cluster, format!("/api/v1/namespaces?labelSelector={}", probe::SELECTOR)).await?;
        found.retain(probe::is_ours);
        let time = if found.is_empty() { None } else { cluster.time().await };
        Ok((found, time))
    };
    let injected = metadata(cluster, "/api/v1/pods?labelSelector=security.istio.io%2FtlsMode&limit=500".into());
    let others = try_join_all(
        scope
            .wanted
            .iter()
            .filter(|key| !is_read_anyway(key, scope))
            .map(|key| async move { one(cluster, &key.kind, &key.namespace, &key.name).await }),
    );

    let (
        (version, identity, groups, nodes),
        (sail, crd, istios, cni),
        (deployments, secrets, service_accounts, published_root, gateway_service, gateway_deployment),
        (endpoints, kube_root),
        (probes, time),
        injected,
        others,
    ) = try_join!(server, operator, control_plane, addresses, probes, injected, others)?;
    Ok(Answers {
        version,
        kube_system: identity.unwrap_or_default(),
        groups,
        sail,
        crd,
        istios,
        cni,
        istiods: deployments,
        secrets,
        service_accounts,
        published_root,
        endpoints,
        kube_root,
        nodes,
        gateway_service,
        gateway_deployment,
        probes,
        time,
        injected,
        others: others.into_iter().flatten().collect(),
    })
}

/// Whether another request of the observation brings this object as well.
fn is_read_anyway(key: &ObjectKey, scope: &Scope) -> bool {
    let in_system = key.namespace == scope.system_namespace;
    match key.kind.as_str() {
        "Istio" => true,
        "IstioCNI" => key.name == "default",
        "Secret" | "ServiceAccount" => in_system,
        "Service" | "Deployment" => in_system && key.name == scope.gateway_name,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_object_is_asked_for_twice() {
        let scope = Scope::default();
        let asked =
            |kind: &str, namespace: &str, name: &str| !is_read_anyway(&ObjectKey::new(kind, namespace, name), &scope);
        assert!(!asked("Secret", "istio-system", "cacerts"));
        assert!(!asked("Deployment", "istio-system", "istio-eastwestgateway"));
        assert!(!asked("IstioCNI", "", "default"));
        assert!(asked("Namespace", "", "istio-system"));
        assert!(asked("Secret", "sample", "x"));
    }
}
