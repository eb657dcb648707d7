//! The stand-in behaves towards a client as the real Sail operator was recorded to: the same states with the same
//! reasons in the same order, traps included.
//!
//! Run: `meshlab with --clusters east -- cargo test -p mesh-tests --test stand_in`

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

#[path = "stand_in/recorder.rs"]
mod recorder;
mod support;

use std::time::{Duration, Instant};

use meshlab::spec::SailVersion;
use serde_json::{Value, json};
use support::Kit;

use self::recorder::Recorder;

const EAST: &str = "east";
const VERSION: &str = "v1.31.0-beta.1";

/// A cluster without Istio that has the Sail API of today, watched.
fn watched() -> Option<(Kit, Recorder)> {
    let kit = Kit::of(&[EAST])?;
    let lab = kit.lab("the stand-in is the lab's")?;
    if lab.spec().cluster(EAST).expect("a cluster of the lab").sail != Some(SailVersion::V1) {
        eprintln!("not run: the recordings are of the Sail API v1, which the lab does not serve");
        return None;
    }
    remove_istio(&kit);
    let recorder = Recorder::start(kit.ground.kubeconfig.clone(), EAST, "v1");
    Some((kit, recorder))
}

/// Removes what these tests leave, and what istiod wrote into every namespace.
fn remove_istio(kit: &Kit) {
    let kubectl = |arguments: &[&str]| kit.kubectl(EAST, arguments).ok();
    kubectl(&["delete", "istios.sailoperator.io,istiocnis.sailoperator.io", "--all"]);
    kubectl(&["wait", "--for=delete", "istiorevisions.sailoperator.io", "--all", "--timeout=60s"]);
    kubectl(&["delete", "namespaces", "istio-system", "istio-cni", "--ignore-not-found"]);
    for name in ["istio-ca-root-cert", "istio-ca-crl"] {
        kubectl(&["delete", "configmaps", "-A", "--field-selector", &format!("metadata.name={name}")]);
    }
}

fn namespace(name: &str) -> Value {
    json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } })
}

fn namespaces() -> [Value; 2] {
    [namespace("istio-system"), namespace("istio-cni")]
}

fn istio(version: &str) -> Value {
    json!({
        "apiVersion": "sailoperator.io/v1", "kind": "Istio", "metadata": { "name": "default" },
        "spec": {
            "namespace": "istio-system", "version": version,
            "values": {
                "global": { "meshID": "mesh1", "network": "network-east", "multiCluster": { "clusterName": EAST } },
                "pilot": { "cni": { "enabled": true } },
            },
        },
    })
}

fn cni(version: &str) -> Value {
    json!({
        "apiVersion": "sailoperator.io/v1", "kind": "IstioCNI", "metadata": { "name": "default" },
        "spec": { "namespace": "istio-cni", "version": version },
    })
}

fn patch(kit: &Kit, kind: &str, values: &Value) {
    let patch = json!({ "spec": { "values": values } }).to_string();
    kit.kubectl(EAST, &["patch", &format!("{kind}.sailoperator.io"), "default", "--type=merge", "-p", &patch]).ok();
}

fn await_healthy(recorder: &Recorder) {
    recorder.until("IstioCNI", "healthy", |seen| seen.state() == "Healthy" && seen.observed == Some(seen.generation));
    recorder.until("Istio", "healthy", |seen| seen.state() == "Healthy" && seen.observed == Some(seen.generation));
}

const NOT_HEALTHY: &str = "DependenciesHealthy=False IstioCNINotHealthy";
const NOT_USED: &str = "InUse=False NotReferencedByAnything";

#[test]
fn a_control_plane_comes_changes_and_goes_through_the_states_that_were_recorded() {
    let Some((kit, recorder)) = watched() else { return };
    kit.apply(EAST, &namespaces());
    kit.apply(EAST, &[cni(VERSION), istio(VERSION)]);
    await_healthy(&recorder);
    installed_in_the_recorded_order(&recorder);
    nothing_of_istio_was_written_but_its_status(&kit);

    recorder.rewind();
    patch(&kit, "istio", &json!({ "pilot": { "env": { "A": "b" } } }));
    let rolling = claims_to_be_ready_before_anything_was_touched(&recorder, "Istio");
    recorder.until("Istio", "healthy again", |seen| seen.at > rolling && seen.state() == "Healthy");
    let expected = [
        "gen 2 obs 1 Healthy; Reconciled=True, Ready=True, DependenciesHealthy=True",
        "gen 2 obs 2 Healthy; Reconciled=True, Ready=True, DependenciesHealthy=True",
        "gen 2 obs 2 IstiodNotReady; Reconciled=True, Ready=False IstiodNotReady, DependenciesHealthy=True",
        "gen 2 obs 2 Healthy; Reconciled=True, Ready=True, DependenciesHealthy=True",
    ];
    recorder.assert_in_order("Istio", &expected);
    let honest = recorder.until("IstioRevision", "at the change", |seen| seen.observed == Some(2));
    assert!(!honest.holds("Ready"), "IstioRevision observes a change only after Helm ran");

    recorder.rewind();
    patch(&kit, "istiocni", &json!({ "cni": { "logging": { "level": "debug" } } }));
    let rolling = claims_to_be_ready_before_anything_was_touched(&recorder, "IstioCNI");
    recorder.until("IstioCNI", "healthy again", |seen| seen.at > rolling && seen.state() == "Healthy");

    recorder.rewind();
    kit.kubectl(EAST, &["delete", "istios.sailoperator.io,istiocnis.sailoperator.io", "--all", "--wait=false"]).ok();
    goes_before_its_revision(&recorder);
    remove_istio(&kit);
}

fn installed_in_the_recorded_order(recorder: &Recorder) {
    let rolling = format!("gen 1 obs 1 IstiodNotReady; Reconciled=True, Ready=False IstiodNotReady, {NOT_HEALTHY}");
    let race = format!(
        "gen 1 obs 1 ReconcileError; Reconciled=False ReconcileError, Ready=False IstiodNotReady, {NOT_HEALTHY}"
    );
    let expected = [
        "gen 1 obs none None; ",
        "gen 1 obs 1 ActiveRevisionNotFound; Reconciled=False ActiveRevisionNotFound, \
         Ready=False ActiveRevisionNotFound",
        "gen 1 obs 1 ReconcileError; Reconciled=False ReconcileError, Ready=Unknown ReconcileError",
        "gen 1 obs 1 None; Reconciled=Unknown, Ready=Unknown, DependenciesHealthy=Unknown",
        &race,
        &rolling,
        "gen 1 obs 1 Healthy; Reconciled=True, Ready=True, DependenciesHealthy=True",
    ];
    recorder.assert_in_order("Istio", &expected);
    let revision = [
        "gen 1 obs none None; ",
        &format!("{race}, {NOT_USED}"),
        &format!("{rolling}, {NOT_USED}"),
        &format!("gen 1 obs 1 Healthy; Reconciled=True, Ready=True, DependenciesHealthy=True, {NOT_USED}"),
    ];
    recorder.assert_in_order("IstioRevision", &revision);
    let cni = [
        "gen 1 obs none None; ",
        "gen 1 obs 1 DaemonSetNotReady; Reconciled=True, Ready=False DaemonSetNotReady",
        "gen 1 obs 1 Healthy; Reconciled=True, Ready=True",
    ];
    recorder.assert_in_order("IstioCNI", &cni);
    let errors: Vec<String> = recorder
        .of("Istio")
        .iter()
        .filter(|seen| seen.state() == "ReconcileError")
        .map(|seen| seen.message("Reconciled").to_owned())
        .collect();
    assert!(
        errors[0].starts_with("failed to update IstioRevision \"default\": Operation cannot be fulfilled"),
        "{errors:?}"
    );
    assert!(errors.iter().any(|error| error.contains("configmaps.apps \"values\" is forbidden")), "{errors:?}");
}

fn nothing_of_istio_was_written_but_its_status(kit: &Kit) {
    let istio = kit.get(EAST, &["--show-managed-fields", "istios.sailoperator.io", "default"]).expect("an Istio");
    assert_eq!(istio["metadata"]["finalizers"], Value::Null);
    assert_eq!(istio["spec"]["updateStrategy"]["type"], "InPlace");
    assert_eq!(istio["status"]["activeRevisionName"], "default");
    assert_eq!(istio["status"]["revisions"], json!({ "inUse": 0, "ready": 1, "total": 1 }));
    let entries = istio["metadata"]["managedFields"].as_array().expect("managed fields");
    let operator: Vec<_> = entries.iter().filter(|entry| entry["manager"] == "sail-operator").collect();
    assert_eq!(operator.len(), 1);
    assert_eq!((&operator[0]["operation"], &operator[0]["subresource"]), (&json!("Update"), &json!("status")));
    let fields = operator[0]["fieldsV1"].as_object().expect("fields");
    assert_eq!(fields.keys().collect::<Vec<_>>(), ["f:status"]);

    let reader = ["serviceaccount", "-n", "istio-system", "istio-reader-service-account"];
    let reader = kit.get(EAST, &reader).expect("the account of the base chart");
    let marks = &reader["metadata"]["annotations"];
    assert_eq!(marks["meta.helm.sh/release-name"], "default-base");
    assert_eq!(marks["meta.helm.sh/release-namespace"], "sail-operator");
}

/// For about a second after a change: observedGeneration is the new one, Ready is True, and nothing has been rolled out.
/// Returns once the truth is reported.
fn claims_to_be_ready_before_anything_was_touched(recorder: &Recorder, kind: &str) -> Instant {
    let claim = recorder.until(kind, "falsely ready", |seen| seen.observed == Some(2));
    assert!(claim.holds("Ready") && claim.state() == "Healthy", "{}", claim.line());
    let truth = recorder.until(kind, "rolling", |seen| seen.observed == Some(2) && !seen.holds("Ready"));
    let false_for = truth.at.duration_since(claim.at);
    assert!(false_for >= Duration::from_millis(500), "{kind} was falsely ready for {false_for:?} only");
    truth.at
}

fn goes_before_its_revision(recorder: &Recorder) {
    let cni = recorder.until("IstioCNI", "gone", |seen| seen.is_gone);
    assert!(cni.is_deleting, "IstioCNI has a finalizer");
    let revision = recorder.until("IstioRevision", "gone", |seen| seen.is_gone);
    assert!(revision.is_deleting, "IstioRevision has a finalizer");
    let istio = recorder.until("Istio", "gone", |seen| seen.is_gone);
    assert!(!istio.is_deleting, "Istio has no finalizer");
    assert!(istio.at < revision.at);
}

#[test]
fn a_version_past_its_end_of_life_is_accepted_then_refused_and_another_heals_it() {
    let Some((kit, recorder)) = watched() else { return };
    kit.apply(EAST, &namespaces());
    kit.apply(EAST, &[cni("v1.28.10"), istio("v1.28.10")]);
    let refusal =
        "validation error: version \"v1.28.10\" is end-of-life and cannot be installed; use a supported version";
    let istio_refused = recorder.until("Istio", "refused", |seen| seen.observed == Some(1));
    assert_eq!(
        istio_refused.line(),
        "gen 1 obs 1 ReconcileError; Reconciled=False ReconcileError, Ready=Unknown ReconcileError"
    );
    assert_eq!(istio_refused.message("Reconciled"), refusal);
    let cni_refused = recorder.until("IstioCNI", "refused", |seen| seen.observed == Some(1));
    assert_eq!(
        cni_refused.line(),
        "gen 1 obs 1 ReconcileError; Reconciled=False ReconcileError, Ready=False DaemonSetNotReady"
    );
    assert_eq!(cni_refused.message("Reconciled"), format!("error reconciling resource: {refusal}"));
    assert!(recorder.of("IstioRevision").is_empty(), "no revision is made of it");

    kit.apply(EAST, &[cni(VERSION), istio(VERSION)]);
    await_healthy(&recorder);
    remove_istio(&kit);
}

#[test]
fn a_missing_namespace_is_told_at_once_and_waited_for() {
    let Some((kit, recorder)) = watched() else { return };
    kit.apply(EAST, &[cni(VERSION), istio(VERSION)]);
    let refusal = "error reconciling resource: validation error: namespace \"istio-system\" doesn't exist";
    let refused = recorder.until("Istio", "refused", |seen| seen.message("Reconciled") == refusal);
    assert_eq!(
        refused.line(),
        format!(
            "gen 1 obs 1 ReconcileError; Reconciled=False ReconcileError, Ready=False IstiodNotReady, {NOT_HEALTHY}"
        )
    );
    assert_eq!(refused.message("Ready"), "istiod Deployment not found");
    let refusal = "error reconciling resource: validation error: namespace \"istio-cni\" doesn't exist";
    recorder.until("IstioCNI", "refused", |seen| seen.message("Reconciled") == refusal);

    kit.apply(EAST, &namespaces());
    await_healthy(&recorder);
    remove_istio(&kit);
}

#[test]
fn without_a_cni_it_is_ready_all_the_same_and_only_its_state_says_what_is_missing() {
    let Some((kit, recorder)) = watched() else { return };
    kit.apply(EAST, &namespaces());
    kit.apply(EAST, &[istio(VERSION)]);
    let ready = recorder.until("Istio", "ready", |seen| seen.holds("Ready"));
    assert_eq!(
        ready.line(),
        "gen 1 obs 1 IstioCNINotFound; Reconciled=True, Ready=True, DependenciesHealthy=False IstioCNINotFound"
    );
    assert_eq!(ready.message("DependenciesHealthy"), "IstioCNI resource does not exist");
    kit.apply(EAST, &[cni(VERSION)]);
    await_healthy(&recorder);
    remove_istio(&kit);
}

#[test]
fn what_the_schema_does_not_know_never_reaches_the_operator() {
    let Some((kit, recorder)) = watched() else { return };
    let apply = |object: &Value| {
        let file = kit.file("refused.json", &object.to_string());
        let ended = kit.kubectl(EAST, &["apply", "--server-side", "-f", &file.to_string_lossy()]);
        assert_ne!(ended.code, 0);
        ended.stderr
    };
    let unknown = apply(&istio("v1.31.0"));
    assert!(
        unknown.contains("spec.version: Unsupported value: \"v1.31.0\": supported values: \"v1.31-latest\""),
        "{unknown}"
    );
    let mut wrong = istio(VERSION);
    wrong["spec"]["values"]["nonsense"] = json!(true);
    let wrong = apply(&wrong);
    assert!(wrong.contains("failed to create typed patch object"), "{wrong}");
    let mut typed = istio(VERSION);
    typed["spec"]["values"]["pilot"]["cni"]["enabled"] = json!("yes");
    let typed = apply(&typed);
    assert!(typed.contains("expected boolean"), "{typed}");
    assert!(recorder.of("Istio").is_empty());
}
