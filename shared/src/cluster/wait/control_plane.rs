//! The control plane and the CNI plugin, as the Sail operator brings them up.

use serde_json::Value;
use tokio::time::Instant;

use super::{Progress, Trouble, late, pod_trouble};
use crate::cluster::context::Cluster;
use crate::cluster::watch::{Source, State, Verdict, until};
use crate::cluster::write::get;
use crate::model::istio::readiness;
use crate::model::istio::readiness::{Readiness, Seen, judge, judge_cni};
use crate::model::istio::sail::{DAEMON_SET, GROUP};
use crate::model::kube::kinds::Target;
use crate::plugin::error::{Draft, Error, Result};

const CNI: &str = "default";

/// Where the operator puts resources that name no namespace.
const DEFAULT_NAMESPACES: (&str, &str) = ("istio-system", "istio-cni");

/// Waits until the requested control plane is the one that runs: Istio, its IstioRevision and istiod's Deployment each
/// at its own generation, reconciled, and healthy with everything that it depends on. `served` is the served version of
/// the Sail API, such as `v1`.
///
/// # Errors
/// At once for a version past its end of life; after some seconds for an error of the operator or a pod that cannot
/// start (with the reason and the pod's events); at the deadline with what was seen last.
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
        Source::labelled(&Target::new("Pod", &namespace, "x")?.collection()?, "app", "istiod").if_allowed(),
        Source::one(&cni_target.collection()?, CNI),
        Source::one(&Target::new("DaemonSet", &cni_namespace, "x")?.collection()?, DAEMON_SET),
        Source::labelled(&Target::new("Pod", &cni_namespace, "x")?.collection()?, "k8s-app", DAEMON_SET).if_allowed(),
    ];
    let mut case = Case::new(cluster, format!("Istio {istio}"), progress);
    let outcome = until(
        cluster,
        &sources,
        deadline,
        |state| {
            let seen = seen(state, istio);
            case.decide(&judge(&seen), seen.istio, &state[3].values().chain(state[6].values()).collect::<Vec<_>>())
        },
        |last| late(cluster, "the control plane", &format!("Istio {istio}"), since, last),
    )
    .await;
    case.explained(outcome).await
}

/// Waits until the IstioCNI `default` is at its generation and its DaemonSet rolled out at its own.
///
/// # Errors
/// As for [`control_plane`].
pub async fn cni(cluster: &Cluster, served: &str, deadline: Instant, progress: Progress<'_>) -> Result<()> {
    let since = Instant::now();
    let api_version = &format!("{GROUP}/{served}");
    let target = Target::new("IstioCNI", "", CNI)?.at(api_version);
    let namespace = namespace_of(get(cluster, &target).await?.as_ref(), DEFAULT_NAMESPACES.1);
    let sources = [
        Source::one(&target.collection()?, CNI),
        Source::one(&Target::new("DaemonSet", &namespace, "x")?.collection()?, DAEMON_SET),
        Source::labelled(&Target::new("Pod", &namespace, "x")?.collection()?, "k8s-app", DAEMON_SET).if_allowed(),
    ];
    let mut case = Case::new(cluster, "IstioCNI default".into(), progress);
    let outcome = until(
        cluster,
        &sources,
        deadline,
        |state| {
            let cni = only(state, 0);
            case.decide(&judge_cni(cni, only(state, 1)), cni, &state[2].values().collect::<Vec<_>>())
        },
        |last| late(cluster, "the CNI plugin", "IstioCNI default", since, last),
    )
    .await;
    case.explained(outcome).await
}

fn namespace_of(resource: Option<&Value>, otherwise: &str) -> String {
    resource.and_then(|resource| resource["spec"]["namespace"].as_str()).unwrap_or(otherwise).to_owned()
}

/// The objects of one control plane among everything that the watches have seen.
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

/// Judges one verdict after the other.
struct Case<'a> {
    cluster: &'a Cluster,
    place: String,
    progress: Progress<'a>,
    trouble: Trouble,
    /// Namespace and name of the pod that everything seems to wait for.
    suspect: Option<(String, String)>,
}

impl<'a> Case<'a> {
    fn new(cluster: &'a Cluster, place: String, progress: Progress<'a>) -> Self {
        Self { cluster, place, progress, trouble: Trouble::default(), suspect: None }
    }

    /// Trouble, the operator's or a pod's, ends the wait if it lasts; the operator's condition is reported with it,
    /// since its status never names an image that cannot be pulled, nor a pod.
    fn decide(&mut self, verdict: &Readiness, resource: Option<&Value>, pods: &[&Value]) -> Verdict<()> {
        let name = |pod: &Value| {
            let text = |key: &str| pod["metadata"][key].as_str().unwrap_or_default().to_owned();
            (text("namespace"), text("name"))
        };
        let stuck = pods.iter().find_map(|pod| Some((name(pod), pod_trouble::stuck(pod)?)));
        let waited_for = || pods.iter().find(|pod| !pod_trouble::is_ready(pod)).map(|pod| name(pod));
        self.suspect = stuck.as_ref().map(|(name, _)| name.clone()).or_else(waited_for);
        let (words, troubled) = match verdict {
            Readiness::Ready => return Verdict::Done(()),
            Readiness::Fatal(why) => {
                let fix = "choose a version that the operator still installs: --istio-version VERSION";
                return Verdict::Never(self.failed(why.clone()).fix(fix));
            }
            Readiness::Troubled(words) => (words.clone(), true),
            Readiness::Waiting(words) => (words.clone(), false),
        };
        let words = stuck.as_ref().map_or(words.clone(), |(_, pod)| format!("{words}; {pod}"));
        if !self.trouble.lasts(troubled || stuck.is_some()) {
            self.trouble.tell(&words, self.progress);
            return Verdict::Wait(words);
        }
        let fix =
            if stuck.is_some() { "fix what keeps the pod from starting" } else { "fix what the operator reports" };
        let said = resource.and_then(readiness::not_ready).filter(|said| !words.contains(said.as_str()));
        let why = said.map_or(words.clone(), |said| format!("{said}; {words}"));
        Verdict::Never(self.failed(why).fix(format!("{fix}, then run the same command again")))
    }

    fn failed(&self, why: String) -> Draft {
        Error::failed(format!("the control plane of {} does not come up", self.cluster.context))
            .at(format!("context {}, {}", self.cluster.context, self.place))
            .because(why)
    }

    /// The same outcome, with the events of the pod that keeps it from being good.
    async fn explained(self, outcome: Result<()>) -> Result<()> {
        let (Err(error), Some((namespace, pod))) = (&outcome, self.suspect) else { return outcome };
        let Some(warning) = pod_trouble::last_warning(self.cluster, &namespace, &pod).await else { return outcome };
        let why = error.why.clone().unwrap_or_default();
        // The kubelet's own words are often in both.
        let told = warning.split_once(": ").map_or(warning.as_str(), |(_, message)| message);
        if why.contains(told) { outcome } else { Err(error.clone().because(format!("{why}; pod {pod}: {warning}"))) }
    }
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
