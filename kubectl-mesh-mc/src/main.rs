//! `kubectl mesh-mc`: turns several clusters into one Istio mesh.

mod cli;
mod commands;
mod plan;
mod show;

use std::process::ExitCode;

use mesh_shared::release::Build;

/// What this build is.
const BUILD: Build = mesh_shared::this_build!("mesh-mc");

fn main() -> ExitCode {
    cli::run()
}
