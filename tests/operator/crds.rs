//! Custom resource definitions: the Sail API's and Istio's own, all established before anything is reconciled.

use std::{fs, path::Path};

use anyhow::Context as _;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api, Client, ResourceExt as _,
    api::{Patch, PatchParams},
    runtime::wait::{await_condition, conditions::is_crd_established},
};
use serde::de::Deserialize as _;
use serde_json::Value;

use crate::sail::{MANAGER, Served};

const OWN_V1: [&str; 5] = [
    include_str!("crds/v1/istiocnis.yaml"),
    include_str!("crds/v1/istiorevisions.yaml"),
    include_str!("crds/v1/istiorevisiontags.yaml"),
    ZTUNNELS,
    include_str!("crds/v1/istios.yaml"),
];
const OWN_V1ALPHA1: [&str; 3] = [
    include_str!("crds/v1alpha1/istiocnis.yaml"),
    include_str!("crds/v1alpha1/istiorevisions.yaml"),
    include_str!("crds/v1alpha1/istios.yaml"),
];
const ZTUNNELS: &str = include_str!("crds/v1/ztunnels.yaml");
/// Comes last, so that whoever waits for it finds all the others.
const LAST: &str = "istios.sailoperator.io";

/// Installs the Sail API's CRDs and those of Istio that the charts hold, and waits until all are established.
pub(crate) async fn install(
    client: &Client,
    served: Served,
    folder: Option<&Path>,
    charts: &Path,
) -> anyhow::Result<()> {
    let mut sail = match folder {
        Some(folder) => of_folder(folder)?,
        None => own(served)?,
    };
    if served == Served::V1 && sail.iter().all(|crd| name(crd) != "ztunnels.sailoperator.io") {
        sail.extend(documents(ZTUNNELS)?);
    }
    let (last, mut first): (Vec<_>, Vec<_>) = sail.into_iter().partition(|crd| name(crd) == LAST);
    anyhow::ensure!(last.len() == 1, "there is no CRD {LAST} among those of the Sail API");
    let istio = charts.join("base/files/crd-all.gen.yaml");
    let istio = fs::read_to_string(&istio).with_context(|| format!("cannot read {}", istio.display()))?;
    first.extend(documents(&istio)?);
    establish(client, first).await?;
    establish(client, last).await
}

fn own(served: Served) -> anyhow::Result<Vec<Value>> {
    let files: &[&str] = match served {
        Served::V1 => &OWN_V1,
        Served::V1alpha1 => &OWN_V1ALPHA1,
    };
    Ok(files.iter().map(|file| documents(file)).collect::<anyhow::Result<Vec<_>>>()?.concat())
}

fn of_folder(folder: &Path) -> anyhow::Result<Vec<Value>> {
    let mut crds = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            let text = fs::read_to_string(&path)?;
            crds.extend(documents(&text).with_context(|| format!("cannot read {}", path.display()))?);
        }
    }
    Ok(crds)
}

fn documents(yaml: &str) -> anyhow::Result<Vec<Value>> {
    let documents = serde_yaml::Deserializer::from_str(yaml).map(Value::deserialize).collect::<Result<Vec<_>, _>>()?;
    Ok(documents.into_iter().filter(|document| !document.is_null()).collect())
}

fn name(crd: &Value) -> &str {
    crd.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default()
}

const AT_ONCE: usize = 8;

async fn establish(client: &Client, crds: Vec<Value>) -> anyhow::Result<()> {
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    let apply = PatchParams::apply(MANAGER).force();
    stream::iter(crds)
        .map(|crd| {
            let (api, apply) = (api.clone(), apply.clone());
            async move {
                let name = name(&crd).to_owned();
                let applied = api.patch(&name, &apply, &Patch::Apply(&crd)).await;
                let applied = applied.with_context(|| format!("cannot install the CRD {name}"))?;
                await_condition(api, &applied.name_any(), is_crd_established()).await?;
                anyhow::Ok(())
            }
        })
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn versions_of(crd: &Value) -> Vec<&str> {
        let versions = crd.pointer("/spec/versions").and_then(Value::as_array);
        versions.into_iter().flatten().filter_map(|version| version["name"].as_str()).collect()
    }

    #[test]
    fn istio_is_served_at_one_version_although_the_group_lists_another() {
        let crds = own(Served::V1).unwrap();
        let istio = crds.iter().find(|crd| name(crd) == LAST).unwrap();
        let ztunnel = crds.iter().find(|crd| name(crd).starts_with("ztunnels")).unwrap();
        assert_eq!(versions_of(istio), ["v1"]);
        assert_eq!(versions_of(ztunnel), ["v1", "v1alpha1"]);
    }

    #[test]
    fn the_old_operator_has_no_tags_and_no_ztunnel() {
        let names: Vec<_> = own(Served::V1alpha1).unwrap().iter().map(|crd| name(crd).to_owned()).collect();
        assert_eq!(names, ["istiocnis.sailoperator.io", "istiorevisions.sailoperator.io", LAST]);
    }

    #[test]
    fn the_default_version_is_among_those_offered_and_old_ones_stay_valid() {
        let crds = own(Served::V1).unwrap();
        let istio = crds.iter().find(|crd| name(crd) == LAST).unwrap();
        let version =
            istio.pointer("/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/version").unwrap();
        let offered: Vec<_> = version["enum"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        assert!(offered.contains(&version["default"].as_str().unwrap()));
        assert!(offered.contains(&"v1.28.10") && !offered.contains(&"v1.31.0"));
    }
}
