//! The plugins as they are released, and a lab that nothing has run in before.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use jiff::Timestamp;
use meshlab::Lab;
use meshlab::audit::Event;

use crate::measured::{Run, run};

/// The clusters of every lab here.
pub(crate) const CLUSTERS: &str = "east,west";

/// The folder of both plugins as they are released. Only they have to be: `meshlab` is built as this program is.
pub(crate) fn release() -> Result<PathBuf> {
    // Together they have the features that each has alone, and what both depend on is compiled once.
    let packages = ["-p", "kubectl-mesh-mc", "-p", "kubectl-mesh-failover"];
    let status = Command::new(env!("CARGO")).args(["build", "--release"]).args(packages).status()?;
    ensure!(status.success(), "the plugins were not built");
    let own = Path::new(env!("CARGO_BIN_EXE_meshlab")).parent().context("meshlab is in no folder")?;
    Ok(own.with_file_name("release"))
}

/// A lab that is taken down whatever comes.
pub(crate) struct Fresh {
    pub(crate) lab: Lab,
    home: tempfile::TempDir,
}

impl Fresh {
    pub(crate) fn up() -> Result<Self> {
        let home = tempfile::tempdir()?;
        meshlab(&["up", "--clusters", CLUSTERS])?;
        Ok(Self { lab: Lab::open(&id())?, home })
    }

    /// A program that finds the lab's clusters and programs.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Result<Command> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(self.lab.bin().to_owned()).chain(std::env::split_paths(&path));
        let mut command = Command::new(program);
        command.env("KUBECONFIG", self.lab.kubeconfig()).env("XDG_DATA_HOME", self.home.path());
        command.env("PATH", std::env::join_paths(folders)?);
        Ok(command)
    }

    /// Joins the clusters by `kubectl-mesh_mc`, which is `product`.
    pub(crate) fn join(&self, product: &Path, more: &[&str]) -> Result<Run> {
        let folder = self.home.path().join("ca");
        run(self.command(product)?.args(["join", "--contexts", CLUSTERS, "--yes", "--ca-dir"]).arg(folder).args(more))
    }

    /// What a plugin, such as `kubectl-mesh-mc`, asked of a cluster since a time.
    pub(crate) fn asked(&self, cluster: &str, plugin: &str, since: Timestamp) -> Result<Vec<Event>> {
        let mut events = self.lab.audit_since(cluster, since)?;
        events.retain(|event| event.user_agent.split('/').next() == Some(plugin));
        Ok(events)
    }
}

impl Drop for Fresh {
    #[expect(clippy::print_stderr, reason = "nobody else can tell of it")]
    fn drop(&mut self) {
        if let Err(error) = meshlab(&["down"]) {
            eprintln!("{error:#}");
        }
    }
}

fn id() -> String {
    format!("bench-{}", std::process::id())
}

fn meshlab(words: &[&str]) -> Result<()> {
    let output = Command::new(env!("CARGO_BIN_EXE_meshlab")).args(words).args(["--id", &id()]).output()?;
    ensure!(output.status.success(), "meshlab {words:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
