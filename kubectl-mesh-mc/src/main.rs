//! `kubectl mesh-mc`: turns several clusters into one Istio mesh.

mod cli;
mod commands;
mod plan;
mod show;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
