//! Istio's module made into what its releases are: the only place where something is laid under what users, operators,
//! helm and istioctl ask for.
//!
//! A release has its version in every chart, its registry in the values, and all of that compiled into istioctl; so has
//! this one, by the same few changes to the same files. What besides these only the lab needs stands in
//! [`LAB_VALUES`], as defaults of the charts: manuals' own values and flags lie over them as they lie over Istio's.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use flate2::{Compression, GzBuilder};
use mesh_shared::model::istio::values::merge;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::cache::{KeyOf, copy_folder, files_below, hex};
use super::versions;

/// Where a release's images are, by its charts and by istioctl.
pub(super) const HUB: &str = "registry.istio.io/release";
/// Where manuals of older releases have them; the same images answer there.
pub(super) const OTHER_HUBS: [&str; 2] = ["docker.io/istio", "gcr.io/istio-release"];
/// The folder of a release, as its archive unpacks: manifests, samples and tools.
pub(super) const FOLDER: &str = "release";
/// The charts in that folder.
pub(super) const CHARTS: &str = "manifests/charts";
/// The charts, packed and listed as a chart repository serves them.
pub(super) const REPOSITORY: &str = "istio-charts";

/// What a chart's values are without a release's registry and tag.
const UNRELEASED_HUB: &str = "hub: registry.istio.io/testing";
const UNRELEASED_TAG: &str = "tag: latest";
const UNRELEASED_VERSION: &str = "version: 1.0.0";
/// Where a chart keeps its defaults, below the profile and the user's values.
const DEFAULTS: &str = "_internal_defaults_do_not_set";
/// Values that only the lab needs, by the folder of the chart.
const LAB_VALUES: &str = include_str!("lab-values.yaml");
/// The charts that a release puts into its repository.
const PUBLISHED: [&str; 5] = ["base", "gateway", "istio-cni", "istio-control/istio-discovery", "ztunnel"];

/// Folders of the module that a release's archive holds.
const FOLDERS: [&str; 4] = [CHARTS, "manifests/profiles", "samples", "tools/certs"];

/// Adds to a key what decides a release.
pub(super) fn identify(key: KeyOf) -> KeyOf {
    let key = FOLDERS.iter().fold(key, |key, folder| key.text(folder));
    key.text(HUB).text(versions::ISTIO_STAMP).text(LAB_VALUES).text("release 2")
}

/// Makes the release's folder of the module's sources in `module`.
pub(super) fn unpack(module: &Path, into: &Path) -> Result<()> {
    for folder in FOLDERS {
        copy_folder(&module.join(folder), &into.join(folder))?;
    }
    // A module's files have lost what made them programs.
    for script in files_below(&into.join("samples"))?.iter().filter(|path| path.extension().is_some_and(|e| e == "sh"))
    {
        fs::set_permissions(script, fs::Permissions::from_mode(0o755))?;
    }
    let manifests = into.join("manifests");
    let mut released = 0;
    for path in files_below(&manifests)?.iter().filter(|path| path.extension().is_some_and(|e| e == "yaml")) {
        let before = fs::read_to_string(path)?;
        let after = released_text(path, &before);
        if after != before {
            released += 1;
            fs::write(path, after)?;
        }
    }
    ensure!(released > 0, "the charts' versions, hubs and tags are not where they were");
    let lab: BTreeMap<String, Value> = serde_yaml::from_str(LAB_VALUES).context("lab-values.yaml")?;
    for (chart, values) in lab {
        let path = into.join(CHARTS).join(&chart).join("values.yaml");
        let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        fs::write(&path, with_defaults(&text, values).with_context(|| format!("{}", path.display()))?)?;
    }
    Ok(())
}

/// A chart or a file of values as a release has it.
fn released_text(path: &Path, text: &str) -> String {
    if path.file_name().is_some_and(|name| name == "Chart.yaml") {
        return text
            .replace(UNRELEASED_VERSION, &format!("version: {}", versions::ISTIO_STAMP))
            .replace("appVersion: 1.0.0", &format!("appVersion: {}", versions::ISTIO_STAMP));
    }
    text.replace(UNRELEASED_HUB, &format!("hub: {HUB}"))
        .replace(UNRELEASED_TAG, &format!("tag: {}", versions::ISTIO_STAMP))
}

/// A chart's values with other defaults.
fn with_defaults(text: &str, values: Value) -> Result<String> {
    let mut all: Value = serde_yaml::from_str(text)?;
    ensure!(all[DEFAULTS].is_object(), "the chart's defaults are not under {DEFAULTS}");
    merge(&mut all[DEFAULTS], values);
    Ok(serde_yaml::to_string(&all)?)
}

/// What the compiler is to find in the folder of a program's sources besides these, for its option `-overlay`.
pub(super) fn overlay(release: &Path, program: &Path) -> Result<String> {
    let manifests = release.join("manifests");
    let mut replace = serde_json::Map::new();
    for path in files_below(&manifests)? {
        let laid = program.join(path.strip_prefix(&manifests)?);
        replace.insert(laid.to_string_lossy().into_owned(), path.to_string_lossy().into_owned().into());
    }
    Ok(json!({ "Replace": replace }).to_string())
}

/// Packs the charts and lists them, for helm, as those of a final release: a manual names no version, and helm passes over others
/// where none is named.
pub(super) fn publish(charts: &Path, into: &Path) -> Result<()> {
    fs::create_dir_all(into)?;
    let mut entries = serde_json::Map::new();
    for folder in PUBLISHED {
        let folder = charts.join(folder);
        let text = fs::read_to_string(folder.join("Chart.yaml"))?;
        let mut chart: Value = serde_yaml::from_str(&text).with_context(|| format!("{}", folder.display()))?;
        let name = chart["name"].as_str().context("a chart without a name")?.to_owned();
        let version = versions::ISTIO_STAMP.split('-').next().unwrap_or_default();
        chart["version"] = version.into();
        let archive = format!("{name}-{version}.tgz");
        pack(&folder, &name, &serde_yaml::to_string(&chart)?, &into.join(&archive))?;
        chart["urls"] = json!([archive]);
        chart["digest"] = hex(&Sha256::digest(fs::read(into.join(&archive))?)).into();
        chart["created"] = "2026-01-01T00:00:00Z".into();
        entries.insert(name, json!([chart]));
    }
    let index = json!({ "apiVersion": "v1", "generated": "2026-01-01T00:00:00Z", "entries": entries });
    fs::write(into.join("index.yaml"), serde_yaml::to_string(&index)?)?;
    Ok(())
}

/// The files of a folder under a name, with another `Chart.yaml`. The same content makes the same bytes.
fn pack(folder: &Path, name: &str, chart: &str, archive: &Path) -> Result<()> {
    let file = File::create(archive).with_context(|| format!("write {}", archive.display()))?;
    let mut tar = tar::Builder::new(GzBuilder::new().write(file, Compression::default()));
    for path in files_below(folder)? {
        let content = if path == folder.join("Chart.yaml") { chart.as_bytes().to_vec() } else { fs::read(&path)? };
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_size(content.len() as u64);
        tar.append_data(&mut header, PathBuf::from(name).join(path.strip_prefix(folder)?), content.as_slice())?;
    }
    tar.into_inner()?.finish()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_has_its_version_in_charts_and_its_registry_in_values() {
        let chart = released_text(Path::new("base/Chart.yaml"), "name: base\nversion: 1.0.0\nappVersion: 1.0.0\n");
        assert_eq!(chart, format!("name: base\nversion: {0}\nappVersion: {0}\n", versions::ISTIO_STAMP));
        let values =
            released_text(Path::new("base/values.yaml"), "    hub: registry.istio.io/testing\n    tag: latest\n");
        assert_eq!(values, format!("    hub: {HUB}\n    tag: {}\n", versions::ISTIO_STAMP));
    }

    #[test]
    fn what_the_lab_needs_is_a_default_beside_the_chart_s_own() {
        let text = "_internal_defaults_do_not_set: {telemetry: {enabled: true, v2: {enabled: true}}, env: {}}\n";
        let changed = with_defaults(text, json!({ "telemetry": { "enabled": false } })).unwrap();
        let changed: Value = serde_yaml::from_str(&changed).unwrap();
        assert_eq!(
            changed[DEFAULTS],
            json!({ "telemetry": { "enabled": false, "v2": { "enabled": true } }, "env": {} })
        );
        assert!(with_defaults("telemetry: {}\n", json!({})).is_err());
    }

    #[test]
    fn charts_are_listed_by_their_names_with_what_they_hash_to() {
        let place = tempfile::tempdir().unwrap();
        for folder in PUBLISHED {
            let name = folder.rsplit('/').next().unwrap();
            fs::create_dir_all(place.path().join(folder)).unwrap();
            let chart = format!("apiVersion: v2\nname: {name}\nversion: {}\n", versions::ISTIO_STAMP);
            fs::write(place.path().join(folder).join("Chart.yaml"), chart).unwrap();
        }
        let into = place.path().join("repository");
        publish(place.path(), &into).unwrap();
        let index: Value = serde_yaml::from_str(&fs::read_to_string(into.join("index.yaml")).unwrap()).unwrap();
        let base = &index["entries"]["base"][0];
        assert!(!base["version"].as_str().unwrap().contains('-'), "{base}");
        let archive = fs::read(into.join(base["urls"][0].as_str().unwrap())).unwrap();
        assert_eq!(base["digest"], hex(&Sha256::digest(archive)));
        assert_eq!(index["entries"].as_object().unwrap().len(), PUBLISHED.len());
    }
}
