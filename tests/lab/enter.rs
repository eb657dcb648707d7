//! Runs a program inside a node.

use std::path::Path;
use std::process::{Command, ExitStatus};

use anyhow::{Context, Result};

use crate::node::{control, namespaces};
use crate::spec::Spec;

/// Runs a command in all namespaces of the node whose cluster has this folder. The calling process has no other thread
/// and stays there.
pub(crate) fn run(spec: &Spec, folder: &Path, words: &[String]) -> Result<ExitStatus> {
    let (program, arguments) = words.split_first().context("no command was given")?;
    namespaces::enter(control::first_process(folder)?)?;
    let path = format!("{}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", spec.parts.bin.display());
    // The search for the program follows the path of this process, not that of the child.
    Command::new("/usr/bin/env")
        .arg(format!("PATH={path}"))
        .arg(program)
        .args(arguments)
        .env("KUBECONFIG", folder.join("kubeconfig/admin"))
        .env("CONTAINERD_NAMESPACE", "k8s.io")
        .status()
        .with_context(|| format!("run {program}"))
}
