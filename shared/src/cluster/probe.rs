//! The pods that prove what one cluster reaches of another, and that are removed again.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{
    Capabilities, Container, LocalObjectReference, Namespace, Pod, PodSecurityContext, PodSpec, ResourceRequirements,
    SeccompProfile, SecurityContext,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use mesh_probe::line;
use mesh_probe::line::{Answer, Request, read_answers};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use zeroize::Zeroizing;

use super::context::Cluster;
use super::exec::{Command, Failure, attempt};
use super::wait::pod_trouble;
use super::watch::{Source, Verdict, until};
use super::write::{Created, create, delete, get};
use crate::model::istio::manifest::to_manifest;
use crate::model::kube::kinds::Target;
use crate::model::kube::managed_by::MANAGED_BY;
use crate::model::kube::pull_secret::PullSecret;
use crate::model::seen::probes::ProbeNamespace;
use crate::plugin::error::{Error, Result};

const NAME: &str = "mesh-probe";
const PREFIX: &str = "mesh-probe-";
/// Marks the namespaces of probes, whichever command created them.
const MARK: &str = "mesh-probe";
/// The mark as a label selector in a query.
pub(crate) const SELECTOR: &str = "mesh-probe%3Dtrue";
/// Annotation of a probe's namespace: for how many seconds from its creation its run may live.
const RUN_SECONDS: &str = "mesh-probe-run-seconds";
/// How long after its deadline a run may take to remove its probes.
const AFTER_DEADLINE: Duration = Duration::from_secs(30);
/// How long a run may live whose probe's namespace does not say it.
const UNSAID_SECONDS: i64 = 1800;
/// A failed pull may be a hiccup of the registry: it counts once it has failed for this long.
const BEARABLE: Duration = Duration::from_secs(10);
/// An exec sometimes drops output; the probe's own count shows it, and the probe is asked again.
const ATTEMPTS: usize = 3;

/// What the probe's pod is made of.
#[derive(Debug, Clone)]
pub struct ProbeImage {
    /// Image reference.
    pub image: String,
    /// The Secret to pull the image with; the probe's namespace gets a copy of it for as long as it exists.
    pub pull_secret: Option<PullSecret>,
}

impl ProbeImage {
    /// Reference of the default image, defined only here. Its tag is the version in Cargo.toml: a release publishes it
    /// once under that, and a plugin that is packaged under another version, as in tests, still finds it.
    pub const DEFAULT: &str = concat!("ghcr.io/kubectl-mesh/mesh-probe:v", env!("CARGO_PKG_VERSION"));
}

/// The namespace of a run's probe.
pub fn namespace(run_id: &str) -> String {
    format!("{PREFIX}{run_id}")
}

/// The id of the run that owns this probe namespace.
pub fn run_id(namespace: &str) -> Option<&str> {
    namespace.strip_prefix(PREFIX)
}

/// Name and UID of a namespace; none if it has none.
pub(crate) fn named(namespace: &Value) -> Option<ProbeNamespace> {
    let text = |key: &str| namespace["metadata"][key].as_str().map(str::to_owned);
    Some(ProbeNamespace { name: text("name")?, uid: text("uid")? })
}

/// Whether a namespace was created for a probe.
pub(crate) fn is_ours(namespace: &Value) -> bool {
    let metadata = &namespace["metadata"];
    metadata["name"].as_str().is_some_and(|name| name.starts_with(PREFIX))
        && metadata["labels"][MARK] == "true"
        && metadata["deletionTimestamp"].is_null()
}

/// Whether the run that owns this probe namespace must be over by now. Both times come from the API server's clock.
pub(crate) fn is_over(namespace: &Value, now: Timestamp) -> bool {
    let metadata = &namespace["metadata"];
    let made: Option<Timestamp> = metadata["creationTimestamp"].as_str().and_then(|text| text.parse().ok());
    let seconds = metadata["annotations"][RUN_SECONDS].as_str().and_then(|text| text.parse().ok());
    let lifetime = SignedDuration::from_secs(seconds.unwrap_or(UNSAID_SECONDS));
    made.is_some_and(|made| now.duration_since(made) > lifetime)
}

/// Namespace and pod of a run's probe, in the order in which they are written; the run ends within `lifetime`, and so does
/// a forgotten pod, by itself. The pod
/// passes Pod Security `restricted`, and runs without a token and outside the mesh: it must see what istiod sees, not
/// what a proxy shows.
fn manifests(run_id: &str, image: &ProbeImage, lifetime: Duration, managed_by: &str) -> [Value; 2] {
    let name = namespace(run_id);
    let seconds = lifetime.as_secs();
    let labels = |more: &[(&str, &str)]| -> BTreeMap<String, String> {
        let own = [(MANAGED_BY, managed_by), (MARK, "true")];
        own.iter().chain(more).map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    };
    let namespace = Namespace {
        metadata: ObjectMeta {
            name: Some(name.clone()),
            annotations: Some(BTreeMap::from([(RUN_SECONDS.into(), seconds.to_string())])),
            labels: Some(labels(&[
                ("istio-injection", "disabled"),
                ("pod-security.kubernetes.io/enforce", "restricted"),
            ])),
            ..ObjectMeta::default()
        },
        ..Namespace::default()
    };
    let pod = Pod {
        metadata: ObjectMeta {
            name: Some(NAME.into()),
            namespace: Some(name),
            labels: Some(labels(&[("sidecar.istio.io/inject", "false")])),
            ..ObjectMeta::default()
        },
        spec: Some(PodSpec {
            containers: vec![container(&image.image, seconds)],
            automount_service_account_token: Some(false),
            enable_service_links: Some(false),
            active_deadline_seconds: Some(i64::try_from(seconds).unwrap_or(i64::MAX)),
            termination_grace_period_seconds: Some(0),
            restart_policy: Some("Never".into()),
            image_pull_secrets: image
                .pull_secret
                .as_ref()
                .map(|secret| vec![LocalObjectReference { name: secret.name.clone() }]),
            // At the pod's level, so that anything added at admission has it too.
            security_context: Some(PodSecurityContext {
                run_as_non_root: Some(true),
                seccomp_profile: Some(SeccompProfile { type_: "RuntimeDefault".into(), ..SeccompProfile::default() }),
                ..PodSecurityContext::default()
            }),
            ..PodSpec::default()
        }),
        ..Pod::default()
    };
    [to_manifest("v1", "Namespace", &namespace), to_manifest("v1", "Pod", &pod)]
}

fn container(image: &str, seconds: u64) -> Container {
    let amounts = |cpu: &str, memory: &str| {
        BTreeMap::from([("cpu".into(), Quantity(cpu.into())), ("memory".into(), Quantity(memory.into()))])
    };
    Container {
        name: NAME.into(),
        image: Some(image.into()),
        image_pull_policy: Some("IfNotPresent".into()),
        args: Some(vec!["wait".into(), "--for".into(), seconds.to_string()]),
        resources: Some(ResourceRequirements {
            requests: Some(amounts("10m", "16Mi")),
            limits: Some(amounts("500m", "64Mi")),
            ..ResourceRequirements::default()
        }),
        security_context: Some(SecurityContext {
            allow_privilege_escalation: Some(false),
            read_only_root_filesystem: Some(true),
            run_as_non_root: Some(true),
            capabilities: Some(Capabilities { drop: Some(vec!["ALL".into()]), ..Capabilities::default() }),
            ..SecurityContext::default()
        }),
        ..Container::default()
    }
}

/// Creates namespace and pod, and waits until the pod runs. Returns the namespace.
///
/// # Errors
/// If either already exists, which is another's then; if the pod may not be created or cannot start (image, Pod Security, quota, no node), with the reason; or the
/// deadline.
pub async fn start(cluster: &Cluster, run_id: &str, image: &ProbeImage, deadline: Instant) -> Result<ProbeNamespace> {
    let lifetime = deadline.saturating_duration_since(Instant::now()) + AFTER_DEADLINE;
    let [namespace_manifest, pod_manifest] = manifests(run_id, image, lifetime, cluster.manager());
    let name = namespace(run_id);
    let taken = |what: &str| {
        Error::failed(format!("{what} of the probe already exists in {}", cluster.context))
            .at(format!("context {}, Namespace {name}", cluster.context))
            .because("this run did not create it")
            .fix("run the same command again: it takes another name")
    };
    let Created::New(made) = create(cluster, &namespace_manifest, cluster.manager()).await? else {
        return Err(taken("the namespace"));
    };
    let made = named(&made).ok_or_else(|| taken("the namespace"))?;
    if let Some(secret) = &image.pull_secret {
        copy_pull_secret(cluster, secret, &name).await?;
    }
    if create_pod(cluster, &pod_manifest, deadline).await? == Created::Exists {
        return Err(taken("the pod"));
    }
    let target = Target::of(&pod_manifest);
    let failed = |why: String| {
        Error::failed(format!("the probe does not start in {}", cluster.context))
            .at(format!("context {}, Pod {name}/{NAME}, image {}", cluster.context, image.image))
            .because(why)
            .fix("name an image that this cluster can pull: --probe-image REFERENCE (and --image-pull-secret NAMESPACE/NAME)")
            .fix("or skip the probe: --no-probe")
    };
    let mut stuck_since: Option<Instant> = None;
    until(
        cluster,
        &[Source::one(&target.collection()?, NAME)],
        deadline,
        |state| {
            let Some(pod) = state[0].get(NAME) else { return Verdict::Wait("the pod does not exist yet".into()) };
            if let Some(ended) = ended(pod) {
                return Verdict::Never(failed(ended));
            }
            if runs(pod) {
                return Verdict::Done(());
            }
            let Some(stuck) = pod_trouble::stuck(pod) else {
                stuck_since = None;
                return Verdict::Wait("the pod has not started yet".into());
            };
            let since = *stuck_since.get_or_insert_with(Instant::now);
            if since.elapsed() >= BEARABLE { Verdict::Never(failed(stuck)) } else { Verdict::Wait(stuck) }
        },
        failed,
    )
    .await?;
    Ok(made)
}

/// Returns the Secret to pull the probe's image with, from a cluster.
///
/// # Errors
/// If it does not exist, and what the API server says.
pub async fn pull_secret_of(cluster: &Cluster, secret: &PullSecret) -> Result<Value> {
    let PullSecret { namespace, name } = secret;
    get(cluster, &Target::new("Secret", namespace, name)?).await?.ok_or_else(|| {
        Error::failed("the Secret to pull the probe's image with does not exist")
            .at(format!("context {}, Secret {namespace}/{name}", cluster.context))
            .fix("create it in every cluster, or leave out --image-pull-secret")
    })
}

/// Copies the Secret to pull the image with, and of its metadata only the name.
async fn copy_pull_secret(cluster: &Cluster, secret: &PullSecret, into: &str) -> Result<()> {
    let standing = pull_secret_of(cluster, secret).await?;
    let copy = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": { "name": secret.name, "namespace": into },
        "type": standing["type"],
        "data": standing["data"],
    });
    create(cluster, &copy, cluster.manager()).await.map(|_| ())
}

/// A namespace's first pod may come before its default account, which the cluster creates by itself a moment later.
async fn create_pod(cluster: &Cluster, manifest: &Value, deadline: Instant) -> Result<Created> {
    loop {
        match create(cluster, manifest, cluster.manager()).await {
            Err(error) if error.why.as_deref().is_some_and(lacks_account) && Instant::now() < deadline => {
                sleep(Duration::from_millis(50)).await;
            }
            result => return result,
        }
    }
}

fn lacks_account(why: &str) -> bool {
    why.contains("error looking up service account")
}

fn runs(pod: &Value) -> bool {
    pod["status"]["containerStatuses"][0]["state"]["running"].is_object()
}

/// How a pod that should still be running ended.
fn ended(pod: &Value) -> Option<String> {
    let phase = pod["status"]["phase"].as_str().unwrap_or_default();
    if phase != "Failed" && phase != "Succeeded" {
        return None;
    }
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let terminated = &pod["status"]["containerStatuses"][0]["state"]["terminated"];
    let words = [&pod["status"]["reason"], &pod["status"]["message"], &terminated["reason"], &terminated["message"]];
    let said: Vec<String> = words.into_iter().map(text).filter(|text| !text.is_empty()).collect();
    Some(format!("the pod has ended: {}", if said.is_empty() { phase.to_owned() } else { said.join(": ") }))
}

/// Has the probe in this namespace try the targets, within the time that is left until the deadline. The request goes by
/// stdin: it may hold a token. In a run with a deadline of its own, a connection that breaks is made again until then.
///
/// # Errors
/// If the probe cannot be asked, has ended, or its output keeps arriving incomplete.
pub async fn reach(
    cluster: &Cluster,
    namespace: &ProbeNamespace,
    targets: &[line::Target],
    deadline: Instant,
) -> Result<Vec<Answer>> {
    let ProbeNamespace { name: namespace, .. } = namespace;
    let command = Command { namespace, pod: NAME, container: NAME, argv: &["/mesh-probe", "reach"] };
    let request = Zeroizing::new(serde_json::to_vec(&Request { targets: targets.to_vec() }).unwrap_or_default());
    let each = deadline.saturating_duration_since(Instant::now());
    let place = || format!("context {}, Pod {namespace}/{NAME}", cluster.context);
    let mut incomplete = 1;
    loop {
        let output = match attempt(cluster, &command, &request, Instant::now() + each).await {
            Ok(output) => output,
            Err(Failure::Command(error)) => return Err(error),
            Err(Failure::Connection(error)) => {
                if !cluster.once_more().await {
                    return Err(error);
                }
                let pod = get(cluster, &Target::new("Pod", namespace, NAME)?).await?;
                if let Some(gone) = pod.map_or_else(|| Some("it no longer exists".to_owned()), |pod| ended(&pod)) {
                    return Err(Error::failed(format!("the probe in {} is gone", cluster.context))
                        .at(place())
                        .because(gone)
                        .fix("run the same command again: it starts another"));
                }
                continue;
            }
        };
        match read_answers(&output) {
            Ok(answers) => return Ok(answers),
            Err(_) if incomplete < ATTEMPTS && Instant::now() < deadline => incomplete += 1,
            Err(error) => {
                return Err(Error::failed(format!("the output of the probe in {} cannot be read", cluster.context))
                    .at(place())
                    .because(error.to_string())
                    .fix("use the probe image of this version: --probe-image IMAGE, or skip the probe: --no-probe"));
            }
        }
    }
}

/// Deletes a run's probe with its namespace, and does not wait for its end. One that is already gone is not an error.
///
/// # Errors
/// If the API server does not answer, another namespace has taken its name, or it is not a probe's.
pub async fn remove(cluster: &Cluster, namespace: &ProbeNamespace) -> Result<()> {
    if !namespace.name.starts_with(PREFIX) {
        return Err(Error::failed(format!("namespace {namespace} is not a probe's")).report());
    }
    delete(cluster, &Target::new("Namespace", "", &namespace.name)?, Some(&namespace.uid)).await.map(|_| ())
}

/// Deletes the probe of a run of which no more is known than its id, if there is one.
///
/// # Errors
/// If the API server does not answer.
pub async fn remove_of(cluster: &Cluster, run_id: &str) -> Result<()> {
    let found = get(cluster, &Target::new("Namespace", "", &namespace(run_id))?).await?;
    match found.filter(is_ours).as_ref().and_then(named) {
        Some(namespace) => remove(cluster, &namespace).await,
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
