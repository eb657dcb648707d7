//! Statuses as the operator computes them: pure functions of what was seen.
//!
//! Rules: sail-operator controllers/{istio,istiorevision,istiocni}, api/v1/condition.go, pkg/reconciler.

use kube::api::DynamicObject;
use serde::{Deserialize, Serialize};

use crate::{fault::Fault, sail::Kind};

/// One condition.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Condition {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) status: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) reason: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) message: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) last_transition_time: String,
}

impl Condition {
    fn new(kind: &str, status: &str, reason: &str, message: impl Into<String>) -> Self {
        Self {
            kind: kind.into(),
            status: status.into(),
            reason: reason.into(),
            message: message.into(),
            last_transition_time: String::new(),
        }
    }

    /// A condition that holds has its own name as its reason, and no message.
    pub(crate) fn holds(kind: &str) -> Self {
        Self::new(kind, "True", kind, "")
    }

    pub(crate) fn fails(kind: &str, reason: &str, message: impl Into<String>) -> Self {
        Self::new(kind, "False", reason, message)
    }

    pub(crate) fn is_true(&self) -> bool {
        self.status == "True"
    }
}

/// How many revisions an Istio has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Revisions {
    pub(crate) total: i32,
    pub(crate) ready: i32,
    #[serde(rename = "inUse")]
    pub(crate) in_use: i32,
}

/// The status of any kind; each leaves out the fields it does not have. What is None is removed when it is written.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Status {
    pub(crate) observed_generation: Option<i64>,
    pub(crate) conditions: Vec<Condition>,
    pub(crate) state: Option<String>,
    pub(crate) active_revision_name: Option<String>,
    pub(crate) revisions: Option<Revisions>,
    pub(crate) istio_revision: Option<String>,
    pub(crate) istiod_namespace: Option<String>,
}

impl Status {
    pub(crate) fn of(object: &DynamicObject) -> Self {
        object.data.get("status").and_then(|status| Self::deserialize(status).ok()).unwrap_or_default()
    }

    /// The condition of a kind; Unknown and without a reason where there is none.
    pub(crate) fn condition(&self, kind: &str) -> Condition {
        self.conditions
            .iter()
            .find(|condition| condition.kind == kind)
            .cloned()
            .unwrap_or_else(|| Condition::new(kind, "Unknown", "", ""))
    }

    /// Sets a condition in its place; its time moves only with its status.
    pub(crate) fn set(&mut self, mut condition: Condition, now: &str) {
        now.clone_into(&mut condition.last_transition_time);
        match self.conditions.iter_mut().find(|existing| existing.kind == condition.kind) {
            Some(existing) => {
                if existing.status == condition.status {
                    condition.last_transition_time.clone_from(&existing.last_transition_time);
                }
                *existing = condition;
            }
            None => self.conditions.push(condition),
        }
    }

    /// The status after a reconciliation whose conditions are these: the state is the reason of the first that does
    /// not hold.
    pub(crate) fn with(mut self, generation: i64, conditions: Vec<Condition>, now: &str) -> Self {
        self.observed_generation = Some(generation);
        self.state = Some(
            conditions
                .iter()
                .find(|condition| !condition.is_true())
                .map_or_else(|| "Healthy".into(), |condition| condition.reason.clone()),
        );
        for condition in conditions {
            self.set(condition, now);
        }
        self
    }
}

/// The condition Reconciled of everything but Istio itself.
pub(crate) fn reconciled(outcome: Result<(), &Fault>) -> Condition {
    match outcome {
        Ok(()) => Condition::holds("Reconciled"),
        Err(fault @ Fault::ReferenceNotFound(_)) => Condition::fails("Reconciled", "RefNotFound", fault.to_string()),
        Err(fault) => Condition::fails("Reconciled", "ReconcileError", format!("error reconciling resource: {fault}")),
    }
}

/// Pods of a workload, as its own status counts them, however old that status is: the operator does not ask whether
/// the workload's controller has seen the last change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Pods {
    pub(crate) wanted: i32,
    pub(crate) ready: i32,
}

/// Whether a revision is Ready: by istiod's Deployment alone.
pub(crate) fn istiod_ready(deployment: Option<Pods>) -> Condition {
    let not_ready = |message: &str| Condition::fails("Ready", "IstiodNotReady", message);
    match deployment {
        None => not_ready("istiod Deployment not found"),
        Some(Pods { wanted: 0, .. }) => not_ready("istiod Deployment is scaled to zero replicas"),
        Some(Pods { wanted, ready }) if ready < wanted => not_ready("not all istiod pods are ready"),
        Some(_) => Condition::holds("Ready"),
    }
}

/// Whether IstioCNI is Ready: by its DaemonSet.
pub(crate) fn cni_ready(daemon_set: Option<Pods>) -> Condition {
    let not_ready = |message: &str| Condition::fails("Ready", "DaemonSetNotReady", message);
    match daemon_set {
        None => not_ready("istio-cni-node DaemonSet not found"),
        Some(Pods { wanted: 0, .. }) => not_ready("no istio-cni-node pods are currently scheduled"),
        Some(Pods { wanted, ready }) if ready < wanted => not_ready("not all istio-cni-node pods are ready"),
        Some(_) => Condition::holds("Ready"),
    }
}

/// The condition InUse.
pub(crate) fn in_use(referenced: bool) -> Condition {
    if referenced {
        Condition::new("InUse", "True", "ReferencedByWorkloads", "Referenced by at least one pod or namespace")
    } else {
        Condition::fails("InUse", "NotReferencedByAnything", "Not referenced by any pod or namespace")
    }
}

/// What Istio's controller found when it looked for the revision that it made.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ActiveRevision {
    NotFound,
    /// With the status it has, of whatever generation.
    Found(Status),
}

/// The status of an Istio: the conditions of its revision, copied. Its observedGeneration is its own, so right after a
/// change it stands beside conditions of before.
pub(crate) fn istio(
    mut before: Status,
    generation: i64,
    active: Result<(&str, &ActiveRevision), &Fault>,
    has_dependencies: bool,
    now: &str,
) -> Status {
    before.observed_generation = Some(generation);
    match active {
        Err(fault) => {
            before.state = Some("ReconcileError".into());
            before.set(Condition::fails("Reconciled", "ReconcileError", fault.to_string()), now);
            let message = "cannot determine readiness due to reconciliation error";
            before.set(Condition::new("Ready", "Unknown", "ReconcileError", message), now);
        }
        Ok((name, ActiveRevision::NotFound)) => {
            before.active_revision_name = Some(name.into());
            before.state = Some("ActiveRevisionNotFound".into());
            for kind in ["Reconciled", "Ready"] {
                before.set(Condition::fails(kind, "ActiveRevisionNotFound", "active IstioRevision not found"), now);
            }
        }
        Ok((name, ActiveRevision::Found(revision))) => {
            before.active_revision_name = Some(name.into());
            before.state.clone_from(&revision.state);
            before.set(revision.condition("Reconciled"), now);
            before.set(revision.condition("Ready"), now);
            if has_dependencies {
                before.set(revision.condition("DependenciesHealthy"), now);
            }
        }
    }
    before
}

/// The conditions of a revision in the order the operator has them; InUse does not count for the state.
pub(crate) fn revision(
    before: Status,
    generation: i64,
    health: Vec<Condition>,
    in_use: Condition,
    now: &str,
) -> Status {
    let mut status = before.with(generation, health, now);
    status.set(in_use, now);
    status
}

/// The condition DependenciesHealthy of a revision that depends on another Sail resource.
pub(crate) fn dependency(kind: Kind, state: Option<&str>) -> Condition {
    let name = kind.name();
    match state {
        None => Condition::fails(
            "DependenciesHealthy",
            &format!("{name}NotFound"),
            format!("{name} resource does not exist"),
        ),
        Some("Healthy") => Condition::holds("DependenciesHealthy"),
        Some(_) => Condition::fails(
            "DependenciesHealthy",
            &format!("{name}NotHealthy"),
            format!("{name} resource status indicates that the component is not healthy"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-11-24T12:00:00Z";
    const LATER: &str = "2026-11-24T12:00:09Z";

    /// A status in the form of the recordings: `state; Type=Status Reason, …`.
    fn line(status: &Status) -> String {
        let conditions: Vec<_> = status
            .conditions
            .iter()
            .map(|c| format!("{}={} {}", c.kind, c.status, c.reason).trim_end().to_owned())
            .collect();
        format!("{}; {}", status.state.as_deref().unwrap_or("None"), conditions.join(", "))
    }

    fn installed(deployment: Option<Pods>, cni: Option<&str>) -> Status {
        let health = vec![reconciled(Ok(())), istiod_ready(deployment), dependency(Kind::IstioCni, cni)];
        revision(Status::default(), 1, health, in_use(false), NOW)
    }

    #[test]
    fn a_revision_is_ready_by_its_deployment_alone_and_healthy_only_with_its_cni() {
        let ready = Some(Pods { wanted: 1, ready: 1 });
        let tail = "InUse=False NotReferencedByAnything";
        assert_eq!(
            line(&installed(ready, None)),
            format!(
                "IstioCNINotFound; Reconciled=True Reconciled, Ready=True Ready, \
                 DependenciesHealthy=False IstioCNINotFound, {tail}"
            )
        );
        assert_eq!(installed(ready, Some("DaemonSetNotReady")).state.as_deref(), Some("IstioCNINotHealthy"));
        assert_eq!(installed(ready, Some("Healthy")).state.as_deref(), Some("Healthy"));
        let rolling = Some(Pods { wanted: 2, ready: 1 });
        assert_eq!(installed(rolling, Some("Healthy")).state.as_deref(), Some("IstiodNotReady"));
    }

    #[test]
    fn the_message_says_what_of_the_workload_is_missing() {
        let said = |pods| istiod_ready(pods).message;
        assert_eq!(said(None), "istiod Deployment not found");
        assert_eq!(said(Some(Pods::default())), "istiod Deployment is scaled to zero replicas");
        assert_eq!(said(Some(Pods { wanted: 1, ready: 0 })), "not all istiod pods are ready");
        let said = |pods| cni_ready(pods).message;
        assert_eq!(said(None), "istio-cni-node DaemonSet not found");
        assert_eq!(said(Some(Pods::default())), "no istio-cni-node pods are currently scheduled");
    }

    #[test]
    fn a_new_istio_has_conditions_without_reasons_until_its_revision_has_a_status() {
        let seen = ActiveRevision::Found(Status::default());
        let status = istio(Status::default(), 1, Ok(("default", &seen)), true, NOW);
        assert_eq!(line(&status), "None; Reconciled=Unknown, Ready=Unknown, DependenciesHealthy=Unknown");
        let old = istio(Status::default(), 1, Ok(("default", &seen)), false, NOW);
        assert_eq!(line(&old), "None; Reconciled=Unknown, Ready=Unknown");
    }

    #[test]
    fn right_after_a_change_istio_claims_its_new_generation_with_the_old_conditions() {
        let seen = ActiveRevision::Found(installed(Some(Pods { wanted: 1, ready: 1 }), Some("Healthy")));
        let before = istio(Status::default(), 1, Ok(("default", &seen)), true, NOW);
        let after = istio(before, 2, Ok(("default", &seen)), true, LATER);
        assert_eq!(after.observed_generation, Some(2));
        assert!(after.condition("Ready").is_true());
    }

    #[test]
    fn a_fault_leaves_the_other_conditions_as_they_were() {
        let fault = Fault::Validation("version \"v1.28.10\" is end-of-life".into());
        let status = istio(Status::default(), 1, Err(&fault), true, NOW);
        assert_eq!(line(&status), "ReconcileError; Reconciled=False ReconcileError, Ready=Unknown ReconcileError");
        assert_eq!(status.active_revision_name, None);
        let seen = ActiveRevision::Found(installed(None, None));
        let known = istio(Status::default(), 1, Ok(("default", &seen)), true, NOW);
        let status = istio(known, 2, Err(&fault), true, NOW);
        assert_eq!(
            line(&status),
            "ReconcileError; Reconciled=False ReconcileError, Ready=Unknown ReconcileError, \
             DependenciesHealthy=False IstioCNINotFound"
        );
    }

    #[test]
    fn only_istio_says_a_fault_without_a_preface() {
        let fault = Fault::Validation("namespace \"mesh\" doesn't exist".into());
        let said = reconciled(Err(&fault)).message;
        assert_eq!(said, "error reconciling resource: validation error: namespace \"mesh\" doesn't exist");
        let status = istio(Status::default(), 1, Err(&fault), true, NOW);
        assert_eq!(status.condition("Reconciled").message, "validation error: namespace \"mesh\" doesn't exist");
    }

    #[test]
    fn the_time_of_a_condition_moves_only_with_its_status() {
        let mut status = Status::default();
        status.set(Condition::fails("Ready", "IstiodNotReady", "istiod Deployment not found"), NOW);
        status.set(Condition::fails("Ready", "IstiodNotReady", "not all istiod pods are ready"), LATER);
        assert_eq!(status.condition("Ready").last_transition_time, NOW);
        status.set(Condition::holds("Ready"), LATER);
        assert_eq!(status.condition("Ready").last_transition_time, LATER);
    }

    #[test]
    fn a_state_that_is_gone_is_written_as_null_so_that_a_merge_removes_it() {
        let json = serde_json::to_value(Status::default()).unwrap();
        assert!(json["state"].is_null() && json.as_object().unwrap().contains_key("state"));
    }
}
