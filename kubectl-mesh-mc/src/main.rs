//! `kubectl mesh-mc`: turns several clusters into one Istio mesh.

mod cli;
mod completion;
mod join;
mod keep;
mod plugin_identity;
mod work;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
