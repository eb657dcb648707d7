//! What the machine itself must have: programs of the node, and the tools to build with.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::process::{find_program, output, run};
use super::versions::{HOST_PROGRAMS, SECCOMP_PACKAGE};

/// Debian packages that are not there yet.
pub(super) fn missing_packages() -> Vec<&'static str> {
    let programs = HOST_PROGRAMS.iter().filter(|(program, _)| find_program(program).is_none());
    let mut packages: Vec<_> = programs.flat_map(|(_, packages)| packages.split(' ')).collect();
    if seccomp_version().is_err() {
        packages.push(SECCOMP_PACKAGE);
    }
    packages
}

/// Installs packages where the machine has apt.
///
/// # Errors
/// Where it has none: the packages by their Debian names, for someone to install.
pub(super) fn install(packages: &[&str], log: &Path) -> Result<()> {
    if find_program("apt-get").is_none() {
        bail!("this machine lacks what these Debian packages bring, and has no apt-get: {}", packages.join(" "));
    }
    let apt =
        |arguments: &[&str]| run(Command::new("apt-get").args(arguments).env("DEBIAN_FRONTEND", "noninteractive"), log);
    apt(&["update", "-q"]).context("apt-get update")?;
    apt(&[&["install", "-y", "-q", "--no-install-recommends"], packages].concat())
        .with_context(|| format!("install {}", packages.join(" ")))
}

/// Versions of what compiles: part of every key.
pub(super) struct Toolchain {
    pub(super) go: String,
    pub(super) cc: String,
    pub(super) seccomp: String,
    pub(super) rust: String,
}

impl Toolchain {
    pub(super) fn read() -> Result<Self> {
        if find_program("go").is_none() {
            bail!("the lab compiles Kubernetes and Istio from source: install Go 1.26 or newer (https://go.dev/dl)");
        }
        Ok(Self {
            go: output(Command::new("go").args(["env", "GOVERSION", "GOOS", "GOARCH", "GOAMD64"]))?,
            cc: output(Command::new("cc").args(["-dumpfullversion", "-dumpmachine"])).unwrap_or_default(),
            seccomp: seccomp_version().unwrap_or_default(),
            rust: output(Command::new(rustc()).arg("-vV"))?,
        })
    }
}

/// The compiler that cargo uses.
pub(super) fn rustc() -> std::ffi::OsString {
    std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())
}

fn seccomp_version() -> Result<String> {
    output(Command::new("pkg-config").args(["--modversion", "libseccomp"]))
}
