//! Istio's charts, installed by the real helm.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    sync::{Mutex, PoisonError},
};

use anyhow::Context as _;
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

use crate::fault::Fault;

/// Label of every object that a chart makes.
pub(crate) const MANAGED: &str = "managed-by=sail-operator";
/// The label by which an object names its release.
pub(crate) const RELEASE_LABEL: &str = "app.kubernetes.io/instance";

/// A chart, by the name that the operator gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Chart {
    Istiod,
    Base,
    Cni,
    RevisionTags,
}

impl Chart {
    fn name(self) -> &'static str {
        match self {
            Self::Istiod => "istiod",
            Self::Base => "base",
            Self::Cni => "cni",
            Self::RevisionTags => "revisiontags",
        }
    }
}

/// A chart under a name in a namespace.
#[derive(Debug, Clone)]
pub(crate) struct Release {
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) chart: Chart,
}

/// What was installed last under a release's name.
#[derive(Debug, Clone, PartialEq)]
struct Installed {
    namespace: String,
    values: Value,
    /// Generation of the workload right after the install: another one means that someone else changed it.
    workload: Option<i64>,
}

/// The helm binary with its own home, charts and memory.
pub(crate) struct Helm {
    program: PathBuf,
    kubeconfig: PathBuf,
    home: TempDir,
    installed: Mutex<HashMap<String, Installed>>,
}

impl Helm {
    /// Copies the charts as the real operator's build does: without the CRDs, which are installed beforehand, and with
    /// a label on every object.
    pub(crate) fn prepare(program: &Path, charts: &Path, kubeconfig: &Path) -> anyhow::Result<Self> {
        let home = tempfile::Builder::new().prefix("sail-stand-in-").tempdir()?;
        let into = home.path().join("charts");
        for (chart, folder) in
            [(Chart::Istiod, "istio-control/istio-discovery"), (Chart::Base, "base"), (Chart::Cni, "istio-cni")]
        {
            copy_chart(&charts.join(folder), &into.join(chart.name()))
                .with_context(|| format!("cannot copy the chart {folder} of {}", charts.display()))?;
        }
        make_tag_chart(&into).context("cannot make the chart of revision tags")?;
        Ok(Self {
            program: fs::canonicalize(program).with_context(|| format!("no helm at {}", program.display()))?,
            kubeconfig: fs::canonicalize(kubeconfig)?,
            home,
            installed: Mutex::default(),
        })
    }

    /// Installs or upgrades a release, unless it stands with these values and its workload is as helm left it. The real
    /// operator runs Helm on every event; what it would find is the same.
    pub(crate) async fn ensure(&self, release: &Release, values: &Value, workload: Option<i64>) -> Result<bool, Fault> {
        let wanted = Installed { namespace: release.namespace.clone(), values: values.clone(), workload };
        if self.memory().get(&release.name) == Some(&wanted) {
            return Ok(false);
        }
        self.forget(&release.name);
        let chart = release.chart.name();
        self.upgrade(release, values).await.map_err(|error| {
            let verb = if error.starts_with("UPGRADE FAILED: ") { "update" } else { "install" };
            let error = error.trim_start_matches("UPGRADE FAILED: ");
            Fault::Failed(format!(
                "failed to install/update Helm chart \"{chart}\": failed to {verb} helm chart {chart}: {error}"
            ))
        })?;
        self.memory().insert(release.name.clone(), wanted);
        Ok(true)
    }

    /// Notes the generation that the release's workload has after its install.
    pub(crate) fn note_workload(&self, release: &str, generation: Option<i64>) {
        if let Some(installed) = self.memory().get_mut(release) {
            installed.workload = generation;
        }
    }

    /// Makes the next [`Self::ensure`] run helm, whatever the values are.
    pub(crate) fn forget(&self, release: &str) {
        self.memory().remove(release);
    }

    pub(crate) async fn uninstall(&self, release: &Release) -> Result<(), Fault> {
        self.forget(&release.name);
        let arguments = ["uninstall", &release.name, "--ignore-not-found", "--namespace", &release.namespace];
        match self.run(&arguments).await {
            // The release's own Secret went first, with its namespace.
            Err(error) if error.contains("not found") => Ok(()),
            Err(error) => {
                let chart = release.chart.name();
                Err(Fault::Failed(format!("failed to uninstall Helm chart \"{chart}\": {error}")))
            }
            Ok(()) => Ok(()),
        }
    }

    async fn upgrade(&self, release: &Release, values: &Value) -> Result<(), String> {
        let file = self.home.path().join(format!("{}.values.json", release.name));
        fs::write(&file, values.to_string()).map_err(|error| format!("cannot write {}: {error}", file.display()))?;
        let chart = self.home.path().join("charts").join(release.chart.name());
        let arguments = [
            "upgrade",
            &release.name,
            &chart.to_string_lossy(),
            "--install",
            "--namespace",
            &release.namespace,
            "--values",
            &file.to_string_lossy(),
            "--reset-values",
            "--history-max=1",
            "--skip-crds",
            "--disable-openapi-validation",
            "--server-side=false",
            "--hide-notes",
        ];
        match self.run(&arguments).await {
            Err(error) if error.contains("another operation") => {
                self.unlock(release).await?;
                self.run(&arguments).await
            }
            other => other,
        }
    }

    /// A helm that was killed leaves its release pending: it goes back to what it was, or away.
    async fn unlock(&self, release: &Release) -> Result<(), String> {
        tracing::info!(release = release.name, "a killed helm left this release pending");
        let in_namespace = ["--namespace", &release.namespace];
        let rollback = [&["rollback", &release.name, "--server-side=false"], &in_namespace[..]].concat();
        match self.run(&rollback).await {
            Ok(()) => Ok(()),
            Err(_) => self.run(&[&["uninstall", &release.name], &in_namespace[..]].concat()).await,
        }
    }

    async fn run(&self, arguments: &[&str]) -> Result<(), String> {
        let home = self.home.path();
        let output = Command::new(&self.program)
            .args(arguments)
            .args(["--qps=1000", "--burst-limit=1000"])
            .arg("--kubeconfig")
            .arg(&self.kubeconfig)
            .env_clear()
            .env("HOME", home)
            .env("HELM_CACHE_HOME", home.join("cache"))
            .env("HELM_CONFIG_HOME", home.join("config"))
            .env("HELM_DATA_HOME", home.join("data"))
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .map_err(|error| format!("cannot run helm: {error}"))?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let error = said.lines().find_map(|line| line.strip_prefix("Error: ")).unwrap_or(said.trim());
        Err(if error.is_empty() { format!("helm: {}", output.status) } else { error.to_owned() })
    }

    fn memory(&self) -> std::sync::MutexGuard<'_, HashMap<String, Installed>> {
        self.installed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Istio's own CRDs, which the base chart must not hold: OLM installs them beside the operator.
const CRDS: [&str; 2] = ["templates/crds.yaml", "files/crd-all.gen.yaml"];

fn copy_chart(from: &Path, into: &Path) -> anyhow::Result<()> {
    copy_folder(from, into)?;
    for crds in CRDS {
        match fs::remove_file(into.join(crds)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    let labels = into.join("templates/zzz_profile.yaml");
    let template = fs::read_to_string(&labels)?;
    let label = "app.kubernetes.io/part-of: \"istio\"";
    anyhow::ensure!(template.contains(label), "the chart's labels are not where they were");
    fs::write(&labels, template.replace(label, &format!("{label}\n{}", MANAGED.replace('=', ": "))))?;
    Ok(())
}

/// The chart of revision tags: two templates of istiod's, with all that they need.
///
/// Rule: sail-operator hack/download-charts.sh, createRevisionTagChart.
fn make_tag_chart(charts: &Path) -> anyhow::Result<()> {
    let (istiod, tags) = (charts.join(Chart::Istiod.name()), charts.join(Chart::RevisionTags.name()));
    fs::create_dir_all(tags.join("templates"))?;
    fs::write(tags.join("Chart.yaml"), "apiVersion: v2\nname: revisiontags\nversion: 0.1.0\n")?;
    copy_file(&istiod.join("values.yaml"), &tags.join("values.yaml"))?;
    copy_folder(&istiod.join("files"), &tags.join("files"))?;
    for entry in fs::read_dir(istiod.join("templates"))? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("revision-tags") || name.starts_with("zz") || name == "_helpers.tpl" {
            copy_file(&entry.path(), &tags.join("templates").join(&*name))?;
        }
    }
    Ok(())
}

fn copy_folder(from: &Path, into: &Path) -> std::io::Result<()> {
    fs::create_dir_all(into)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = into.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            copy_file(&entry.path(), &target)?;
        }
    }
    Ok(())
}

/// Not [`fs::copy`]: the files of a module cache are read-only, and so would the copies be.
fn copy_file(from: &Path, into: &Path) -> std::io::Result<()> {
    fs::write(into, fs::read(from)?)
}
