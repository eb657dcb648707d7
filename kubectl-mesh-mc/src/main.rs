//! `kubectl mesh-mc`: turns several clusters into one Istio mesh.

mod cli;
mod completion;
mod identity;
mod join;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
