//! The command line: verbs, and how a command ends.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use mesh_shared::error::Result;
use mesh_shared::ui::arguments::ConnectionArguments;
use mesh_shared::ui::command;
use mesh_shared::ui::terminal::Terminal;
use mesh_shared::ui::version::{self, VersionArguments};

use crate::BUILD;
use crate::commands::join::{self, JoinArguments};

/// Name of our field manager, of `managed-by` labels, and of the User-Agent before the slash.
pub const MANAGER: &str = "kubectl-mesh-mc";

/// Turns several clusters into one Istio mesh
///
/// Shared root and intermediate certificates, control planes of the Sail operator (OpenShift Service Mesh 3), east-west
/// gateways and remote credentials, in one command that can be interrupted and run again.
#[derive(Debug, Parser)]
#[command(
    name = "kubectl-mesh_mc",
    bin_name = "kubectl mesh-mc",
    display_name = "kubectl mesh-mc",
    version = BUILD.words(),
    disable_help_subcommand = true,
    after_help = "Exit codes: 0 done, 1 refused or failed, 2 command line, 128 + signal interrupted."
)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    connection: ConnectionArguments,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Join(Box<JoinArguments>),
    Version(VersionArguments),
}

/// Runs what the command line says. Exit codes: 0 done, 1 refused or failed, 2 command line, 128 + signal interrupted.
pub fn run() -> ExitCode {
    command::run(execute)
}

fn execute(cli: Cli, terminal: Terminal) -> Result<u8> {
    match cli.verb {
        Verb::Version(arguments) => {
            terminal.data(&version::version(&arguments, &BUILD.words(), &BUILD.about()));
            Ok(0)
        }
        Verb::Join(arguments) => {
            let connection = cli.connection.connection(&format!("{MANAGER}/{}", BUILD.version()));
            command::block_on(join::join(*arguments, connection, terminal)).map(|()| 0)
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
