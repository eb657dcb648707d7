//! What is asked of the clusters before the plan is shown: that they accept the user's values, and that the user may do all
//! of it.

use futures::future::try_join_all;
use mesh_shared::cluster::access::{Needed, must_be_allowed};
use mesh_shared::cluster::apply::create_strict_dry_run;
use mesh_shared::cluster::context::Cluster;
use mesh_shared::error::Result;
use mesh_shared::observed::cluster::ObservedCluster;

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
    try_join_all(checks).await.map(|_| ()).map_err(|error| permissions::JOIN.explain(error))
}

/// Refuses where the user may not do one of the plan's actions.
pub(super) async fn permissions(
    plan: &JoinPlan,
    clusters: &[Cluster],
    observed: &[ObservedCluster],
    request: &JoinRequest,
) -> Result<()> {
    let members = plan.members.iter().zip(clusters).zip(observed);
    let needed: Vec<Needed<'_>> = members
        .flat_map(|((member, cluster), observed)| {
            let by_file = permissions::needed(plan, &member.name, observed, request);
            by_file.into_iter().map(move |(file, accesses)| Needed {
                cluster,
                accesses: accesses.into_iter().collect(),
                file,
            })
        })
        .collect();
    must_be_allowed(&needed, "the join").await
}
