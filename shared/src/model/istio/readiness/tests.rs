//! The statuses are those that the real operator wrote.

use serde_json::{Value, json};

use super::*;

type Conditions<'a> = &'a [(&'a str, &'a str, &'a str, &'a str)];

fn resource(generation: u64, observed: Option<u64>, conditions: Conditions<'_>) -> Value {
    let conditions: Vec<Value> = conditions
        .iter()
        .map(|(kind, status, reason, message)| json!({"type": kind, "status": status, "reason": reason, "message": message}))
        .collect();
    json!({"metadata": {"name": "default", "generation": generation}, "status": {"observedGeneration": observed, "conditions": conditions}})
}

const HEALTHY: Conditions<'_> =
    &[("Reconciled", "True", "", ""), ("Ready", "True", "", ""), ("DependenciesHealthy", "True", "", "")];
const OLD_HEALTHY: Conditions<'_> = &[("Reconciled", "True", "", ""), ("Ready", "True", "", "")];

fn deployment(generation: u64, observed: u64, updated: u64, available: u64) -> Value {
    json!({
        "metadata": {"generation": generation}, "spec": {"replicas": 1},
        "status": {"observedGeneration": observed, "replicas": updated, "updatedReplicas": updated, "availableReplicas": available},
    })
}

fn daemon_set(generation: u64, observed: u64, wanted: u64, available: u64) -> Value {
    json!({
        "metadata": {"generation": generation},
        "status": {"observedGeneration": observed, "desiredNumberScheduled": wanted, "updatedNumberScheduled": available, "numberAvailable": available},
    })
}

fn judged(istio: &Value, revision: Option<&Value>, deployment: Option<&Value>) -> Readiness {
    judge(&Seen { istio: Some(istio), revision, deployment, ..Seen::default() })
}

#[test]
fn all_at_their_generation_and_healthy_is_ready() {
    let healthy = resource(1, Some(1), HEALTHY);
    assert_eq!(judged(&healthy, Some(&healthy), Some(&deployment(1, 1, 1, 1))), Readiness::Ready);
}

#[test]
fn ready_at_the_new_generation_is_no_proof_while_the_revision_is_at_the_old_one() {
    let istio = resource(2, Some(2), HEALTHY);
    let revision = resource(2, Some(1), HEALTHY);
    assert_eq!(
        judged(&istio, Some(&revision), Some(&deployment(1, 1, 1, 1))),
        Readiness::Waiting("the operator has not picked up IstioRevision yet".into())
    );
}

#[test]
fn a_deployment_that_is_not_rolled_out_at_its_own_generation_is_waited_for() {
    let healthy = resource(2, Some(2), HEALTHY);
    let waiting = |deployment| judged(&healthy, Some(&healthy), Some(&deployment));
    assert_eq!(
        waiting(deployment(2, 1, 1, 1)),
        Readiness::Waiting("istiod: its change has not been picked up yet".into())
    );
    assert_eq!(waiting(deployment(2, 2, 1, 0)), Readiness::Waiting("istiod: 0 of 1 pods are available".into()));
}

#[test]
fn nothing_is_concluded_from_a_resource_that_the_operator_has_not_seen() {
    let fresh = resource(1, None, &[]);
    assert_eq!(judged(&fresh, None, None), Readiness::Waiting("the operator has not picked up Istio yet".into()));
}

#[test]
fn the_write_conflict_of_nearly_every_install_is_trouble_and_not_the_end() {
    let message = "failed to update IstioRevision \"default\": Operation cannot be fulfilled";
    let istio = resource(
        1,
        Some(1),
        &[("Reconciled", "False", "ReconcileError", message), ("Ready", "Unknown", "ReconcileError", "")],
    );
    assert_eq!(judged(&istio, None, None), Readiness::Troubled(format!("Istio: ReconcileError: {message}")));
}

#[test]
fn an_unknown_state_between_two_reconciliations_is_waited_for() {
    let istio = resource(1, Some(1), &[("Reconciled", "Unknown", "", ""), ("Ready", "Unknown", "", "")]);
    assert_eq!(judged(&istio, None, None), Readiness::Waiting("Istio: the operator is still working".into()));
}

#[test]
fn an_end_of_life_is_final_at_once_but_only_at_the_generation_that_it_is_about() {
    let message =
        "validation error: version \"v1.28.10\" is end-of-life and cannot be installed; use a supported version";
    let conditions: Conditions<'_> = &[("Reconciled", "False", "ReconcileError", message)];
    assert!(
        matches!(judged(&resource(1, Some(1), conditions), None, None), Readiness::Fatal(text) if text.contains("v1.28.10"))
    );
    assert!(matches!(judged(&resource(2, Some(1), conditions), None, None), Readiness::Waiting(_)));
}

#[test]
fn a_namespace_that_is_missing_heals_and_is_not_final() {
    let message = "validation error: namespace \"istio-system\" doesn't exist";
    let istio = resource(1, Some(1), &[("Reconciled", "False", "ReconcileError", message)]);
    assert!(matches!(judged(&istio, None, None), Readiness::Troubled(_)));
}

#[test]
fn an_end_of_life_of_the_cni_ends_the_wait_for_the_control_plane_too() {
    let healthy = resource(1, Some(1), HEALTHY);
    let message =
        "error reconciling resource: validation error: version \"v1.28.10\" is end-of-life and cannot be installed";
    let cni = resource(1, Some(1), &[("Reconciled", "False", "ReconcileError", message)]);
    let seen = Seen { istio: Some(&healthy), cni: Some(&cni), ..Seen::default() };
    assert!(matches!(judge(&seen), Readiness::Fatal(_)));
}

#[test]
fn ready_without_a_healthy_cni_is_not_ready() {
    let conditions: Conditions<'_> = &[
        ("Reconciled", "True", "", ""),
        ("Ready", "True", "", ""),
        (
            "DependenciesHealthy",
            "False",
            "IstioCNINotHealthy",
            "IstioCNI resource status indicates that the component is not healthy",
        ),
    ];
    let istio = resource(1, Some(1), conditions);
    let verdict = judged(&istio, Some(&istio), Some(&deployment(1, 1, 1, 1)));
    assert!(matches!(verdict, Readiness::Waiting(text) if text.starts_with("Istio: IstioCNINotHealthy")));
}

#[test]
fn ready_without_being_reconciled_is_not_ready() {
    let message = "ServiceAccount exists and cannot be imported";
    let istio = resource(1, Some(1), &[("Reconciled", "False", "ReconcileError", message), ("Ready", "True", "", "")]);
    assert!(matches!(judged(&istio, Some(&istio), Some(&deployment(1, 1, 1, 1))), Readiness::Troubled(_)));
}

#[test]
fn an_operator_without_the_dependency_condition_is_proved_by_the_cni_and_its_daemon_set() {
    let old = resource(1, Some(1), OLD_HEALTHY);
    let (deployment, running, starting) = (deployment(1, 1, 1, 1), daemon_set(1, 1, 1, 1), daemon_set(1, 1, 1, 0));
    let with = |daemon_set| {
        judge(&Seen {
            istio: Some(&old),
            revision: Some(&old),
            deployment: Some(&deployment),
            cni: Some(&old),
            daemon_set,
        })
    };
    assert_eq!(with(Some(&running)), Readiness::Ready);
    assert_eq!(with(Some(&starting)), Readiness::Waiting("CNI: 0 of 1 nodes run it".into()));
    assert_eq!(with(None), Readiness::Waiting("the CNI's DaemonSet does not exist yet".into()));
}

#[test]
fn the_cni_is_ready_only_when_its_daemon_set_is_at_its_own_generation() {
    let cni = resource(2, Some(2), OLD_HEALTHY);
    assert!(matches!(judge_cni(Some(&cni), Some(&daemon_set(2, 1, 1, 1))), Readiness::Waiting(_)));
    assert!(matches!(judge_cni(Some(&cni), Some(&daemon_set(1, 1, 0, 0))), Readiness::Waiting(_)));
    assert_eq!(judge_cni(Some(&cni), Some(&daemon_set(2, 2, 1, 1))), Readiness::Ready);
}
