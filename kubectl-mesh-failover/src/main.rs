//! `kubectl mesh-failover`: decides where traffic goes when a region fails, and proves it by drills.

mod cli;
mod commands;
mod drill;
mod plan;
mod report;
mod show;

use std::process::ExitCode;

use mesh_shared::release::Build;

/// What this build is.
const BUILD: Build = mesh_shared::this_build!("mesh-failover");

fn main() -> ExitCode {
    cli::run()
}
