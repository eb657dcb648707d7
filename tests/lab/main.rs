//! The program `meshlab`.

/// Runs what the command line says.
#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    meshlab::cli::main()
}

/// There are no namespaces here.
#[cfg(not(target_os = "linux"))]
#[allow(clippy::print_stderr)]
fn main() -> std::process::ExitCode {
    eprint!("error: {}", include_str!("elsewhere.txt"));
    std::process::ExitCode::FAILURE
}
