//! What a join decides: who is a member under which name, which root all share, what each cluster lacks, and in which order
//! that is done.

pub mod control_plane;
pub mod members;
pub mod permissions;
pub mod remote_access;
pub mod steps;
pub mod trust;

use std::collections::BTreeMap;

use mesh_shared::error::Result;
use mesh_shared::machine::ca_folder::CaFolderState;
use mesh_shared::mesh::name::{ClusterName, MeshId, NetworkName};
use mesh_shared::observed::cluster::ObservedCluster;
use mesh_shared::pki::key::KeyAlgorithm;
use mesh_shared::plan::order::Steps;
use serde::Serialize;
use serde_json::Value;

use self::control_plane::ControlPlanePlan;
use self::members::Member;
use self::trust::TrustPlan;

/// Everything that the user wants of a join, whatever the clusters look like.
#[derive(Debug, Clone)]
pub struct JoinRequest {
    /// Value of `managed-by` labels and name of our field manager.
    pub managed_by: &'static str,
    /// `--mesh-id`.
    pub mesh: Option<MeshId>,
    /// `--istio-version`.
    pub istio_version: Option<String>,
    /// `--values` and `--set`, merged.
    pub values: Value,
    /// `--cluster-name CONTEXT=NAME`.
    pub cluster_names: BTreeMap<String, ClusterName>,
    /// `--network NAME=NETWORK`.
    pub networks: BTreeMap<String, NetworkName>,
    /// `--key-algorithm`.
    pub key_algorithm: KeyAlgorithm,
    /// `--gateway-annotation KEY=VALUE`.
    pub gateway_annotations: BTreeMap<String, String>,
    /// `--gateway-internal`.
    pub gateway_internal: bool,
    /// Whether probe pods may be started (not `--no-probe`).
    pub probe: bool,
    /// The control plane's namespace.
    pub system_namespace: String,
    /// The CNI plugin's namespace where no IstioCNI stands yet.
    pub cni_namespace: String,
}

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
    members::mesh_id(request, observed)
}

/// Decides a join.
///
/// # Errors
/// A refusal that says what does not fit, where, and what to do. Nothing was written then.
pub fn plan(request: &JoinRequest, observed: &[ObservedCluster], ca_folder: &CaFolderState) -> Result<JoinPlan> {
    let mesh = members::mesh_id(request, observed)?;
    let members = members::members(request, observed)?;
    let trust = trust::trust(request, &mesh, &members, observed, ca_folder)?;
    let mut notes = Vec::new();
    let mut control_planes = BTreeMap::new();
    for (member, observed) in members.iter().zip(observed) {
        let planned = control_plane::control_plane(request, &mesh, member, observed, &mut notes)?;
        control_planes.insert(member.name.clone(), planned);
    }
    for (member, observed) in members.iter().zip(observed).filter(|(_, observed)| !observed.other_probes.is_empty()) {
        let probes = observed.other_probes.join(", ");
        notes.push(format!("another run may be at work in {}: it has the probe {probes}", member.name));
    }
    let access = remote_access::remote_access(&members, observed)?;
    notes.extend(access.notes.iter().cloned());
    let steps = steps::steps(request, &members, observed, &trust, &control_planes, &access)?;
    Ok(JoinPlan { mesh, members, trust, control_planes, notes, steps })
}

#[cfg(test)]
mod tests;
