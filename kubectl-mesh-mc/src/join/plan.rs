//! What a join decides: the members and their names, the root that all share, what each cluster lacks, and the order of
//! the steps.

use std::collections::{BTreeMap, BTreeSet};

use mesh_shared::model::names::{ClusterName, MeshId};
use mesh_shared::model::seen::observed_cluster::ObservedCluster;
use mesh_shared::plugin::error::{Error, Result};
use mesh_shared::plugin::finding::codes::probe;
use mesh_shared::plugin::finding::{Finding, Findings, Verb};

use super::control_plane;
use super::control_plane::ControlPlanePlan;
use super::differences;
use super::gateway;
use super::gateway_plan::GatewayPlan;
use super::members;
use super::members::{Joining, Member};
use super::namespaces;
use super::neighbours;
use super::order;
use super::reader;
use super::remote_access;
use super::request::JoinRequest;
use super::trust;
use super::trust::TrustPlan;
use super::trust_domains;
use super::versions;
use crate::keep::ca_folder::CaFolderState;
use crate::work::tasks::Steps;

/// A join, decided and not yet done.
#[derive(Debug, Clone)]
pub struct JoinPlan {
    /// The mesh.
    pub mesh: MeshId,
    /// Its members, in the order of the contexts.
    pub members: Vec<Member>,
    /// Where its root comes from.
    pub trust: TrustPlan,
    /// Per member, what its control plane is and will be.
    pub control_planes: BTreeMap<ClusterName, ControlPlanePlan>,
    /// Per member, whose gateway it has.
    pub gateways: BTreeMap<ClusterName, GatewayPlan>,
    /// Clusters that members read and that no context names, each with the members that read it.
    pub unnamed: BTreeMap<String, Vec<ClusterName>>,
    /// The fields of existing objects that are changed, a line each.
    pub differences: Vec<String>,
    /// What the user should know before saying yes.
    pub findings: Findings,
    /// What is done.
    pub steps: Steps,
}

/// Decides a join. If the mesh is unknown, there is no CA folder either.
///
/// # Errors
/// Everything that does not fit, where, and what to do. Nothing has been written.
pub fn plan(
    request: &JoinRequest,
    observed: &[ObservedCluster],
    ca_folder: Option<&CaFolderState>,
) -> Result<JoinPlan> {
    let mut findings = Findings::default();
    let decided = decide(request, observed, ca_folder, &mut findings)?;
    findings.refuse(Verb::Join)?;
    let plan =
        decided.ok_or_else(|| Error::failed("there is no plan for the join, and no finding against one").report());
    plan.map(|plan| JoinPlan { findings, ..plan })
}

/// Judges everything that can be judged. Returns a plan if nothing is missing for one.
fn decide(
    request: &JoinRequest,
    observed: &[ObservedCluster],
    ca_folder: Option<&CaFolderState>,
    findings: &mut Findings,
) -> Result<Option<JoinPlan>> {
    findings.extend(control_plane::reserved_value(request));
    let mesh = findings.keep(members::mesh_id(request, observed));
    let joining = members::members(request, observed, findings);
    let trust = trust::trust(request, mesh.as_ref(), &joining, ca_folder, findings);
    findings.extend(trust_domains::accepted(request, &joining));
    let mut control_planes = BTreeMap::new();
    for one in &joining {
        findings.extend(other_probes(one));
        findings.extend(namespaces::terminating(request, one));
        findings.extend(neighbours::others(request, one));
        findings.extend(neighbours::own_namespace(request, one));
        let plane = control_plane::control_plane(request, mesh.as_ref(), one, findings);
        control_planes.extend(plane.map(|plane| (one.member.name.clone(), plane)));
    }
    let gateways = gateway::gateways(request, &joining, findings);
    // Remote secrets name clusters: they can be judged only if every name is known and unique.
    let named: BTreeSet<&ClusterName> = joining.iter().map(|one| &one.member.name).collect();
    if named.len() < observed.len() {
        return Ok(None);
    }
    let access = remote_access::remote_access(&joining, findings);
    for one in joining.iter().filter(|one| !access.readers_of(&one.member.name).is_empty()) {
        findings.extend(reader::reader(request, one));
    }
    versions::judge(request, &joining, &control_planes, findings);
    let (Some(mesh), Some(trust)) = (mesh, trust) else { return Ok(None) };
    if findings.refusing(Verb::Join).next().is_some() {
        return Ok(None);
    }
    let members: Vec<Member> = joining.into_iter().map(|one| one.member).collect();
    let steps = order::steps(request, &members, observed, &trust, &control_planes, &gateways, &access)?;
    let differences = differences::of(&steps, &members, observed);
    let findings = Findings::default();
    Ok(Some(JoinPlan {
        mesh,
        members,
        trust,
        control_planes,
        gateways,
        unnamed: access.unnamed,
        differences,
        findings,
        steps,
    }))
}

fn other_probes(Joining { member, seen }: &Joining<'_>) -> Option<Finding> {
    let probes: Vec<&str> = seen.probes.other.iter().map(|namespace| namespace.name.as_str()).collect();
    let probes = probes.join(", ");
    let what = || format!("another run may be at work in {}: it has the probe {probes}", member.name);
    (!probes.is_empty())
        .then(|| probe::ANOTHER_RUN.found(what()).cluster(&member.name).context(&member.context).as_documented())
}

#[cfg(test)]
mod tests;
