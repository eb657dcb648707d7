//! Injection and Deployments.

use std::collections::BTreeMap;
use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout_at};

use super::{Progress, Trouble, late, pod_trouble};
use crate::cluster::api_fault::Fault;
use crate::cluster::context::Cluster;
use crate::cluster::denial::Denial;
use crate::cluster::request::Call;
use crate::cluster::watch::{Source, Verdict, until};
use crate::model::istio::east_west_gateway;
use crate::model::istio::readiness::not_rolled_out;
use crate::model::kube::kinds::Target;
use crate::model::kube::labels;
use crate::plugin::error::{Error, Result};

/// A dry run only costs the webhook's answer, so it is asked often enough not to miss the moment by much.
const ASK_AGAIN: Duration = Duration::from_millis(100);

/// Waits until a create that is not carried out returns a pod that asks for a gateway's injection as injected. Only
/// then may a gateway's Deployment be created: a pod admitted earlier keeps the image `auto` for ever.
///
/// # Errors
/// The deadline, with the last answer; a missing permission or a namespace that ends at once; any other check of the API
/// server that says no for some seconds. As long as Istio's own webhook does not answer, others judge a pod that is not
/// complete.
pub async fn injection(cluster: &Cluster, namespace: &str, revision: Option<&str>, deadline: Instant) -> Result<()> {
    let since = Instant::now();
    let place = format!("namespace {namespace}");
    let target = Target::new("Pod", namespace, "mesh-injection-check")?;
    let path = format!("{}?dryRun=All", target.collection()?);
    let call = Call::new(Method::POST, path).about(&target).with("application/json", &sample(namespace, revision));
    let mut last = String::from("no answer yet");
    let mut trouble = Trouble::default();
    loop {
        match timeout_at(deadline, cluster.send(&call)).await {
            Err(_) => return Err(late(cluster, "injection", &place, since, last)),
            Ok(Ok((_, pod))) if is_injected(&pod) => return Ok(()),
            Ok(Ok(_)) => {
                trouble.lasts(false);
                last = "a pod comes back without a proxy: no injection webhook applies to it yet".into();
            }
            Ok(Err(fault)) => {
                let verdict = verdict(&fault);
                if verdict == Refusal::Final || trouble.lasts(verdict == Refusal::MayPass) {
                    return Err(fault.into_error(cluster, &call));
                }
                last = fault.message;
            }
        }
        if Instant::now() + ASK_AGAIN >= deadline {
            return Err(late(cluster, "injection", &place, since, last));
        }
        sleep(ASK_AGAIN).await;
    }
}

/// What a refused sample pod says about those to come.
#[derive(Debug, PartialEq, Eq)]
enum Refusal {
    /// None can be made.
    Final,
    /// None can be made if this lasts.
    MayPass,
    /// Nothing: the API server or Istio's webhook is not there yet.
    Wait,
}

fn verdict(fault: &Fault) -> Refusal {
    match Denial::of(fault) {
        Some(denial) if !denial.may_pass() => Refusal::Final,
        Some(Denial::Webhook(name) | Denial::WebhookFailed(name)) if name.ends_with("istio.io") => Refusal::Wait,
        Some(_) => Refusal::MayPass,
        None if matches!(fault.code(), Some(400 | 422)) => Refusal::MayPass,
        None => Refusal::Wait,
    }
}

/// A pod like those of a gateway: what a quota or a policy demands of them, it has too.
fn sample(namespace: &str, revision: Option<&str>) -> Value {
    let mut labels = json!({"sidecar.istio.io/inject": "true"});
    if let Some(revision) = revision {
        labels["istio.io/rev"] = json!(revision);
    }
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "mesh-injection-check",
            "namespace": namespace,
            "labels": labels,
            "annotations": {"inject.istio.io/templates": "gateway"},
        },
        "spec": {
            "automountServiceAccountToken": false,
            "securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{
                "name": "istio-proxy",
                "image": "auto",
                "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
                "resources": {"requests": east_west_gateway::requests()},
            }],
        },
    })
}

/// Whether the webhook has replaced the image.
fn is_injected(pod: &Value) -> bool {
    pod["spec"]["containers"][0]["image"].as_str().is_some_and(|image| image != "auto")
}

/// Waits until a Deployment is rolled out at its generation.
///
/// # Errors
/// A pod that cannot start for some seconds, with the reason, or the deadline.
pub async fn deployment_available(
    cluster: &Cluster,
    namespace: &str,
    name: &str,
    deadline: Instant,
    progress: Progress<'_>,
) -> Result<()> {
    let since = Instant::now();
    let target = Target::new("Deployment", namespace, name)?;
    let place = target.key.to_string();
    let sources = [
        Source::one(&target.collection()?, name),
        Source::all(&Target::new("Pod", namespace, "x")?.collection()?).if_allowed(),
        Source::all(&Target::new("ReplicaSet", namespace, "x")?.collection()?).if_allowed(),
    ];
    let mut trouble = Trouble::default();
    until(
        cluster,
        &sources,
        deadline,
        |state| {
            let Some(deployment) = state[0].get(name) else {
                return Verdict::Wait("the Deployment does not exist yet".into());
            };
            let Some(missing) = not_rolled_out(deployment) else { return Verdict::Done(()) };
            let selector = labels::read(&deployment["spec"]["selector"]["matchLabels"]);
            let own = |object: &&Value| is_of(&selector, &object["metadata"]["labels"]);
            let stuck = state[1].values().filter(own).find_map(pod_trouble::stuck);
            let refused = state[2].values().filter(own).find_map(replica_failure);
            let Some(cause) = stuck.or(refused) else {
                trouble.lasts(false);
                trouble.tell(&missing, progress);
                return Verdict::Wait(missing);
            };
            if trouble.lasts(true) {
                return Verdict::Never(
                    Error::failed(format!("{place} in {} does not come up", cluster.context))
                        .at(format!("context {}, {place}", cluster.context))
                        .because(cause)
                        .fix("fix what keeps the pod from starting, then run the same command again"),
                );
            }
            trouble.tell(&cause, progress);
            Verdict::Wait(format!("{missing}; {cause}"))
        },
        |last| late(cluster, &place, &place, since, last),
    )
    .await
}

/// Whether labels are those of a Deployment's pods. One that selects by expressions alone has no labels to select by: then no
/// pod is taken for its own.
fn is_of(selector: &BTreeMap<String, String>, object_labels: &Value) -> bool {
    !selector.is_empty() && labels::selected(&labels::read(object_labels), selector)
}

/// Why a ReplicaSet may not create its pods (quota, Pod Security, a webhook).
fn replica_failure(replica_set: &Value) -> Option<String> {
    let failure = replica_set["status"]["conditions"]
        .as_array()?
        .iter()
        .find(|condition| condition["type"] == "ReplicaFailure")?;
    (failure["status"] == "True")
        .then(|| format!("no pod can be created: {}", failure["message"].as_str().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_labels_to_select_by_no_pod_is_the_deployments_own() {
        let selector = labels::read(&json!({"app": "a"}));
        assert!(is_of(&selector, &json!({"app": "a", "x": "y"})) && !is_of(&selector, &json!({"x": "y"})));
        assert!(!is_of(&BTreeMap::new(), &json!({"app": "a"})));
    }

    #[test]
    fn the_image_tells_whether_the_webhook_was_there() {
        assert!(!is_injected(&sample("istio-system", None)));
        let mut pod = sample("istio-system", Some("canary"));
        pod["spec"]["containers"][0]["image"] = json!("docker.io/lab/proxyv2:1");
        assert!(is_injected(&pod));
        assert_eq!(pod["metadata"]["labels"]["istio.io/rev"], "canary");
    }

    #[test]
    fn the_sample_asks_for_what_a_gateway_asks_for() {
        let requests = &sample("istio-system", None)["spec"]["containers"][0]["resources"]["requests"];
        assert_eq!(*requests, json!({"cpu": "100m", "memory": "128Mi"}));
    }

    #[test]
    fn who_refuses_the_sample_decides_whether_it_is_asked_for_again() {
        let verdict = |code, message: &str| {
            verdict(&Fault::from_answer(code, json!({"message": message}).to_string().as_bytes(), None))
        };
        let permission = "pods is forbidden: User \"bob\" cannot create resource \"pods\"";
        assert_eq!(verdict(403, permission), Refusal::Final);
        assert_eq!(verdict(403, "pods \"a\" is forbidden: exceeded quota: cpu"), Refusal::MayPass);
        let webhook = |name: &str| format!("admission webhook \"{name}\" denied the request: no");
        assert_eq!(verdict(403, &webhook("policy.example")), Refusal::MayPass);
        assert_eq!(verdict(400, &webhook("namespace.sidecar-injector.istio.io")), Refusal::Wait);
        let failed = "Internal error occurred: failed calling webhook \"object.sidecar-injector.istio.io\": EOF";
        assert_eq!(verdict(500, failed), Refusal::Wait);
        assert_eq!(verdict(503, "later"), Refusal::Wait);
    }

    #[test]
    fn a_replica_set_that_may_not_make_pods_says_why() {
        let set = json!({"status": {"conditions": [{"type": "ReplicaFailure", "status": "True", "message": "exceeded quota"}]}});
        assert_eq!(replica_failure(&set).unwrap(), "no pod can be created: exceeded quota");
    }
}
