//! The program `kubectl mesh-failover`.

pub mod plugin_identity;

use std::process::ExitCode;

fn main() -> ExitCode {
    kubectl_mesh_failover::cli::run()
}
