//! What is checked in the clusters before the plan is shown: that they accept the user's values, that the user has
//! every permission, and that the pull Secret exists.

use futures::future::join_all;
use mesh_shared::cluster::access_review::{Needed, lacking};
use mesh_shared::cluster::context::Cluster;
use mesh_shared::cluster::probe::pull_secret_of;
use mesh_shared::cluster::write::create_strict_dry_run;
use mesh_shared::model::kube::pull_secret::PullSecret;
use mesh_shared::model::kube::rbac::RoleFile;
use mesh_shared::model::seen::observed_cluster::ObservedCluster;
use mesh_shared::plugin::error::{Error, Kind, Result};
use mesh_shared::plugin::finding::codes::{control_plane, probe};
use mesh_shared::plugin::finding::{Code, Finding, Findings};

use crate::join::members::Member;
use crate::join::permissions;
use crate::join::plan::JoinPlan;
use crate::join::request::JoinRequest;
use crate::plugin_identity::MANAGER;
use crate::work::tasks::{Action, Task};

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
) -> Result<Findings> {
    let dry_runs = strict_dry_run(plan, clusters);
    let allowed = missing_permissions(plan, clusters, observed, request, pull_secret);
    let missing = async {
        match pull_secret {
            Some(secret) => missing_pull_secrets(plan, clusters, secret).await,
            None => Vec::new(),
        }
    };
    let (dry_runs, lacking, missing) = futures::join!(dry_runs, allowed, missing);
    let lacking = lacking?;
    // Missing permissions are reported all at once, and none twice.
    let is_told = lacking.is_some();
    let is_new = |error: &Error| !is_told || error.kind != Kind::Forbidden;
    let dry_runs = dry_runs.into_iter().filter(is_new);
    let missing = missing.into_iter().filter(is_new);
    Ok(lacking
        .into_iter()
        .chain(dry_runs.map(|error| finding(&control_plane::DRY_RUN_FAILED, permissions::JOIN, error)))
        .chain(missing.map(|error| finding(&probe::PULL_SECRET_MISSING, permissions::PULL_SECRET, error)))
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
