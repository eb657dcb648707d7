//! What a join decides: who is a member under which name, which root all share, what each cluster lacks, and in which order
//! that is done.

use std::collections::BTreeMap;

use mesh_shared::engine::steps::Steps;
use mesh_shared::machine::ca_folder::CaFolderState;
use mesh_shared::model::names::{ClusterName, MeshId};
use mesh_shared::model::seen::cluster::ObservedCluster;
use mesh_shared::plugin::error::Result;
use serde::Serialize;

use super::control_plane::ControlPlanePlan;
use super::members::Member;
use super::request::JoinRequest;
use super::trust::TrustPlan;

/// A join, decided and not yet done.
#[derive(Debug, Clone, Serialize)]
pub struct JoinPlan {
    /// The mesh.
    pub mesh: MeshId,
    /// Its members, in the order of the contexts.
    pub members: Vec<Member>,
    /// Where its root comes from.
    pub trust: TrustPlan,
    /// Per member, what its control plane is and will be.
    pub control_planes: BTreeMap<ClusterName, ControlPlanePlan>,
    /// What should be known before saying yes.
    pub notes: Vec<String>,
    /// What is done.
    pub steps: Steps,
}

/// The mesh id of a join: what the user says, else what the control planes that stand say, else `mesh1`.
///
/// # Errors
/// A refusal where control planes of two meshes stand.
pub fn mesh_id(request: &JoinRequest, observed: &[ObservedCluster]) -> Result<MeshId> {
    super::members::mesh_id(request, observed)
}

/// Decides a join.
///
/// # Errors
/// A refusal that says what does not fit, where, and what to do. Nothing was written then.
pub fn plan(request: &JoinRequest, observed: &[ObservedCluster], ca_folder: &CaFolderState) -> Result<JoinPlan> {
    let mesh = super::members::mesh_id(request, observed)?;
    let members = super::members::members(request, observed)?;
    let trust = super::trust::trust(request, &mesh, &members, observed, ca_folder)?;
    let mut notes = Vec::new();
    let mut control_planes = BTreeMap::new();
    for (member, observed) in members.iter().zip(observed) {
        let planned = super::control_plane::control_plane(request, &mesh, member, observed, &mut notes)?;
        control_planes.insert(member.name.clone(), planned);
    }
    for (member, observed) in members.iter().zip(observed).filter(|(_, observed)| !observed.other_probes.is_empty()) {
        let probes = observed.other_probes.join(", ");
        notes.push(format!("another run may be at work in {}: it has the probe {probes}", member.name));
    }
    let access = super::remote_access::remote_access(&members, observed)?;
    notes.extend(access.notes.iter().cloned());
    let steps = super::order::steps(request, &members, observed, &trust, &control_planes, &access)?;
    Ok(JoinPlan { mesh, members, trust, control_planes, notes, steps })
}

#[cfg(test)]
mod tests;
