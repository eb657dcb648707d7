//! Istio: its one duty is the revision that it wants; its status is that revision's, copied.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use kube::{ResourceExt as _, api::DynamicObject};
use serde_json::{Value, json};

use crate::{
    fault::Fault,
    operator::{Operator, now},
    sail::{self, Kind, generation, spec_text, spec_values},
    status::{self, ActiveRevision, Revisions, Status},
    traps, values, versions,
};

/// What became of the revision that was wanted.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Created,
    Stands,
}

pub(crate) async fn reconcile(operator: &Operator, name: &str) -> Result<Option<Duration>, Fault> {
    let Some(istio) = operator.sail.api(Kind::Istio).get_opt(name).await? else { return Ok(None) };
    if sail::is_deleting(&istio) {
        return Ok(None);
    }
    let active = active_revision_name(&istio);
    let outcome = ensure_revision(operator, &istio, &active).await;
    if outcome == Ok(Outcome::Created) && operator.traps.are_set() {
        mislead(operator, &istio, &active).await?;
    }
    let revisions = owned_revisions(operator, &istio).await?;
    // By name, whoever owns it: a namesake that is still being uninstalled shows its old status.
    let seen = match operator.sail.api(Kind::IstioRevision).get_opt(&active).await? {
        Some(revision) => ActiveRevision::Found(Status::of(&revision)),
        None => ActiveRevision::NotFound,
    };
    let result = outcome.as_ref().map(|_| (active.as_str(), &seen));
    write(operator, &istio, result, &revisions).await?;
    outcome?;
    prune(operator, &istio, &active, &revisions).await
}

/// The revision of an Istio: its namesake, or one per version.
fn active_revision_name(istio: &DynamicObject) -> String {
    match spec_text(istio, "/updateStrategy/type") {
        "RevisionBased" => format!("{}-{}", istio.name_any(), spec_text(istio, "/version").replace('.', "-")),
        _ => istio.name_any(),
    }
}

async fn ensure_revision(operator: &Operator, istio: &DynamicObject, name: &str) -> Result<Outcome, Fault> {
    let spec = wanted_revision(operator, istio, name)?;
    let api = operator.sail.api(Kind::IstioRevision);
    let Some(mut revision) = api.get_opt(name).await? else {
        let mut revision = DynamicObject::new(name, &operator.sail.resource(Kind::IstioRevision));
        revision.metadata.owner_references = Some(vec![owner(operator, istio)]);
        revision.data = json!({ "spec": spec });
        api.create(&sail::post(), &revision)
            .await
            .map_err(|error| Fault::Failed(format!("failed to create IstioRevision \"{name}\": {error}")))?;
        return Ok(Outcome::Created);
    };
    let standing = revision.data.get("spec").cloned().unwrap_or_default();
    if standing["version"] != spec["version"] || standing["values"] != spec["values"] {
        revision.data["spec"]["version"] = spec["version"].clone();
        revision.data["spec"]["values"] = spec["values"].clone();
        api.replace(name, &sail::post(), &revision)
            .await
            .map_err(|error| Fault::Failed(format!("failed to update IstioRevision \"{name}\": {error}")))?;
    }
    Ok(Outcome::Stands)
}

fn wanted_revision(operator: &Operator, istio: &DynamicObject, name: &str) -> Result<Value, Fault> {
    let version = versions::resolve(spec_text(istio, "/version"), operator.sail.served)?;
    let namespace = spec_text(istio, "/namespace");
    let profile = spec_text(istio, "/profile");
    let values = values::of_revision(&spec_values(istio), version, profile, name, namespace)?;
    Ok(json!({ "version": version, "namespace": namespace, "values": values }))
}

fn owner(operator: &Operator, istio: &DynamicObject) -> k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference {
    k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference {
        api_version: operator.sail.api_version(),
        kind: Kind::Istio.name().into(),
        name: istio.name_any(),
        uid: istio.uid().unwrap_or_default(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    }
}

/// The two statuses of a new Istio that pass by themselves: the cache has no revision yet, then an old one.
async fn mislead(operator: &Operator, istio: &DynamicObject, active: &str) -> Result<(), Fault> {
    write(operator, istio, Ok((active, &ActiveRevision::NotFound)), &[]).await?;
    tokio::time::sleep(traps::PASSING).await;
    if let Some(istio) = operator.sail.api(Kind::Istio).get_opt(&istio.name_any()).await? {
        let revisions = owned_revisions(operator, &istio).await?;
        write(operator, &istio, Err(&traps::write_conflict(active)), &revisions).await?;
        tokio::time::sleep(traps::PASSING).await;
    }
    Ok(())
}

async fn write(
    operator: &Operator,
    istio: &DynamicObject,
    active: Result<(&str, &ActiveRevision), &Fault>,
    revisions: &[DynamicObject],
) -> Result<(), Fault> {
    let Some(before) = operator.sail.api(Kind::Istio).get_opt(&istio.name_any()).await? else { return Ok(()) };
    let mut after = status::istio(Status::of(&before), generation(istio), active, operator.has_dependencies(), &now());
    after.revisions = Some(count(revisions));
    Ok(operator.sail.write_status(Kind::Istio, &before, &after).await?)
}

fn count(revisions: &[DynamicObject]) -> Revisions {
    let having = |condition: &str| {
        let count = revisions.iter().filter(|revision| Status::of(revision).condition(condition).is_true()).count();
        i32::try_from(count).unwrap_or(i32::MAX)
    };
    Revisions {
        total: i32::try_from(revisions.len()).unwrap_or(i32::MAX),
        ready: having("Ready"),
        in_use: having("InUse"),
    }
}

async fn owned_revisions(operator: &Operator, istio: &DynamicObject) -> Result<Vec<DynamicObject>, Fault> {
    let mut revisions = operator.sail.list(Kind::IstioRevision).await?;
    revisions.retain(|revision| {
        revision.owner_references().iter().any(|owner| Some(&owner.uid) == istio.metadata.uid.as_ref())
    });
    Ok(revisions)
}

/// Deletes revisions that are no longer in use, and says when the next is due.
///
/// Rule: sail-operator pkg/revision/prune.go; the grace period is at least 30 s.
async fn prune(
    operator: &Operator,
    istio: &DynamicObject,
    active: &str,
    revisions: &[DynamicObject],
) -> Result<Option<Duration>, Fault> {
    let grace = istio.data.pointer("/spec/updateStrategy/inactiveRevisionDeletionGracePeriodSeconds");
    let grace = SignedDuration::from_secs(grace.and_then(Value::as_i64).unwrap_or(30).max(30));
    let mut next = None;
    for revision in revisions.iter().filter(|revision| revision.name_any() != active) {
        let in_use = Status::of(revision).condition("InUse");
        let Ok(since) = in_use.last_transition_time.parse::<Timestamp>() else { continue };
        if in_use.status != "False" || sail::is_deleting(revision) {
            continue;
        }
        match Duration::try_from(
            since.saturating_add(grace).map_or(SignedDuration::ZERO, |due| due.duration_since(Timestamp::now())),
        ) {
            Ok(wait) if !wait.is_zero() => next = [next, Some(wait)].into_iter().flatten().min(),
            _ => {
                operator
                    .sail
                    .api(Kind::IstioRevision)
                    .delete(&revision.name_any(), &kube::api::DeleteParams::default())
                    .await?;
            }
        }
    }
    Ok(next)
}
