//! IstioRevisionTag: a second name for a revision, with its own webhooks.

use std::time::Duration;

use kube::{ResourceExt as _, api::DynamicObject};
use mesh_shared::model::istio::values::merge;
use serde_json::json;

use crate::{
    dependencies,
    fault::Fault,
    helm::{Chart, Release},
    operator::{OPERATOR_NAMESPACE, Operator, now},
    sail::{self, Kind, generation, spec_text, spec_values},
    status::{self, Status},
    values::DEFAULT_REVISION,
};

pub(crate) async fn reconcile(operator: &Operator, name: &str) -> Result<Option<Duration>, Fault> {
    let Some(tag) = operator.sail.api(Kind::IstioRevisionTag).get_opt(name).await? else { return Ok(None) };
    if sail::is_deleting(&tag) {
        if sail::has_finalizer(&tag) {
            uninstall(operator, &tag).await?;
            operator.sail.remove_finalizer(Kind::IstioRevisionTag, tag).await?;
        }
        return Ok(None);
    }
    if !sail::has_finalizer(&tag) {
        operator.sail.add_finalizer(Kind::IstioRevisionTag, tag).await?;
        return Ok(None);
    }
    let outcome = install(operator, &tag).await;
    write(operator, &tag, outcome.as_ref()).await?;
    outcome.map(|_| None)
}

fn releases(tag: &DynamicObject, namespace: &str) -> Vec<Release> {
    let name = tag.name_any();
    let release = |chart, suffix: &str, namespace: &str| Release {
        name: format!("{name}-{suffix}"),
        namespace: namespace.into(),
        chart,
    };
    let mut releases = vec![release(Chart::RevisionTags, "revisiontags", namespace)];
    if name == DEFAULT_REVISION {
        releases.push(release(Chart::Base, "base", OPERATOR_NAMESPACE));
    }
    releases
}

/// The revision that the tag names, directly or through its Istio.
async fn target(operator: &Operator, tag: &DynamicObject) -> Result<DynamicObject, Fault> {
    let missing = |kind: Kind| Fault::ReferenceNotFound(format!("referenced {} resource does not exist", kind.name()));
    let mut name = spec_text(tag, "/targetRef/name").to_owned();
    if spec_text(tag, "/targetRef/kind") == Kind::Istio.name() {
        let istio = operator.sail.api(Kind::Istio).get_opt(&name).await?.ok_or_else(|| missing(Kind::Istio))?;
        name = Status::of(&istio)
            .active_revision_name
            .ok_or_else(|| Fault::Failed("referenced Istio has no active revision".into()))?;
    }
    let revision = operator.sail.api(Kind::IstioRevision).get_opt(&name).await?;
    revision.ok_or_else(|| missing(Kind::IstioRevision))
}

async fn install(operator: &Operator, tag: &DynamicObject) -> Result<DynamicObject, Fault> {
    let revision = target(operator, tag).await?;
    let namespace = spec_text(&revision, "/namespace");
    if Status::of(tag).istiod_namespace.is_some_and(|before| before != namespace) {
        uninstall(operator, tag).await?;
    }
    let mut values = spec_values(&revision);
    merge(&mut values, json!({ "revisionTags": [tag.name_any()] }));
    for release in releases(tag, namespace) {
        if release.chart == Chart::Base {
            merge(&mut values, json!({ "defaultRevision": revision.name_any() }));
        }
        operator.helm.ensure(&release, &values, None).await?;
    }
    Ok(revision)
}

async fn uninstall(operator: &Operator, tag: &DynamicObject) -> Result<(), Fault> {
    let Some(namespace) = Status::of(tag).istiod_namespace else { return Ok(()) };
    for release in releases(tag, &namespace) {
        operator.helm.uninstall(&release).await?;
    }
    Ok(())
}

async fn write(operator: &Operator, tag: &DynamicObject, outcome: Result<&DynamicObject, &Fault>) -> Result<(), Fault> {
    let name = tag.name_any();
    let in_use = status::in_use(dependencies::is_tag_referenced(operator, &name).await?);
    let Some(current) = operator.sail.api(Kind::IstioRevisionTag).get_opt(&name).await? else { return Ok(()) };
    let conditions = vec![status::reconciled(outcome.map(|_| ())), in_use];
    let mut after = Status::of(&current).with(generation(tag), conditions, &now());
    if let Ok(revision) = outcome {
        after.istio_revision = Some(revision.name_any());
        after.istiod_namespace = Some(spec_text(revision, "/namespace").into());
    }
    // The CRD requires both; the real operator sends them empty where there are none.
    after.istio_revision.get_or_insert_default();
    after.istiod_namespace.get_or_insert_default();
    Ok(operator.sail.write_status(Kind::IstioRevisionTag, &current, &after).await?)
}
