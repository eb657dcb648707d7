//! All that a command decides by, read from one cluster: its requests go out at once, and nothing is written.
//!
//! Asking ([`ask`]) and making values of the answers ([`assemble`]) are apart, so that the second is tested on values.

mod addresses;
mod ask;
pub(super) mod control_planes;
mod remote_secrets;
mod sail;
mod trust;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use self::ask::{Answers, ask};
use super::context::Cluster;
use super::probe;
use crate::model::kube::object::ObjectKey;
use crate::model::seen::cluster::{ObservedCluster, ObservedResource};
use crate::plugin::error::{Error, Result};

/// What is looked at.
#[derive(Debug, Clone)]
pub struct Scope {
    /// Namespace of the control plane.
    pub system_namespace: String,
    /// Namespace of the CNI plugin.
    pub cni_namespace: String,
    /// Name of the east-west gateway's Deployment and Service.
    pub gateway_name: String,
    /// Objects whose live state is wanted; Sail kinds are read at the version that is served.
    pub wanted: Vec<ObjectKey>,
}

impl Default for Scope {
    fn default() -> Self {
        Self {
            system_namespace: "istio-system".into(),
            cni_namespace: "istio-cni".into(),
            gateway_name: crate::model::istio::gateway::NAME.into(),
            wanted: Vec::new(),
        }
    }
}

/// Everything about one cluster, by reads alone.
///
/// # Errors
/// Where the API server cannot be reached or does not let us read what has to be known.
pub async fn observe(cluster: &Cluster, scope: &Scope) -> Result<ObservedCluster> {
    assemble(cluster, scope, &Box::pin(ask(cluster, scope)).await?, Timestamp::now())
}

fn assemble(cluster: &Cluster, scope: &Scope, answers: &Answers, now: Timestamp) -> Result<ObservedCluster> {
    let namespace = &scope.system_namespace;
    let uid = uid(&cluster.context, &answers.kube_system)?;
    let secret = |name: &str| answers.secrets.iter().find(|secret| secret["metadata"]["name"] == name);
    let istiods: Vec<_> = answers.istiods.iter().map(control_planes::istiod).collect();
    let governed = istiods.iter().any(|istiod| &istiod.namespace == namespace);
    let cacerts = secret(crate::model::istio::cacerts::NAME);
    let reader_account = remote_secrets::reader_account(&answers.service_accounts);
    let is_over = |namespace: &Value| answers.time.is_some_and(|time| probe::is_over(namespace, time));
    let (leftovers, others): (Vec<Value>, Vec<Value>) = answers.probes.iter().cloned().partition(is_over);
    Ok(ObservedCluster {
        context: cluster.context.clone(),
        uid,
        kubernetes: answers.version["gitVersion"].as_str().unwrap_or_default().trim_start_matches('v').to_owned(),
        openshift: sail::serves_group(&answers.groups, "config.openshift.io"),
        cloud: addresses::cloud(&answers.nodes),
        sail: answers.sail.as_ref().map(|version| sail::api(version, answers.crd.as_ref())),
        istios: answers.istios.iter().map(resource).collect(),
        cni: answers.cni.as_ref().map(resource),
        trust: trust::root(
            cacerts,
            secret(trust::OWN_CA).filter(|_| governed),
            answers.published_root.as_ref().filter(|_| governed),
            now,
        ),
        has_cacerts: cacerts.is_some(),
        remote_secrets: answers.secrets.iter().filter_map(remote_secrets::remote_secret).collect(),
        api_addresses: addresses::api(
            &cluster.server,
            cluster.server_ca_pem.as_deref(),
            &answers.endpoints,
            answers.kube_root.as_ref(),
        ),
        authorities: addresses::authorities(cluster.server_ca_pem.as_deref(), answers.kube_root.as_ref()),
        reader_token: reader_account
            .as_deref()
            .and_then(|account| secret(&crate::model::istio::remote_secret::reader_token_name(account)))
            .is_some_and(remote_secrets::is_filled),
        reader_account,
        leftover_probes: names(&leftovers),
        other_probes: names(&others),
        stale_workloads: control_planes::stale_workloads(&answers.injected, cacerts, &answers.istiods, namespace),
        objects: objects(scope, answers),
        istiods,
    })
}

/// What tells one cluster from another: the UID of its namespace kube-system.
///
/// # Errors
/// A refusal where the answer has none.
pub(super) fn uid(context: &str, kube_system: &Value) -> Result<String> {
    let uid = kube_system["metadata"]["uid"].as_str().filter(|uid| !uid.is_empty());
    uid.map(str::to_owned).ok_or_else(|| {
        Error::refused(format!("{context} does not say which cluster it is"))
            .at(format!("context {context}, Namespace kube-system"))
            .because("the answer has no metadata.uid: is this address an API server of Kubernetes?")
            .fix("correct the address of this context's cluster in the kubeconfig")
    })
}

/// The wanted objects that stand. What a Secret holds is replaced by its digest: this value is shown, logged and kept.
fn objects(scope: &Scope, answers: &Answers) -> BTreeMap<ObjectKey, Value> {
    let listed = [&answers.istios, &answers.secrets, &answers.service_accounts, &answers.others].into_iter().flatten();
    let single = [&answers.cni, &answers.gateway_service, &answers.gateway_deployment].into_iter().flatten();
    listed
        .chain(single)
        .map(|object| (ObjectKey::of(object), object))
        .filter(|(key, _)| scope.wanted.contains(key))
        .map(|(key, object)| (key, without_secrets(object.clone())))
        .collect()
}

/// The same Secret with a digest in place of each value, and without the annotation in which client-side apply keeps them.
fn without_secrets(mut object: Value) -> Value {
    if object["kind"] != "Secret" {
        return object;
    }
    if let Some(data) = object.get_mut("data").and_then(Value::as_object_mut) {
        for value in data.values_mut() {
            let digest = crate::model::pki::chain::Fingerprint::of(value.as_str().unwrap_or_default().as_bytes());
            *value = format!("sha256:{}", digest.full()).into();
        }
    }
    if let Some(annotations) = object["metadata"].get_mut("annotations").and_then(Value::as_object_mut) {
        annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
    }
    object
}

fn resource(object: &Value) -> ObservedResource {
    ObservedResource {
        name: object["metadata"]["name"].as_str().unwrap_or_default().to_owned(),
        object: object.clone(),
    }
}

fn names(objects: &[Value]) -> Vec<String> {
    objects.iter().filter_map(|object| object["metadata"]["name"].as_str().map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_secret_holds_is_never_observed() {
        let secret = json!({
            "kind": "Secret", "data": {"ca-key.pem": "c2VjcmV0"},
            "metadata": {"name": "cacerts", "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "c2VjcmV0", "a": "b"}},
        });
        let text = without_secrets(secret).to_string();
        assert!(!text.contains("c2VjcmV0") && text.contains("\"ca-key.pem\":\"sha256:"), "{text}");
        assert!(text.contains("\"a\":\"b\""));
    }

    #[test]
    fn what_is_no_secret_stays_as_it_is() {
        let object = json!({"kind": "ConfigMap", "data": {"a": "b"}, "metadata": {"name": "x"}});
        assert_eq!(without_secrets(object.clone()), object);
    }
}
