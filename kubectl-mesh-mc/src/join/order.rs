//! The order of a join's steps: only what is missing, each as soon as the steps that it needs are done.
//!
//! Three barriers hold everything back: the clusters are observed before there is a plan at all; addresses are proved before
//! anything but the probe's namespace is written; trust is in place everywhere before any control plane is written.

mod builder;
mod control_planes;
mod gateways;
mod probes;
mod remote_access;
mod trust;
mod verification;

use std::collections::BTreeMap;

use mesh_shared::engine::steps::Made;
use mesh_shared::model::names::ClusterName;
use mesh_shared::model::seen::observed_cluster::ObservedCluster;
use mesh_shared::plugin::error::Result;

use self::builder::{Builder, Marks, Milestones, PlannedCluster};
use self::gateways::gateway_writes;
use super::control_plane::ControlPlanePlan;
use super::gateway_plan::GatewayPlan;
use super::members::Member;
use super::remote_access::RemoteAccessPlan;
use super::request::JoinRequest;
use super::trust::TrustPlan;
use crate::work::tasks::Steps;

pub(super) fn steps(
    request: &JoinRequest,
    members: &[Member],
    observed: &[ObservedCluster],
    trust: &TrustPlan,
    control_planes: &BTreeMap<ClusterName, ControlPlanePlan>,
    gateways: &BTreeMap<ClusterName, GatewayPlan>,
    access: &RemoteAccessPlan,
) -> Result<Steps> {
    let mut clusters = Vec::new();
    for (member, observed) in members.iter().zip(observed) {
        let Some(control_plane) = control_planes.get(&member.name) else { continue };
        let Some(gateway) = gateways.get(&member.name) else { continue };
        let gateway = gateway_writes(request, member, observed, control_plane, gateway);
        clusters.push(PlannedCluster { member, observed, control_plane, gateway });
    }
    let mut builder = Builder { request, clusters: &clusters, access, trust, steps: Steps::default() };
    builder.build()?;
    Ok(builder.steps)
}

impl Builder<'_> {
    fn build(&mut self) -> Result<()> {
        let mut marks: Marks =
            self.clusters.iter().map(|cluster| (cluster.member.name.clone(), Milestones::default())).collect();
        let probing = self.request.probe && self.anything_missing();
        let cleared = self.leftovers()?;
        if probing {
            self.probes(&mut marks, &cleared)?;
        }
        let settled = self.addresses(&marks)?;
        let proved = settled.map(Made::by);
        self.trust(&mut marks, proved)?;
        self.control_planes(&mut marks, proved)?;
        self.gateways(&mut marks, proved)?;
        self.tokens(&mut marks)?;
        if let Some(settled) = settled {
            self.secrets(&mut marks, settled)?;
        }
        self.verify(&marks)?;
        self.remove_probes(&marks)
    }

    /// Whether anything has to be written, apart from removing what killed runs left.
    fn anything_missing(&self) -> bool {
        !self.access.missing.is_empty()
            || !self.trust.issue.is_empty()
            || self.clusters.iter().any(|cluster| {
                cluster.control_plane.istio.is_some()
                    || cluster.control_plane.cni.is_some()
                    || !cluster.gateway.is_empty()
                    || !cluster.stands(&self.system_namespace(cluster))
            })
    }
}
