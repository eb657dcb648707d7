//! What a revision depends on, and who depends on it.
//!
//! Rules: sail-operator pkg/revision/{dependency,references}.go.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::{
    Api, ResourceExt as _,
    api::{DynamicObject, ListParams},
};
use serde_json::Value;

use crate::{
    fault::Fault,
    operator::Operator,
    sail::{self, Kind, Sail},
    status::{self, Condition, Status},
    values::DEFAULT_REVISION,
};

/// The condition DependenciesHealthy of a revision with these values.
pub(crate) async fn healthy(sail: &Sail, values: &Value) -> Result<Condition, Fault> {
    if depends_on_cni(values) {
        let cni = sail.api(Kind::IstioCni).get_opt("default").await?;
        let state = cni.map(|cni| Status::of(&cni).state.unwrap_or_default());
        return Ok(status::dependency(Kind::IstioCni, state.as_deref()));
    }
    Ok(Condition::holds("DependenciesHealthy"))
}

/// On OpenShift the CNI is needed unless the values say no, elsewhere only where they say yes.
fn depends_on_cni(values: &Value) -> bool {
    let enabled = values.pointer("/pilot/cni/enabled").and_then(Value::as_bool);
    let is_openshift = values.pointer("/global/platform").and_then(Value::as_str) == Some("openshift");
    enabled.unwrap_or(is_openshift)
}

/// Whether a namespace, a pod or a tag refers to the revision. Unlike the real operator this one counts pods that
/// have succeeded too.
pub(crate) async fn is_revision_referenced(operator: &Operator, revision: &DynamicObject) -> Result<bool, Fault> {
    let name = revision.name_any();
    if operator.sail.served == sail::Served::V1 {
        let tags = operator.sail.list(Kind::IstioRevisionTag).await?;
        if tags.iter().any(|tag| Status::of(tag).istio_revision.as_deref() == Some(&*name)) {
            return Ok(true);
        }
    }
    let by_default = revision.data.pointer("/spec/values/sidecarInjectorWebhook/enableNamespacesByDefault");
    if name == DEFAULT_REVISION && by_default.and_then(Value::as_bool) == Some(true) {
        return Ok(true);
    }
    let world = Workloads::list(operator).await?;
    Ok(world.any(|namespace, pod| match pod {
        None => wanted_by_namespace(namespace) == Some(&*name),
        Some(pod) => {
            pod.annotations.get(REVISION) == Some(&name)
                || wanted_by_namespace(namespace).is_none() && wanted_by_pod(pod.labels) == Some(&*name)
        }
    }))
}

/// Whether a namespace or a pod refers to the tag.
pub(crate) async fn is_tag_referenced(operator: &Operator, tag: &str) -> Result<bool, Fault> {
    let world = Workloads::list(operator).await?;
    Ok(world.any(|namespace, pod| match pod {
        None => wanted_by_namespace(namespace) == Some(tag),
        Some(pod) => wanted_by_namespace(namespace).is_none() && wanted_by_pod(pod.labels) == Some(tag),
    }))
}

pub(crate) const REVISION: &str = "istio.io/rev";

type Labels = BTreeMap<String, String>;

fn wanted_by_namespace(labels: &Labels) -> Option<&str> {
    match labels.get("istio-injection").map(String::as_str) {
        Some("enabled") => Some(DEFAULT_REVISION),
        _ => labels.get(REVISION).map(String::as_str).filter(|revision| !revision.is_empty()),
    }
}

fn wanted_by_pod(labels: &Labels) -> Option<&str> {
    let inject = labels.get("sidecar.istio.io/inject").map(String::as_str);
    if inject == Some("false") {
        return None;
    }
    let revision = labels.get(REVISION).map(String::as_str).filter(|revision| !revision.is_empty());
    revision.or_else(|| (inject == Some("true")).then_some(DEFAULT_REVISION))
}

struct PodMarks<'a> {
    labels: &'a Labels,
    annotations: &'a Labels,
}

/// All namespaces with their pods, by their labels alone.
struct Workloads {
    namespaces: BTreeMap<String, Labels>,
    pods: Vec<(String, Labels, Labels)>,
}

impl Workloads {
    async fn list(operator: &Operator) -> Result<Self, Fault> {
        let everything = ListParams::default();
        let namespaces = Api::<Namespace>::all(operator.client.clone()).list_metadata(&everything).await?;
        let pods = Api::<Pod>::all(operator.client.clone()).list_metadata(&everything).await?;
        Ok(Self {
            namespaces: namespaces.items.iter().map(|ns| (ns.name_any(), ns.labels().clone())).collect(),
            pods: pods
                .items
                .iter()
                .map(|pod| (pod.namespace().unwrap_or_default(), pod.labels().clone(), pod.annotations().clone()))
                .collect(),
        })
    }

    fn any(&self, refers: impl Fn(&Labels, Option<&PodMarks<'_>>) -> bool) -> bool {
        self.namespaces.values().any(|namespace| refers(namespace, None))
            || self.pods.iter().any(|(namespace, labels, annotations)| {
                self.namespaces
                    .get(namespace)
                    .is_some_and(|namespace| refers(namespace, Some(&PodMarks { labels, annotations })))
            })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn labels<const N: usize>(pairs: [(&str, &str); N]) -> Labels {
        pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
    }

    #[test]
    fn elsewhere_than_on_openshift_the_cni_is_needed_only_where_values_say_so() {
        assert!(!depends_on_cni(&json!({})));
        assert!(depends_on_cni(&json!({ "pilot": { "cni": { "enabled": true } } })));
        let openshift = json!({ "global": { "platform": "openshift" } });
        assert!(depends_on_cni(&openshift));
        let without = json!({ "global": { "platform": "openshift" }, "pilot": { "cni": { "enabled": false } } });
        assert!(!depends_on_cni(&without));
    }

    #[test]
    fn injection_by_label_means_the_default_revision() {
        assert_eq!(wanted_by_namespace(&labels([("istio-injection", "enabled")])), Some("default"));
        assert_eq!(wanted_by_namespace(&labels([("istio.io/rev", "canary")])), Some("canary"));
        assert_eq!(wanted_by_namespace(&labels([("istio-injection", "disabled")])), None);
        assert_eq!(wanted_by_pod(&labels([("sidecar.istio.io/inject", "true")])), Some("default"));
    }

    #[test]
    fn a_pod_that_refuses_injection_refers_to_nothing() {
        let pod = labels([("sidecar.istio.io/inject", "false"), ("istio.io/rev", "default")]);
        assert_eq!(wanted_by_pod(&pod), None);
    }
}
