//! The control plane and the CNI plugin, as the Sail operator brings them up.

use serde_json::Value;
use tokio::time::Instant;

use super::readiness::{Readiness, Seen, judge, judge_cni};
use super::{Progress, Trouble, late, pods};
use crate::cluster::apply::get;
use crate::cluster::context::Cluster;
use crate::cluster::kinds::Target;
use crate::cluster::watch::{Source, State, Verdict, until};
use crate::error::{Error, Result};
use crate::istio::sail::GROUP;

const CNI: &str = "default";
const DAEMON_SET: &str = "istio-cni-node";
/// Where the operator puts what names no namespace of its own.
const DEFAULT_NAMESPACES: (&str, &str) = ("istio-system", "istio-cni");

/// Waits until the control plane that was asked for is the one that runs: Istio, its IstioRevision and istiod's Deployment
/// each at its own generation, reconciled, and healthy with all it depends on. `served` is the version of the Sail API that
/// is served, such as `v1`.
///
/// # Errors
/// At once for a version past its end of life; after some seconds for an error of the operator or a pod that cannot start
/// (with the reason and the pod's events); at the deadline with what was seen last.
pub async fn control_plane(
    cluster: &Cluster,
    istio: &str,
    served: &str,
    deadline: Instant,
    progress: Progress<'_>,
) -> Result<()> {
    let since = Instant::now();
    let api_version = &format!("{GROUP}/{served}");
    let wanted = Target::new("Istio", "", istio)?.at(api_version);
    let namespace = namespace_of(get(cluster, &wanted).await?.as_ref(), DEFAULT_NAMESPACES.0);
    let cni_target = Target::new("IstioCNI", "", CNI)?.at(api_version);
    let cni_namespace = namespace_of(get(cluster, &cni_target).await?.as_ref(), DEFAULT_NAMESPACES.1);
    let sources = [
        Source::one(&wanted.collection()?, istio),
        Source::all(&Target::new("IstioRevision", "", "x")?.at(api_version).collection()?),
        Source::labelled(&Target::new("Deployment", &namespace, "x")?.collection()?, "app", "istiod"),
        Source::labelled(&Target::new("Pod", &namespace, "x")?.collection()?, "app", "istiod"),
        Source::one(&cni_target.collection()?, CNI),
        Source::one(&Target::new("DaemonSet", &cni_namespace, "x")?.collection()?, DAEMON_SET),
        Source::labelled(&Target::new("Pod", &cni_namespace, "x")?.collection()?, "k8s-app", DAEMON_SET),
    ];
    let mut trouble = Trouble::default();
    let mut failing = None;
    let place = format!("Istio {istio}");
    let judged = until(
        cluster,
        &sources,
        deadline,
        |state| {
            let verdict = judge(&seen(state, istio));
            let stuck = first_stuck(state, &[3, 6]);
            failing = stuck.as_ref().map(|(pod, _)| pod.clone());
            decide(cluster, &place, verdict, stuck.map(|(_, words)| words), &mut trouble, progress)
        },
        |last| late(cluster, "the control plane", &place, since, last),
    );
    let outcome = judged.await;
    explained(cluster, outcome, failing).await
}

/// Waits until the IstioCNI `default` is at its generation and its DaemonSet rolled out at its own.
///
/// # Errors
/// As [`control_plane`].
pub async fn cni(cluster: &Cluster, served: &str, deadline: Instant, progress: Progress<'_>) -> Result<()> {
    let since = Instant::now();
    let api_version = &format!("{GROUP}/{served}");
    let target = Target::new("IstioCNI", "", CNI)?.at(api_version);
    let namespace = namespace_of(get(cluster, &target).await?.as_ref(), DEFAULT_NAMESPACES.1);
    let sources = [
        Source::one(&target.collection()?, CNI),
        Source::one(&Target::new("DaemonSet", &namespace, "x")?.collection()?, DAEMON_SET),
        Source::labelled(&Target::new("Pod", &namespace, "x")?.collection()?, "k8s-app", DAEMON_SET),
    ];
    let mut trouble = Trouble::default();
    let mut failing = None;
    let place = "IstioCNI default";
    let judged = until(
        cluster,
        &sources,
        deadline,
        |state| {
            let verdict = judge_cni(only(state, 0), only(state, 1));
            let stuck = first_stuck(state, &[2]);
            failing = stuck.as_ref().map(|(pod, _)| pod.clone());
            decide(cluster, place, verdict, stuck.map(|(_, words)| words), &mut trouble, progress)
        },
        |last| late(cluster, "the CNI plugin", place, since, last),
    );
    let outcome = judged.await;
    explained(cluster, outcome, failing).await
}

fn namespace_of(resource: Option<&Value>, otherwise: &str) -> String {
    resource.and_then(|resource| resource["spec"]["namespace"].as_str()).unwrap_or(otherwise).to_owned()
}

/// The objects of one control plane among all that the watches have seen.
fn seen<'a>(state: &'a State, istio: &str) -> Seen<'a> {
    let istio = state[0].get(istio);
    let active = istio.and_then(|istio| istio["status"]["activeRevisionName"].as_str());
    Seen {
        istio,
        revision: active.and_then(|name| state[1].get(name)),
        deployment: active
            .and_then(|name| state[2].values().find(|found| found["metadata"]["labels"]["istio.io/rev"] == name)),
        cni: only(state, 4),
        daemon_set: only(state, 5),
    }
}

fn only(state: &State, source: usize) -> Option<&Value> {
    state.get(source)?.values().next()
}

/// The first pod that cannot start, as namespace and name, and why.
fn first_stuck(state: &State, sources: &[usize]) -> Option<((String, String), String)> {
    let mut pods = sources.iter().filter_map(|source| state.get(*source)).flat_map(std::collections::BTreeMap::values);
    pods.find_map(|pod| {
        let text = |key: &str| pod["metadata"][key].as_str().unwrap_or_default().to_owned();
        Some(((text("namespace"), text("name")), pods::stuck(pod)?))
    })
}

fn decide(
    cluster: &Cluster,
    place: &str,
    verdict: Readiness,
    stuck: Option<String>,
    trouble: &mut Trouble,
    progress: Progress<'_>,
) -> Verdict<()> {
    let failed = |why: String| {
        Error::failed(format!("the control plane of {} does not come up", cluster.context))
            .at(format!("context {}, {place}", cluster.context))
            .because(why)
    };
    let (words, troubled) = match verdict {
        Readiness::Ready => return Verdict::Done(()),
        Readiness::Fatal(why) => {
            return Verdict::Never(
                failed(why).fix("choose a version that the operator still installs: --istio-version VERSION"),
            );
        }
        Readiness::Troubled(words) => (words, true),
        Readiness::Waiting(words) => (words, false),
    };
    let words = match stuck {
        Some(pod) => {
            let lasting = trouble.lasts(true);
            let both = format!("{words}; {pod}");
            if lasting {
                return Verdict::Never(
                    failed(both).fix("mend what keeps the pod from starting, then run the same command again"),
                );
            }
            both
        }
        None if trouble.lasts(troubled) => {
            return Verdict::Never(failed(words).fix("mend what the operator names, then run the same command again"));
        }
        None => words,
    };
    trouble.tell(&words, progress);
    Verdict::Wait(words)
}

/// The same outcome, with the events of the pod that keeps it from being good.
async fn explained(cluster: &Cluster, outcome: Result<()>, failing: Option<(String, String)>) -> Result<()> {
    let (Err(error), Some((namespace, pod))) = (&outcome, failing) else { return outcome };
    let Some(warning) = pods::last_warning(cluster, &namespace, &pod).await else { return outcome };
    let why = error.why.clone().unwrap_or_default();
    // The kubelet's own words are often in both.
    let told = warning.split_once(": ").map_or(warning.as_str(), |(_, message)| message);
    if why.contains(told) { outcome } else { Err(error.clone().because(format!("{why}; {warning}"))) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;

    #[test]
    fn the_deployment_of_the_active_revision_is_the_one_that_counts() {
        let revisions = json!({"metadata": {"name": "default-v1-31"}});
        let deployment = |rev: &str| json!({"metadata": {"labels": {"istio.io/rev": rev}}});
        let state: State = vec![
            BTreeMap::from([("default".into(), json!({"status": {"activeRevisionName": "default-v1-31"}}))]),
            BTreeMap::from([("default-v1-31".into(), revisions.clone())]),
            BTreeMap::from([
                ("istiod-old".into(), deployment("default-v1-30")),
                ("istiod-new".into(), deployment("default-v1-31")),
            ]),
            BTreeMap::new(),
            BTreeMap::new(),
            BTreeMap::new(),
            BTreeMap::new(),
        ];
        let seen = seen(&state, "default");
        assert_eq!(seen.revision, Some(&revisions));
        assert_eq!(seen.deployment, Some(&deployment("default-v1-31")));
    }
}
