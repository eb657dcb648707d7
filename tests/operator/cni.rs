//! IstioCNI: installs the CNI plugin and is Ready as its DaemonSet is.

use std::time::Duration;

use k8s_openapi::api::apps::v1::DaemonSet;
use kube::{Api, ResourceExt as _, api::DynamicObject};

use crate::{
    fault::Fault,
    helm::{Chart, Release},
    operator::{Operator, now, target_namespace},
    sail::{self, Kind, generation, spec_text, spec_values},
    status::{self, Pods, Status},
    traps, values, versions,
};

pub(crate) async fn reconcile(operator: &Operator, name: &str) -> Result<Option<Duration>, Fault> {
    let Some(cni) = operator.sail.api(Kind::IstioCni).get_opt(name).await? else { return Ok(None) };
    if sail::is_deleting(&cni) {
        if sail::has_finalizer(&cni) {
            operator.helm.uninstall(&release(&cni)).await?;
            operator.sail.remove_finalizer(Kind::IstioCni, cni).await?;
        }
        return Ok(None);
    }
    if !sail::has_finalizer(&cni) {
        operator.sail.add_finalizer(Kind::IstioCni, cni).await?;
        return Ok(None);
    }
    let outcome = install(operator, &cni).await;
    let is_ready = write(operator, &cni, outcome.as_ref().map(|&()| ())).await?;
    let changed = Status::of(&cni).observed_generation.is_some_and(|observed| observed < generation(&cni));
    if is_ready && changed && operator.traps.are_set() {
        tokio::time::sleep(traps::CNI_LOOKS_AWAY).await;
        operator.bells.cni.notify_one();
    }
    outcome.map(|()| None)
}

fn release(cni: &DynamicObject) -> Release {
    Release { name: "istio-cni".into(), namespace: spec_text(cni, "/namespace").into(), chart: Chart::Cni }
}

async fn install(operator: &Operator, cni: &DynamicObject) -> Result<(), Fault> {
    target_namespace(&operator.client, spec_text(cni, "/namespace")).await?;
    let version = versions::resolve(spec_text(cni, "/version"), operator.sail.served)?;
    let values = values::with_profile(&spec_values(cni), version, spec_text(cni, "/profile"))?;
    let release = release(cni);
    let before = daemon_set(operator, cni).await?.and_then(|daemon_set| daemon_set.metadata.generation);
    if operator.helm.ensure(&release, &values, before).await? {
        let after = daemon_set(operator, cni).await?.and_then(|daemon_set| daemon_set.metadata.generation);
        operator.helm.note_workload(&release.name, after);
    }
    Ok(())
}

/// Writes the status, and says whether it claims Ready.
async fn write(operator: &Operator, cni: &DynamicObject, outcome: Result<(), &Fault>) -> Result<bool, Fault> {
    let pods = daemon_set(operator, cni).await?.map(|daemon_set| {
        let status = daemon_set.status.unwrap_or_default();
        Pods { wanted: status.current_number_scheduled, ready: status.number_ready }
    });
    let ready = status::cni_ready(pods);
    let is_ready = ready.is_true();
    let Some(current) = operator.sail.api(Kind::IstioCni).get_opt(&cni.name_any()).await? else { return Ok(false) };
    let conditions = vec![status::reconciled(outcome), ready];
    let after = Status::of(&current).with(generation(cni), conditions, &now());
    operator.sail.write_status(Kind::IstioCni, &current, &after).await?;
    Ok(is_ready)
}

async fn daemon_set(operator: &Operator, cni: &DynamicObject) -> Result<Option<DaemonSet>, Fault> {
    let daemon_sets: Api<DaemonSet> = Api::namespaced(operator.client.clone(), spec_text(cni, "/namespace"));
    Ok(daemon_sets.get_opt("istio-cni-node").await?)
}
