//! The command line: verbs, and how a command ends.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use mesh_shared::error::Result;
use mesh_shared::ui::command;
use mesh_shared::ui::terminal::Terminal;

/// Name of our field manager, of `managed-by` labels, and of the User-Agent before the slash.
const MANAGER: &str = "kubectl-mesh-failover";

/// Decides where traffic goes when a region fails, and proves it by drills
///
/// So far it only tells its version: what it will do needs a mesh of several clusters, which `kubectl mesh-mc join` makes.
#[derive(Debug, Parser)]
#[command(
    name = "kubectl-mesh_failover",
    bin_name = "kubectl mesh-failover",
    display_name = "kubectl mesh-failover",
    version,
    disable_help_subcommand = true,
    after_help = "Exit codes: 0 done, 1 refused or failed, 2 command line, 128 + signal interrupted."
)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Print the version
    Version,
}

/// Runs what the command line says. Exit codes: 0 done, 1 refused or failed, 2 command line, 128 + signal interrupted.
pub(crate) fn run() -> ExitCode {
    command::run(execute)
}

// The room for verbs that fail; today's only one cannot.
#[allow(clippy::unnecessary_wraps, clippy::needless_pass_by_value)]
fn execute(cli: Cli, terminal: Terminal) -> Result<()> {
    match cli.verb {
        Verb::Version => {
            terminal.data(&format!("{MANAGER} {}\n", env!("CARGO_PKG_VERSION")));
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
