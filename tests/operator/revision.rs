//! IstioRevision: installs istiod, and the base chart for the default revision.

use std::time::Duration;

use k8s_openapi::api::apps::v1::Deployment;
use kube::{Api, ResourceExt as _, api::DynamicObject};
use serde_json::Value;

use crate::{
    dependencies,
    fault::Fault,
    helm::{Chart, Release},
    operator::{OPERATOR_NAMESPACE, Operator, now, target_namespace},
    sail::{self, Kind, generation, spec_text, spec_values},
    status::{self, Pods, Status},
    traps,
    values::DEFAULT_REVISION,
};

pub(crate) async fn reconcile(operator: &Operator, name: &str) -> Result<Option<Duration>, Fault> {
    let Some(revision) = operator.sail.api(Kind::IstioRevision).get_opt(name).await? else { return Ok(None) };
    if sail::is_deleting(&revision) {
        if sail::has_finalizer(&revision) {
            uninstall(operator, &revision).await?;
            operator.sail.remove_finalizer(Kind::IstioRevision, revision).await?;
        }
        return Ok(None);
    }
    if !sail::has_finalizer(&revision) {
        operator.sail.add_finalizer(Kind::IstioRevision, revision).await?;
        return Ok(None);
    }
    let outcome = install(operator, &revision).await;
    write(operator, &revision, outcome.as_ref().map(|&()| ())).await?;
    outcome.map(|()| None)
}

fn istiod_release(revision: &DynamicObject) -> Release {
    let namespace = spec_text(revision, "/namespace").to_owned();
    Release { name: format!("{}-istiod", revision.name_any()), namespace, chart: Chart::Istiod }
}

/// The base chart belongs to the default revision alone and is kept in the operator's namespace.
fn base_release(revision: &DynamicObject) -> Option<Release> {
    (revision.name_any() == DEFAULT_REVISION).then(|| Release {
        name: format!("{DEFAULT_REVISION}-base"),
        namespace: OPERATOR_NAMESPACE.into(),
        chart: Chart::Base,
    })
}

async fn install(operator: &Operator, revision: &DynamicObject) -> Result<(), Fault> {
    target_namespace(&operator.client, spec_text(revision, "/namespace")).await?;
    let values = spec_values(revision);
    match Status::of(revision).observed_generation {
        _ if !operator.traps.are_set() => install_charts(operator, revision, &values).await,
        None => {
            let (installed, ()) =
                tokio::join!(install_charts(operator, revision, &values), mislead(operator, revision));
            installed
        }
        Some(observed) => {
            if observed < generation(revision) {
                tokio::time::sleep(traps::BEFORE_HELM).await;
            }
            install_charts(operator, revision, &values).await
        }
    }
}

async fn install_charts(operator: &Operator, revision: &DynamicObject, values: &Value) -> Result<(), Fault> {
    let istiod = istiod_release(revision);
    let before = deployment(operator, revision).await?.and_then(|deployment| deployment.metadata.generation);
    if operator.helm.ensure(&istiod, values, before).await? {
        let after = deployment(operator, revision).await?.and_then(|deployment| deployment.metadata.generation);
        operator.helm.note_workload(&istiod.name, after);
    }
    if let Some(base) = base_release(revision) {
        operator.helm.ensure(&base, values, None).await?;
    }
    Ok(())
}

/// The transient error of a first install. Helm is at work at that time; the real operator would be between two tries.
async fn mislead(operator: &Operator, revision: &DynamicObject) {
    tokio::time::sleep(traps::HELM_RACE).await;
    let race = traps::helm_mapping_race(spec_text(revision, "/namespace"));
    if let Err(fault) = write(operator, revision, Err(&race)).await {
        tracing::warn!(%fault, "cannot show the passing error");
    }
}

async fn uninstall(operator: &Operator, revision: &DynamicObject) -> Result<(), Fault> {
    operator.helm.uninstall(&istiod_release(revision)).await?;
    if let Some(base) = base_release(revision) {
        operator.helm.uninstall(&base).await?;
    }
    Ok(())
}

/// Writes the status of the generation that was reconciled, which may be an old one by now.
async fn write(operator: &Operator, revision: &DynamicObject, outcome: Result<(), &Fault>) -> Result<(), Fault> {
    let name = revision.name_any();
    let pods = deployment(operator, revision).await?.map(|deployment| {
        let status = deployment.status.unwrap_or_default();
        Pods { wanted: status.replicas.unwrap_or_default(), ready: status.ready_replicas.unwrap_or_default() }
    });
    let mut health = vec![status::reconciled(outcome), status::istiod_ready(pods)];
    if operator.has_dependencies() {
        health.push(dependencies::healthy(&operator.sail, &spec_values(revision)).await?);
    }
    let in_use = status::in_use(dependencies::is_revision_referenced(operator, revision).await?);
    let Some(current) = operator.sail.api(Kind::IstioRevision).get_opt(&name).await? else { return Ok(()) };
    let after = status::revision(Status::of(&current), generation(revision), health, in_use, &now());
    Ok(operator.sail.write_status(Kind::IstioRevision, &current, &after).await?)
}

async fn deployment(operator: &Operator, revision: &DynamicObject) -> Result<Option<Deployment>, Fault> {
    let name = match spec_text(revision, "/values/revision") {
        "" => "istiod".into(),
        revision => format!("istiod-{revision}"),
    };
    let deployments: Api<Deployment> = Api::namespaced(operator.client.clone(), spec_text(revision, "/namespace"));
    Ok(deployments.get_opt(&name).await?)
}
