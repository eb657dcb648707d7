//! What is asked of the clusters before the plan is shown: that they accept the user's values, and that the user may do all
//! of it.

use futures::future::try_join_all;
use mesh_shared::cluster::access::missing;
use mesh_shared::cluster::apply::create_strict_dry_run;
use mesh_shared::cluster::context::Cluster;
use mesh_shared::error::{Error, Result};

use crate::cli::MANAGER;
use crate::plan::join::{JoinPlan, JoinRequest, permissions};

/// Sends every Istio and IstioCNI that the plan would write as a strict create that is not carried out: server-side apply would
/// answer a wrong value with an internal error only.
pub(super) async fn strict_dry_run(plan: &JoinPlan, clusters: &[Cluster]) -> Result<()> {
    let checks = plan.members.iter().zip(clusters).flat_map(|(member, cluster)| {
        let plane = plan.control_planes.get(&member.name);
        let manifests = plane.into_iter().flat_map(|plane| [&plane.istio, &plane.cni]).flatten();
        manifests.map(move |manifest| create_strict_dry_run(cluster, manifest, MANAGER))
    });
    try_join_all(checks).await.map(|_| ())
}

/// Refuses where the user may not do one of the plan's actions.
pub(super) async fn permissions(plan: &JoinPlan, clusters: &[Cluster], request: &JoinRequest) -> Result<()> {
    let wanted: Vec<_> = plan.members.iter().map(|member| permissions::needed(plan, &member.name, request)).collect();
    let lacking = try_join_all(clusters.iter().zip(&wanted).map(|(cluster, wanted)| missing(cluster, wanted))).await?;
    let all: Vec<String> = plan
        .members
        .iter()
        .zip(&lacking)
        .flat_map(|(member, lacking)| lacking.iter().map(move |access| format!("{}: {access}", member.name)))
        .collect();
    if all.is_empty() {
        return Ok(());
    }
    let contexts: Vec<&str> = plan
        .members
        .iter()
        .zip(&lacking)
        .filter(|(_, lacking)| !lacking.is_empty())
        .map(|(member, _)| member.context.as_str())
        .collect();
    Err(Error::refused("you lack permissions that the join needs")
        .at(format!("context {}", contexts.join(", ")))
        .because(all.join("\n"))
        .fix("ask for them, or use a user that has them (docs/join.md lists all)"))
}
