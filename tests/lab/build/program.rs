//! The Rust programs of images: static, so that an image needs nothing else.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::cache::{Key, KeyOf};
use super::host::{Toolchain, rustc};
use super::platform::Platform;
use super::process::run;
use super::versions::TARGET;

/// Programs of the lab alone: one file each, nothing but the standard library.
pub(super) const SINGLE_FILES: &[&str] = &["helloworld", "pause"];
/// The product's own probe: its package, and the program in it.
pub(super) const PROBE: &str = "mesh-probe";

const SINGLE_FILE_OPTIONS: &[&str] = &[
    "--edition=2024",
    "-Copt-level=s",
    "-Cpanic=abort",
    "-Cstrip=symbols",
    "-Ctarget-feature=+crt-static",
    "--target",
    TARGET,
];
const PROBE_OPTIONS: &[&str] = &["build", "--quiet", "--locked", "-p", PROBE, "--profile", "probe"];
const STATIC: &str = "-C target-feature=+crt-static";

fn source(program: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("lab/images").join(program).with_extension("rs")
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

pub(super) fn single_file_key(program: &str, toolchain: &Toolchain) -> Result<Key> {
    let options =
        SINGLE_FILE_OPTIONS.iter().fold(KeyOf::new(program).text(&toolchain.rust), |key, option| key.text(option));
    Ok(options.text(&toolchain.cc).file(&source(program))?.finish())
}

pub(super) fn compile_single_file(program: &str, into: &Path, log: &Path) -> Result<()> {
    run(Command::new(rustc()).args(SINGLE_FILE_OPTIONS).arg(source(program)).arg("-o").arg(into.join(program)), log)
}

/// Every source of the package, which depends on nothing else of ours.
pub(super) fn probe_key(toolchain: &Toolchain, platform: Platform) -> Result<Key> {
    let workspace = workspace();
    let mut key = KeyOf::new(PROBE).text(&toolchain.rust).text(&toolchain.cc).text(STATIC).text(platform.target());
    for option in PROBE_OPTIONS {
        key = key.text(option);
    }
    for file in ["Cargo.toml", "Cargo.lock", "shared/probe/Cargo.toml"] {
        key = key.file(&workspace.join(file))?;
    }
    Ok(key.folder(&workspace.join("shared/probe/src"))?.finish())
}

/// Compiles the probe for a target named aloud, so that the option for static linking reaches no build script.
pub(super) fn compile_probe(platform: Platform, target_folder: &Path, into: &Path, log: &Path) -> Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let target = platform.target();
    let mut command = Command::new(cargo);
    command
        .current_dir(workspace())
        .args(PROBE_OPTIONS)
        .args(["--target", target, "--target-dir"])
        .arg(target_folder)
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env("RUSTFLAGS", STATIC);
    if let Some((compiler, _)) = platform.cross_compiler() {
        run(Command::new("rustup").args(["target", "add", target]), log)?;
        let name = target.replace('-', "_");
        command.env(format!("CARGO_TARGET_{}_LINKER", name.to_uppercase()), compiler);
        command.env(format!("CC_{name}"), compiler);
    }
    run(&mut command, log)?;
    std::fs::copy(target_folder.join(target).join("probe").join(PROBE), into.join(PROBE))?;
    Ok(())
}
