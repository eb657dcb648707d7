//! The program `kubectl mesh-failover`.

use std::process::ExitCode;

fn main() -> ExitCode {
    kubectl_mesh_failover::cli::run()
}
