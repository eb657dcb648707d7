//! The command line: verbs, and how a command ends.

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use futures::FutureExt;
use mesh_shared::cluster::completion::answer;
use mesh_shared::cluster::connection_arguments::ConnectionArguments;
use mesh_shared::plugin::completion::helper::install;
use mesh_shared::plugin::completion::verb::{CompleteArguments, CompletionArguments, completion, examples};
use mesh_shared::plugin::error::Result;
use mesh_shared::plugin::terminal::Terminal;
use mesh_shared::plugin::terminal::command;
use mesh_shared::plugin::terminal::help;
use mesh_shared::plugin::terminal::help::HelpArguments;
use mesh_shared::plugin::terminal::version;
use mesh_shared::plugin::terminal::version::VersionArguments;
use mesh_shared::session::Session;

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

const HELP_EXAMPLES: &str = "\
# The same as kubectl mesh-failover drill recover --help
kubectl mesh-failover help drill recover";

const VERSION_EXAMPLES: &str = "\
# Which version is installed
kubectl mesh-failover version";

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
    #[command(after_long_help = help::ending(&examples("mesh-failover"), help::EXIT_CODES))]
    Completion(CompletionArguments),
    #[command(name = "__complete", hide = true)]
    Complete(CompleteArguments),
    #[command(after_long_help = help::ending(VERSION_EXAMPLES, help::EXIT_CODES))]
    Version(VersionArguments),
    #[command(after_long_help = help::ending(HELP_EXAMPLES, help::EXIT_CODES))]
    Help(HelpArguments),
}

/// Runs what the command line says. Exit codes: 0 done or held, 1 refused or failed, 2 command line, 3 hypothesis failed, 4 not
/// restored, 128 + signal interrupted.
pub fn run() -> ExitCode {
    command::run(execute)
}

fn execute(cli: Cli, terminal: Terminal) -> Result<u8> {
    let session = Session::new(&cli.connection, terminal, MANAGER, &BUILD);
    match cli.verb {
        Verb::Completion(arguments) => completion(&arguments, |folder| install("mesh_failover", folder), terminal),
        Verb::Complete(arguments) => {
            let answer = answer(&arguments.words, Cli::command(), subject, Vec::new, session.connection);
            terminal.data(&command::block_on(answer.map(Ok))?);
            Ok(0)
        }
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
        Verb::Version(arguments) => {
            terminal.data(&version::version(&arguments, &BUILD.words(), &BUILD.about()));
            Ok(0)
        }
        Verb::Help(asked) => {
            terminal.data(&help::page(Cli::command(), &asked, terminal.on_stdout().colour)?);
            Ok(0)
        }
    }
}

#[cfg(test)]
#[path = "../../reference/plugin_tests.rs"]
mod tests;
