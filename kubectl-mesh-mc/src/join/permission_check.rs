//! What is asked of the clusters before the plan is shown: that they accept the user's values, and that the user may do all
//! of it.

use futures::future::try_join_all;
use mesh_shared::cluster::apply::create_strict_dry_run;
use mesh_shared::cluster::context::Cluster;
use mesh_shared::cluster::permissions::{Needed, must_be_allowed};
use mesh_shared::cluster::probe::pull_secret_of;
use mesh_shared::engine::action::Action;
use mesh_shared::model::kube::pull_secret::PullSecret;
use mesh_shared::model::seen::cluster::ObservedCluster;
use mesh_shared::plugin::error::{Error, Kind, Result};

use crate::identity::MANAGER;
use crate::join::members::Member;
use crate::join::permissions;
use crate::join::plan::JoinPlan;
use crate::join::request::JoinRequest;

/// Sends every Istio and IstioCNI that the plan would write as a strict create that is not carried out: server-side apply would
/// answer a wrong value with an internal error only.
pub(super) async fn strict_dry_run(plan: &JoinPlan, clusters: &[Cluster]) -> Result<()> {
    let checks = plan.members.iter().zip(clusters).flat_map(|(member, cluster)| {
        let plane = plan.control_planes.get(&member.name);
        let manifests = plane.into_iter().flat_map(|plane| [&plane.istio, &plane.cni]).flatten();
        manifests.map(move |manifest| create_strict_dry_run(cluster, manifest, MANAGER))
    });
    try_join_all(checks).await.map(|_| ()).map_err(|error| permissions::JOIN.explain(error))
}

/// Refuses where the user may not do one of the plan's actions.
pub(super) async fn permissions(
    plan: &JoinPlan,
    clusters: &[Cluster],
    observed: &[ObservedCluster],
    request: &JoinRequest,
    pull_secret: Option<&PullSecret>,
) -> Result<()> {
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
    must_be_allowed(&needed, "the join").await
}

/// Refuses where the Secret by which the probe's image is pulled is missing in a cluster that gets a probe.
pub(super) async fn pull_secret(plan: &JoinPlan, clusters: &[Cluster], secret: &PullSecret) -> Result<()> {
    let starts = |member: &Member| {
        let mut steps = plan.steps.iter();
        steps.any(|(_, step)| step.cluster.as_ref() == Some(&member.name) && matches!(step.action, Action::StartProbe))
    };
    let probed = plan.members.iter().zip(clusters).filter(|(member, _)| starts(member));
    let standing = try_join_all(probed.map(|(_, cluster)| pull_secret_of(cluster, secret))).await;
    standing.map(|_| ()).map_err(|error| Error { kind: Kind::Refused, ..permissions::PULL_SECRET.explain(error) })
}
