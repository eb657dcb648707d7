//! `kubectl mesh-failover`: decides where traffic goes when a region fails, and proves it by drills.

mod cli;
mod commands;
mod drill;
mod plan;
mod report;
mod show;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
