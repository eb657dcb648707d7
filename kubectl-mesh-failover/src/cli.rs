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

use crate::completion::subject;
use crate::drill::command::DrillArguments;
use crate::expose::command::{ExposeArguments, UnexposeArguments};
use crate::list::command::ListArguments;
use crate::locality::command::LocalityArguments;
use crate::mesh::arguments::MeshArguments;
use crate::plugin_identity::{BUILD, MANAGER};
use crate::regions::command::RegionsArguments;
use crate::{drill, expose, list, locality, regions};

const EXAMPLES: &str = "\
# Let the clusters reach a service of each other
kubectl mesh-failover expose helloworld.sample --contexts east,west

# Have it fail over between their regions
kubectl mesh-failover locality apply helloworld.sample \\
    --failover eu-west=eu-north,eu-north=eu-west

# Prove it
kubectl mesh-failover drill helloworld.sample --fault upstream-errors \\
    --cluster east --from deploy/curl";

const ENVIRONMENT: &str = "\
KUBECONFIG  kubeconfig files, where --kubeconfig names none
NO_COLOR    no colours";

const EXIT_CODES: &str = "\
0        done; of a drill: the hypothesis held
1        refused or failed; of locality diff: there are differences
2        wrong command line
3        of a drill: the hypothesis did not hold
4        of a drill: what it changed is not put back
128 + N  interrupted by signal N";

/// Decide where traffic goes when a region fails, and prove it by drills
///
/// Exposes services to the other clusters of an Istio mesh, writes the rules by which their traffic fails over, and proves by
/// drills that it does: a drill fails one region, measures what happens, and always puts back what it changed. The mesh is made
/// by `kubectl mesh-mc join`.
#[derive(Debug, Parser)]
#[command(
    name = "kubectl-mesh_failover",
    bin_name = "kubectl mesh-failover",
    display_name = "kubectl mesh-failover",
    version = BUILD.words(),
    disable_help_subcommand = true,
    after_long_help = [
        help::section("Examples", EXAMPLES),
        help::section("Environment", ENVIRONMENT),
        help::section("Exit codes", EXIT_CODES),
    ]
    .join("\n\n")
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
    #[command(flatten)]
    Standard(StandardVerb),
}

const STANDARD: PluginVerbs = PluginVerbs { command: Cli::command, build: &BUILD, subject, own_names: Vec::new };

/// Runs what the command line says. Exit codes: 0 done or held, 1 refused or failed, 2 command line, 3 hypothesis failed, 4 not
/// restored, 128 + signal interrupted.
pub fn run() -> ExitCode {
    command::run(execute)
}

fn execute(cli: Cli, terminal: Terminal) -> Result<u8> {
    let session = Session::new(&cli.connection, terminal, MANAGER, &BUILD);
    match cli.verb {
        Verb::Standard(verb) => verb.run(STANDARD, session),
        Verb::Drill(arguments) => command::block_on(drill::command::drill(*arguments, &cli.mesh, &session)),
        Verb::Regions(arguments) => {
            command::block_on(regions::command::regions(&arguments, &cli.mesh, &session)).map(|()| 0)
        }
        Verb::List(arguments) => command::block_on(list::command::list(&arguments, &cli.mesh, &session)).map(|()| 0),
        Verb::Expose(arguments) => {
            command::block_on(expose::command::expose(&arguments, &cli.mesh, &session)).map(|()| 0)
        }
        Verb::Unexpose(arguments) => {
            command::block_on(expose::command::unexpose(&arguments, &cli.mesh, &session)).map(|()| 0)
        }
        Verb::Locality(arguments) => command::block_on(locality::command::locality(&arguments, &cli.mesh, &session)),
    }
}

#[cfg(test)]
#[path = "../../reference/plugin_tests.rs"]
mod tests;
