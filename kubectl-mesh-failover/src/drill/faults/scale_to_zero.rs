//! `--fault scale-to-zero`: the workloads are scaled to zero, and the endpoints go.

use std::time::Duration;

use mesh_shared::model::names::service::ServiceName;
use mesh_shared::model::seen::observed_traffic::ObservedTraffic;
use mesh_shared::model::seen::services::PodSeen;
use mesh_shared::model::seen::workload::Workload;
use mesh_shared::plugin::finding::codes::drill as codes;
use mesh_shared::plugin::finding::{Finding, Findings};
use serde::{Deserialize, Serialize};

use super::fault_kind::{BadArgument, FaultEntry, FaultKind, InPlan, Planned, Scene};
use crate::drill::changed::Changed;
use crate::drill::changed::replicas::Replicas;
use crate::drill::governing_rule::Rule;
use crate::drill::pods::behind;
use crate::mesh::permissions::DRILL;

/// Description of this fault.
pub const ENTRY: FaultEntry = FaultEntry {
    word: "scale-to-zero",
    usage: "scale-to-zero",
    help: "their workloads are scaled to zero",
    permissions: DRILL,
    hidden: false,
};

/// Time for a pod to come back and be ready, if no ejection lasts longer.
const START: Duration = Duration::from_mins(1);

/// Scales the workloads behind the service to zero.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScaleToZero;

impl ScaleToZero {
    /// It has no argument.
    pub fn parse(argument: Option<&str>) -> Result<Self, BadArgument> {
        match argument {
            None => Ok(Self),
            Some(_) => Err(BadArgument { why: "it has no argument", write: ENTRY.usage }),
        }
    }
}

impl FaultKind for ScaleToZero {
    fn entry(&self) -> &'static FaultEntry {
        &ENTRY
    }

    fn written(&self) -> String {
        ENTRY.word.into()
    }

    fn title(&self) -> String {
        "Scaled to zero".into()
    }

    fn pods<'a>(&self, at: &'a ObservedTraffic, service: &ServiceName) -> Result<Vec<&'a PodSeen>, Findings> {
        Ok(behind(at, service))
    }

    /// Refuses if a workload cannot be scaled, would lose its volumes, is already at zero, or, unless `allow_owner` is
    /// set, is managed by someone who would restore its replicas.
    fn changes(&self, scene: &Scene<'_>) -> Result<Vec<Changed>, Findings> {
        let mut findings: Findings = not_scalable(scene).chain(without_workload(scene)).collect();
        let mut changes = Vec::new();
        for workload in &scene.owners.workloads {
            findings.extend(not_restorable(workload, scene.allow_owner));
            let key = &workload.object;
            changes.push(Changed::Replicas(Replicas {
                kind: key.kind.clone(),
                namespace: key.namespace.clone(),
                name: key.name.clone(),
                uid: workload.uid.clone(),
                before: workload.replicas,
                generation: workload.generation,
                autoscaler: workload.autoscaler.as_ref().map(|scaler| scaler.name.clone()),
            }));
        }
        if findings.is_empty() { Ok(changes) } else { Err(findings) }
    }

    fn in_plan(&self, planned: &Planned<'_>) -> InPlan {
        let all: Vec<String> = planned
            .workloads
            .iter()
            .map(|workload| format!("{} to 0 and back to {}", workload.object.name, workload.replicas))
            .collect();
        let notes = planned.workloads.iter().filter_map(|workload| {
            let scaler = workload.autoscaler.as_ref()?;
            Some(format!(
                "HorizontalPodAutoscaler {} ({} to {}) is inactive while {} is at zero.",
                scaler.name, scaler.least, scaler.most, workload.object.name
            ))
        });
        InPlan { applies_to: None, notes: notes.collect(), will: format!("scale {}", all.join(", ")) }
    }

    /// A scaled-away pod comes back as a new host, which nothing has ejected yet; but it has to be scheduled and to
    /// start.
    fn back_within(&self, rule: &Rule, _lasts: Duration) -> Duration {
        rule.longest_ejection(Duration::ZERO).max(START)
    }

    fn ejects(&self) -> bool {
        false
    }

    fn note(&self) -> Option<&'static str> {
        Some(
            "scaling to zero takes the endpoints away: it does not show that outlier detection ejects hosts that fail (--fault upstream-errors does)",
        )
    }
}

/// Owners of the service's pods that have no replicas to scale.
fn not_scalable(scene: &Scene<'_>) -> impl Iterator<Item = Finding> {
    let service = scene.service;
    scene.owners.unscalable.iter().map(move |(kind, name)| {
        codes::NOT_FAILABLE
            .found(format!("{kind} {name} cannot be scaled to zero"))
            .because(format!("{service} has pods that it owns"))
            .fix("use another fault: --fault upstream-errors")
    })
}

fn without_workload(scene: &Scene<'_>) -> Option<Finding> {
    let owners = scene.owners;
    (owners.workloads.is_empty() && owners.unscalable.is_empty()).then(|| {
        codes::NOT_FAILABLE
            .found(format!("no workload here is behind {}", scene.service))
            .fix("use another fault, which scales nothing: --fault upstream-errors")
    })
}

/// Why a workload could not be put back as it is.
fn not_restorable(workload: &Workload, allow_owner: bool) -> Vec<Finding> {
    let (key, mut findings) = (&workload.object, Vec::new());
    if workload.loses_volumes {
        findings.push(
            codes::NOT_RESTORABLE
                .found(format!("{key} would lose its volumes"))
                .because("persistentVolumeClaimRetentionPolicy.whenScaled is Delete")
                .fix("use another fault: --fault upstream-errors"),
        );
    }
    if workload.replicas == 0 {
        findings.push(
            codes::NOT_RESTORABLE
                .found(format!("{key} is already at zero"))
                .fix("scale it up first, or see whether a drill left it: kubectl mesh-failover drill list"),
        );
    }
    let keda = workload.autoscaler.as_ref().and_then(|scaler| scaler.keda.as_ref());
    let keeper = keda.map(|name| format!("KEDA ScaledObject {name}")).or_else(|| workload.keeper.clone());
    if let Some(keeper) = keeper.filter(|_| !allow_owner) {
        findings.push(
            codes::NOT_RESTORABLE
                .found(format!("{keeper} manages {key} and may restore its replicas at once"))
                .fix("pause it, then pass --allow-owner"),
        );
    }
    findings
}

#[cfg(test)]
mod tests;
