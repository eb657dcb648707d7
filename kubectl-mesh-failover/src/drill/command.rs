//! `kubectl mesh-failover drill` and its verbs, `drill recover` and `drill list`.

use clap::{ArgMatches, Args, Command, FromArgMatches, Subcommand};
use mesh_shared::plugin::error::{Error, Result};
use mesh_shared::plugin::terminal::help;
use mesh_shared::session::Session;

use super::arguments::RunArguments;
use super::list_command::ListArguments;
use super::recover_command::RecoverArguments;
use crate::mesh::arguments::MeshArguments;

const EXAMPLES: &str = "\
# Scale helloworld in east to zero, and back
kubectl mesh-failover drill helloworld.sample --fault scale-to-zero \\
    --cluster east --from deploy/curl --path /hello

# Turn all answers of east into errors; their text shows who answered
kubectl mesh-failover drill helloworld.sample --fault upstream-errors \\
    --cluster east --from deploy/curl --match 'version: v[0-9]'

# Check everything and show what would be done
kubectl mesh-failover drill helloworld.sample --fault upstream-errors=30 \\
    --cluster east --from deploy/curl --dry-run

# In a pipeline: the exit code says whether the hypothesis held
kubectl mesh-failover drill helloworld.sample --fault scale-to-zero \\
    --cluster east --from deploy/curl --yes -o json

# Put back what a killed drill left behind
kubectl mesh-failover drill recover helloworld.sample --contexts east";

const EXIT_CODES: &str = "\
0        the hypothesis held
1        refused or failed
2        wrong command line
3        the hypothesis did not hold
4        not everything was put back
128 + N  interrupted by signal N, and put back";

/// Fail a service in one cluster, measure, put everything back
///
/// An experiment with a hypothesis: requests succeed in the baseline, the failover target answers them during the
/// fault, and traffic comes back once the fault ends. Every change is recorded in the cluster first and put back on
/// success, failure and Ctrl-C alike; if this client is killed, `drill recover` puts it back from any machine.
/// docs/drills.md explains the figures and the report.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_long_help = help::ending(EXAMPLES, EXIT_CODES)
)]
pub struct DrillArguments {
    #[command(subcommand)]
    verb: Option<DrillVerb>,
    #[command(flatten)]
    run: MaybeRun,
}

/// A drill's own arguments, absent if one of its verbs is given. clap's `Option` of a group ignores groups flattened
/// into it.
#[derive(Debug)]
struct MaybeRun(Option<RunArguments>);

impl Args for MaybeRun {
    fn augment_args(command: Command) -> Command {
        RunArguments::augment_args(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        RunArguments::augment_args_for_update(command)
    }
}

impl FromArgMatches for MaybeRun {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let named = matches.contains_id("fault").then(|| RunArguments::from_arg_matches(matches));
        named.transpose().map(Self)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

#[derive(Debug, Subcommand)]
enum DrillVerb {
    Recover(RecoverArguments),
    List(ListArguments),
}

/// Runs a drill or one of its verbs. Returns the exit code.
///
/// # Errors
/// A refusal before anything was changed, or changes that could not be put back.
pub async fn drill(arguments: DrillArguments, mesh: &MeshArguments, session: &Session) -> Result<u8> {
    match (arguments.verb, arguments.run.0) {
        (Some(DrillVerb::Recover(arguments)), _) => super::recover_command::recover(&arguments, mesh, session).await,
        (Some(DrillVerb::List(arguments)), _) => super::list_command::list(&arguments, mesh, session).await,
        (None, Some(arguments)) => super::run_command::run(&arguments, mesh, session).await,
        (None, None) => Err(Error::usage("no service is named").fix("kubectl mesh-failover drill --help")),
    }
}
