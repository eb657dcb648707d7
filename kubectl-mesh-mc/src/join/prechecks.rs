//! What is checked in the clusters before the plan is shown: that they accept the user's values and everything else that
//! would be written, that the user has every permission, and that the pull Secret exists.

use std::collections::BTreeMap;

use futures::future::join_all;
use mesh_shared::cluster::access_review::{Needed, lacking};
use mesh_shared::cluster::context::Cluster;
use mesh_shared::cluster::dry_run::{Tried, dry_run, stand_in};
use mesh_shared::cluster::probe::pull_secret_of;
use mesh_shared::cluster::write::create_strict_dry_run;
use mesh_shared::model::istio::{cacerts, remote_secret};
use mesh_shared::model::kube::object_key::ObjectKey;
use mesh_shared::model::kube::pull_secret::PullSecret;
use mesh_shared::model::kube::rbac::RoleFile;
use mesh_shared::model::kube::write::Write;
use mesh_shared::model::seen::observed_cluster::ObservedCluster;
use mesh_shared::plugin::error::{Error, Kind, Result};
use mesh_shared::plugin::finding::codes::{admission, control_plane, probe};
use mesh_shared::plugin::finding::{Code, Finding, Findings};

use crate::join::members::Member;
use crate::join::permissions;
use crate::join::plan::JoinPlan;
use crate::join::request::JoinRequest;
use crate::plugin_identity::MANAGER;
use crate::work::tasks::{Action, Task};

/// What is asked of the API servers as dry runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tries {
    /// The control planes, for the user's values alone.
    ControlPlanes,
    /// Everything that the plan writes.
    All,
}

/// Everything in the clusters that speaks against a plan.
///
/// # Errors
/// If an API server does not say what the user may do.
pub(super) async fn findings(
    plan: &JoinPlan,
    clusters: &[Cluster],
    observed: &[ObservedCluster],
    request: &JoinRequest,
    pull_secret: Option<&PullSecret>,
    tries: Tries,
) -> Result<Findings> {
    let dry_runs = strict_dry_run(plan, clusters);
    let others = async {
        match tries {
            Tries::ControlPlanes => Trials::default(),
            Tries::All => try_all(plan, clusters, observed, request).await,
        }
    };
    let allowed = missing_permissions(plan, clusters, observed, request, pull_secret);
    let missing = async {
        match pull_secret {
            Some(secret) => missing_pull_secrets(plan, clusters, secret).await,
            None => Vec::new(),
        }
    };
    let (dry_runs, others, lacking, missing) = futures::join!(dry_runs, others, allowed, missing);
    let lacking = lacking?;
    // Missing permissions are reported all at once, and none twice.
    let is_told = lacking.is_some();
    let is_new = |error: &Error| !is_told || error.kind != Kind::Forbidden;
    let dry_runs = dry_runs.into_iter().filter(is_new);
    let missing = missing.into_iter().filter(is_new);
    let denied = others.denied.into_iter().filter(is_new);
    Ok(lacking
        .into_iter()
        .chain(dry_runs.map(|error| finding(&control_plane::DRY_RUN_FAILED, permissions::JOIN, error)))
        .chain(denied.map(|error| finding(&admission::INVALID, permissions::JOIN, error)))
        .chain(missing.map(|error| finding(&probe::PULL_SECRET_MISSING, permissions::PULL_SECRET, error)))
        .chain(not_tried(&others.not_tried))
        .collect())
}

/// An API server's error as a finding with this code; if it says forbidden, with the file that grants the permission.
fn finding(code: &'static Code, file: RoleFile, error: Error) -> Finding {
    let error = file.explain(error);
    error.code.unwrap_or(code).of_error(error)
}

/// Sends every Istio and IstioCNI that the plan would write as a strict create in a dry run, and returns the errors.
/// Server-side apply would answer a wrong value with an internal error only.
async fn strict_dry_run(plan: &JoinPlan, clusters: &[Cluster]) -> Vec<Error> {
    let checks = plan.members.iter().zip(clusters).flat_map(|(member, cluster)| {
        let plane = plan.control_planes.get(&member.name);
        let manifests = plane.into_iter().flat_map(|plane| [&plane.istio, &plane.cni]).flatten();
        manifests.map(move |manifest| create_strict_dry_run(cluster, manifest, MANAGER))
    });
    join_all(checks).await.into_iter().filter_map(Result::err).collect()
}

/// What dry runs of a plan's writes have shown.
#[derive(Default)]
struct Trials {
    denied: Vec<Error>,
    /// Why an object could not be tried, and the cluster and the object.
    not_tried: Vec<(String, String)>,
}

/// Tries every write of the plan but the control planes, which a strict create tries, in the namespaces that exist.
async fn try_all(plan: &JoinPlan, clusters: &[Cluster], observed: &[ObservedCluster], request: &JoinRequest) -> Trials {
    let members = plan.members.iter().zip(clusters).zip(observed);
    let checks = members.flat_map(|((member, cluster), seen)| {
        let steps = plan.steps.iter().filter(|(_, step)| step.cluster.as_ref() == Some(&member.name));
        let writes = steps.filter_map(|(_, step)| tried_as(&step.action, &request.system_namespace));
        writes.map(move |write| async move {
            let object = write.object();
            let namespace = ObjectKey::new("Namespace", "", &object.namespace);
            let tried = if object.namespace.is_empty() || seen.objects.contains_key(&namespace) {
                dry_run(cluster, &write, MANAGER).await
            } else {
                Ok(Tried::NotTried(format!("namespace {} does not exist yet", object.namespace)))
            };
            (format!("{object} in {}", member.name), tried)
        })
    });
    let mut trials = Trials::default();
    for (object, tried) in join_all(checks).await {
        match tried {
            Ok(Tried::Accepted) => {}
            Ok(Tried::NotTried(why)) => trials.not_tried.push((why, object)),
            Err(error) => trials.denied.push(error),
        }
    }
    trials
}

/// The write by which an action is tried; none if it writes nothing, or what another check tries.
fn tried_as(action: &Action, system: &str) -> Option<Write> {
    let secret = |name: &str| Some(Write::Create { manifest: stand_in(system, name) });
    match action {
        Action::Write(write) if matches!(write.object().kind.as_str(), "Istio" | "IstioCNI") => None,
        Action::Write(write) => Some(write.clone()),
        Action::Task(Task::CreateCacerts { .. }) => secret(cacerts::NAME),
        Action::Task(Task::WriteRemoteSecret { peer, .. }) => secret(&remote_secret::secret_name(peer)),
        Action::Wait(_) | Action::Task(_) => None,
    }
}

/// A note for each reason why something could not be tried.
fn not_tried(all: &[(String, String)]) -> Vec<Finding> {
    let mut reasons: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (why, object) in all {
        reasons.entry(why).or_default().push(object);
    }
    let note = |(why, objects): (&str, Vec<&str>)| {
        admission::NOT_TRIED.found(format!("not tried beforehand, since {why}: {}", objects.join(", "))).as_documented()
    };
    reasons.into_iter().map(note).collect()
}

/// The permissions for the plan's actions that the user lacks.
async fn missing_permissions(
    plan: &JoinPlan,
    clusters: &[Cluster],
    observed: &[ObservedCluster],
    request: &JoinRequest,
    pull_secret: Option<&PullSecret>,
) -> Result<Option<Finding>> {
    let members = plan.members.iter().zip(clusters).zip(observed);
    let needed: Vec<Needed<'_>> = members
        .flat_map(|((member, cluster), observed)| {
            let by_file = permissions::needed(plan, &member.name, observed, request, pull_secret);
            by_file.into_iter().map(move |(file, accesses)| Needed {
                cluster,
                accesses: accesses.into_iter().collect(),
                file,
            })
        })
        .collect();
    lacking(&needed, "the join").await
}

/// An error for each cluster that gets a probe but lacks the pull Secret for its image.
async fn missing_pull_secrets(plan: &JoinPlan, clusters: &[Cluster], secret: &PullSecret) -> Vec<Error> {
    let starts = |member: &Member| {
        let starts = |action: &Action| matches!(action, Action::Task(Task::StartProbe));
        plan.steps.iter().any(|(_, step)| step.cluster.as_ref() == Some(&member.name) && starts(&step.action))
    };
    let probed = plan.members.iter().zip(clusters).filter(|(member, _)| starts(member));
    let asked = join_all(probed.map(|(_, cluster)| pull_secret_of(cluster, secret))).await;
    asked.into_iter().filter_map(Result::err).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_tried_is_told_once_for_each_reason() {
        let one = |why: &str, object: &str| (why.to_owned(), object.to_owned());
        let all = [
            one("namespace a does not exist yet", "Service a/b in east"),
            one("the webhook w allows no dry run", "Namespace a in east"),
            one("namespace a does not exist yet", "Service a/b in west"),
        ];
        let lines: Vec<String> = not_tried(&all).iter().map(Finding::line).collect();
        assert_eq!(
            lines,
            [
                "note  not tried beforehand, since namespace a does not exist yet: Service a/b in east, Service a/b in west [admission/not-tried]",
                "note  not tried beforehand, since the webhook w allows no dry run: Namespace a in east [admission/not-tried]",
            ]
        );
        assert!(not_tried(&[]).is_empty());
    }
}
