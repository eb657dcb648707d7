//! The command line: verbs, and how a command ends.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use mesh_shared::error::Result;
use mesh_shared::ui::arguments::ConnectionArguments;
use mesh_shared::ui::command;
use mesh_shared::ui::terminal::Terminal;
use mesh_shared::ui::version::{self, VersionArguments};

use crate::BUILD;
use crate::commands::drill::{self, DrillArguments};
use crate::commands::expose::{self, ExposeArguments, UnexposeArguments};
use crate::commands::list::{self, ListArguments};
use crate::commands::locality::{self, LocalityArguments};
use crate::commands::mesh::MeshArguments;
use crate::commands::regions::{self, RegionsArguments};

/// Name of our field manager, of `managed-by` labels, and of the User-Agent before the slash.
pub const MANAGER: &str = "kubectl-mesh-failover";

/// Decides where traffic goes when a region fails, and proves it by drills
///
/// Exposes services to the other clusters of an Istio mesh, writes the rules by which their traffic falls over, and proves by
/// drills that it does: a drill fails one region, measures what happens, and always puts back what it changed. The mesh is made
/// by `kubectl mesh-mc join`.
#[derive(Debug, Parser)]
#[command(
    name = "kubectl-mesh_failover",
    bin_name = "kubectl mesh-failover",
    display_name = "kubectl mesh-failover",
    version = BUILD.words(),
    disable_help_subcommand = true,
    after_help = "Exit codes: 0 done or held, 1 refused or failed, 2 command line, 3 hypothesis failed, 4 not restored, 128 + signal interrupted."
)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    mesh: MeshArguments,
    #[command(flatten)]
    connection: ConnectionArguments,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Drill(Box<DrillArguments>),
    Regions(RegionsArguments),
    Expose(ExposeArguments),
    Unexpose(UnexposeArguments),
    List(ListArguments),
    Locality(LocalityArguments),
    Version(VersionArguments),
}

/// Runs what the command line says. Exit codes: 0 done or held, 1 refused or failed, 2 command line, 3 hypothesis failed, 4 not
/// restored, 128 + signal interrupted.
pub(crate) fn run() -> ExitCode {
    command::run(execute)
}

fn execute(cli: Cli, terminal: Terminal) -> Result<u8> {
    let connection = cli.connection.connection(&format!("{MANAGER}/{}", BUILD.version()));
    match cli.verb {
        Verb::Drill(arguments) => command::block_on(drill::drill(*arguments, &cli.mesh, &connection, terminal)),
        Verb::Regions(arguments) => {
            command::block_on(regions::regions(&arguments, &cli.mesh, &connection, terminal)).map(|()| 0)
        }
        Verb::List(arguments) => {
            command::block_on(list::list(&arguments, &cli.mesh, &connection, terminal)).map(|()| 0)
        }
        Verb::Expose(arguments) => {
            command::block_on(expose::expose(&arguments, &cli.mesh, &connection, terminal)).map(|()| 0)
        }
        Verb::Unexpose(arguments) => {
            command::block_on(expose::unexpose(&arguments, &cli.mesh, &connection, terminal)).map(|()| 0)
        }
        Verb::Locality(arguments) => {
            command::block_on(locality::locality(&arguments, &cli.mesh, &connection, terminal))
        }
        Verb::Version(arguments) => {
            terminal.data(&version::version(&arguments, &BUILD.words(), &BUILD.about()));
            Ok(0)
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
