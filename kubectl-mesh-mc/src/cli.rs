//! The command line: verbs, and how a command ends.

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use mesh_shared::cluster::connection_arguments::ConnectionArguments;
use mesh_shared::plugin::error::Result;
use mesh_shared::plugin::terminal::Terminal;
use mesh_shared::plugin::terminal::command;
use mesh_shared::plugin::terminal::help;
use mesh_shared::session::Session;
use mesh_shared::session::standard_verbs::{PluginVerbs, StandardVerb};

use crate::completion::{meshes, subject};
use crate::join;
use crate::join::arguments::JoinArguments;
use crate::plugin_identity::{BUILD, MANAGER};

const EXAMPLES: &str = "\
# Make one mesh of two clusters
kubectl mesh-mc join --contexts east,west

# Help for a verb
kubectl mesh-mc help join";

const ENVIRONMENT: &str = "\
KUBECONFIG     kubeconfig files, unless --kubeconfig is given
XDG_DATA_HOME  data folder, with the root in mesh-mc/MESH; else ~/.local/share
NO_COLOR       no colours";

/// Turn several clusters into one Istio mesh
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
    after_long_help = [
        help::section("Examples", EXAMPLES),
        help::section("Environment", ENVIRONMENT),
        help::section("Exit codes", help::EXIT_CODES),
    ]
    .join("\n\n")
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
    #[command(flatten)]
    Standard(StandardVerb),
}

const STANDARD: PluginVerbs = PluginVerbs { command: Cli::command, build: &BUILD, subject, own_names: meshes };

/// Runs what the command line says. Exit codes: 0 done, 1 refused or failed, 2 command line, 128 + signal interrupted.
pub fn run() -> ExitCode {
    command::run(execute)
}

fn execute(cli: Cli, terminal: Terminal) -> Result<u8> {
    let session = Session::new(&cli.connection, terminal, MANAGER, &BUILD);
    match cli.verb {
        Verb::Standard(verb) => verb.run(STANDARD, session),
        Verb::Join(arguments) => command::block_on(join::command::join(*arguments, &session)).map(|()| 0),
    }
}

#[cfg(test)]
#[path = "../../reference/plugin_tests.rs"]
mod tests;
