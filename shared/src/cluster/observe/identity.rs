//! Which cluster this is, what it is in its mesh, and what it runs on.

use futures::try_join;
use serde_json::Value;

use super::addresses::cloud;
use super::control_plane::{governing, istiod, istiods};
use crate::cluster::context::Cluster;
use crate::cluster::read::{one, optional};
use crate::cluster::request::Call;
use crate::model::istio::NETWORK_LABEL;
use crate::model::names::{ClusterName, NetworkName};
use crate::model::seen::identity::{Identity, Membership, Platform};
use crate::plugin::error::{Error, Result};

/// What tells one cluster from another.
pub(super) async fn identity(cluster: &Cluster) -> Result<Identity> {
    let namespace = one(cluster, "Namespace", "", "kube-system").await?.unwrap_or_default();
    identity_of(&cluster.context, &namespace)
}

/// The same, from namespace kube-system.
///
/// # Errors
/// A refusal if the answer has no UID.
pub(super) fn identity_of(context: &str, kube_system: &Value) -> Result<Identity> {
    let uid = kube_system["metadata"]["uid"].as_str().filter(|uid| !uid.is_empty());
    let uid = uid.map(str::to_owned).ok_or_else(|| {
        Error::refused(format!("{context} does not say which cluster it is"))
            .at(format!("context {context}, Namespace kube-system"))
            .because("the answer has no metadata.uid: is this the address of a Kubernetes API server?")
            .fix("correct the address of this context's cluster in the kubeconfig")
    })?;
    Ok(Identity { context: context.to_owned(), uid })
}

/// What the cluster runs on.
pub(super) async fn platform(cluster: &Cluster) -> Result<Platform> {
    let (version, groups, nodes) = try_join!(
        cluster.must(Call::get("/version")),
        cluster.must(Call::get("/apis")),
        optional(cluster, "/api/v1/nodes?limit=1".into()),
    )?;
    let operators = if serves_group(&groups, OPENSHIFT_GROUP) {
        cluster.maybe(Call::get(format!("/apis/{OPENSHIFT_GROUP}/v1"))).await?
    } else {
        None
    };
    Ok(Platform {
        kubernetes: version["gitVersion"].as_str().unwrap_or_default().trim_start_matches('v').to_owned(),
        openshift: operators.is_some_and(|list| serves_kind(&list, OPENSHIFT_KIND)),
        cloud: cloud(&nodes),
    })
}

/// By which the Sail operator knows OpenShift (sail-operator pkg/config/platform.go).
const OPENSHIFT_GROUP: &str = "operator.openshift.io";
const OPENSHIFT_KIND: &str = "OpenShiftAPIServer";

/// Whether a group's list of resources has this kind.
fn serves_kind(list: &Value, kind: &str) -> bool {
    list["resources"].as_array().is_some_and(|resources| resources.iter().any(|resource| resource["kind"] == kind))
}

/// Whether the API server's list of groups has this one.
fn serves_group(groups: &Value, name: &str) -> bool {
    groups["groups"].as_array().is_some_and(|groups| groups.iter().any(|group| group["name"] == name))
}

/// The name by which the mesh knows a cluster: its istiod's `CLUSTER_ID`. Asks for nothing else.
///
/// # Errors
/// A refusal if there is no istiod in the namespace, or its name is not a DNS label.
pub async fn name(cluster: &Cluster, system_namespace: &str) -> Result<ClusterName> {
    name_of(&cluster.context, system_namespace, &istiods(cluster, system_namespace).await?)
}

/// What a cluster is in its mesh, by the istiods of a namespace and by the namespace itself.
///
/// # Errors
/// As for [`name`], and if the network is not a DNS label.
pub(super) fn membership(context: &str, namespace: &Value, name: &str, istiods: &[Value]) -> Result<Membership> {
    let network = namespace["metadata"]["labels"][NETWORK_LABEL].as_str();
    Ok(Membership {
        name: name_of(context, name, istiods)?,
        network: network.map(NetworkName::new).transpose()?,
        system_namespace: name.to_owned(),
    })
}

fn name_of(context: &str, namespace: &str, istiods: &[Value]) -> Result<ClusterName> {
    let Some(governing) = governing(istiods) else {
        return Err(Error::refused(format!("{context} has no Istio control plane"))
            .at(format!("context {context}, namespace {namespace}"))
            .because("no Deployment there carries the label app=istiod")
            .fix("name the namespace of istiod: --istio-namespace NAMESPACE")
            .fix("or make the cluster part of a mesh: kubectl mesh-mc join"));
    };
    // istiod's default where no name is set (istio/istio pilot/pkg/features/pilot.go) is not a DNS label.
    let id = istiod(governing).cluster_id.unwrap_or_else(|| "Kubernetes".into());
    ClusterName::new(id.as_str()).map_err(|error| {
        Error::refused(format!("{context} has a name that no mesh of several clusters can use: {id:?}"))
            .at(format!("context {context}, istiod in {namespace}"))
            .because(error.why.unwrap_or_default())
            .fix("give it a name of its own: values.global.multiCluster.clusterName")
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn istiod(name: &str, revision: &str, cluster: &Value) -> Value {
        json!({
            "metadata": {"name": name, "labels": {"istio.io/rev": revision}},
            "spec": {"template": {"spec": {"containers": [{"name": "discovery", "env": [{"name": "CLUSTER_ID", "value": cluster}]}]}}},
        })
    }

    fn of(istiods: &[Value]) -> Result<Membership> {
        let namespace = json!({"metadata": {"labels": {NETWORK_LABEL: "network-east"}}});
        membership("east", &namespace, "istio-system", istiods)
    }

    #[test]
    fn a_cluster_has_the_name_and_network_of_its_control_plane() {
        let seen = of(&[istiod("istiod", "default", &json!("east"))]).unwrap();
        assert_eq!((seen.name.as_str(), seen.network.unwrap().as_str()), ("east", "network-east"));
    }

    #[test]
    fn of_several_istiods_that_of_the_default_revision_governs() {
        let istiods = [istiod("istiod-canary", "canary", &json!("x")), istiod("istiod", "default", &json!("east"))];
        assert_eq!(of(&istiods).unwrap().name.as_str(), "east");
    }

    #[test]
    fn a_cluster_without_a_control_plane_is_refused() {
        let error = of(&[]).unwrap_err();
        assert_eq!(error.what, "east has no Istio control plane");
        assert_eq!(error.exit_code(), 1);
    }

    #[test]
    fn a_control_plane_without_a_name_of_its_own_is_refused() {
        let error = of(&[istiod("istiod", "default", &Value::Null)]).unwrap_err();
        assert_eq!(error.what, "east has a name that no mesh of several clusters can use: \"Kubernetes\"");
    }

    #[test]
    fn an_answer_that_does_not_say_which_cluster_it_is_is_refused() {
        let error = identity_of("east", &json!({"metadata": {"name": "kube-system"}})).unwrap_err();
        assert!(error.what.contains("which cluster it is"));
        assert_eq!(identity_of("east", &json!({"metadata": {"uid": "u-1"}})).unwrap().uid, "u-1");
    }

    #[test]
    fn openshift_is_known_by_what_the_operator_knows_it_by() {
        let groups = json!({"groups": [{"name": "apps"}, {"name": "operator.openshift.io"}]});
        assert!(serves_group(&groups, OPENSHIFT_GROUP));
        assert!(!serves_group(&json!({"groups": [{"name": "config.openshift.io"}]}), OPENSHIFT_GROUP));
        let list = |kind: &str| json!({"resources": [{"kind": "Console"}, {"kind": kind}]});
        assert!(serves_kind(&list("OpenShiftAPIServer"), OPENSHIFT_KIND));
        assert!(!serves_kind(&list("Etcd"), OPENSHIFT_KIND));
    }
}
