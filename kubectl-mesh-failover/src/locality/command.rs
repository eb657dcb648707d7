//! `kubectl mesh-failover locality`.

use mesh_shared::session::Session;
use std::time::Duration;

use crate::locality::failover_flag;
use clap::{Args, Subcommand};
use mesh_shared::cluster::connection_arguments::parse_duration;
use mesh_shared::plugin::error::{Error, Result};
use mesh_shared::plugin::terminal::help;

use crate::locality::drift::drift;
use crate::locality::effective_rules::report;
use crate::locality::plan::{apply as plan_apply, compare, known, refuse_conflicts};
use crate::locality::removal::remove as plan_removal;
use crate::locality::request::{LocalityRequest, TakeOver};
use crate::locality::rule_plan::LocalityPlan;
use crate::locality::words;
use crate::mesh::arguments::MeshArguments;
use crate::mesh::arguments::{ServiceArguments, WriteArguments};
use crate::mesh::observe::{Facets, Wanted, observe, seen};
use crate::mesh::permissions::LOCALITY;
use crate::mesh::proposal::Proposal;
use crate::mesh::write::{Consent, carry_out, consent, consent_if_valid};
use crate::plugin_identity::MANAGER;
use mesh_shared::plugin::arguments::TableArguments;

const EXAMPLES: &str = "\
# Two regions, each the other's failover
kubectl mesh-failover locality apply helloworld.sample --contexts east,west

# What governs whom, and whether it fails over
kubectl mesh-failover locality show helloworld.sample

# Whether every cluster still says what apply would write
kubectl mesh-failover locality diff helloworld.sample

# All of it taken out again
kubectl mesh-failover locality remove helloworld.sample";

const EXIT_CODES: &str = "\
0        done; of diff: no differences
1        refused or failed; of diff: differences
2        wrong command line
128 + N  interrupted by signal N";

const APPLY_EXAMPLES: &str = "\
# Two regions, each the other's failover
kubectl mesh-failover locality apply helloworld.sample --contexts east,west

# Three: clients in eu-west go to eu-north first, then anywhere
kubectl mesh-failover locality apply helloworld.sample \\
    --failover eu-west=eu-north

# Eject a host after three errors in a row, for 10 seconds at first
kubectl mesh-failover locality apply helloworld.sample \\
    --consecutive-5xx-errors 3 --base-ejection-time 10s

# Someone else's rule ejects too few hosts: change that field of it
kubectl mesh-failover locality apply helloworld.sample \\
    --take-over=spec.trafficPolicy.outlierDetection.maxEjectionPercent

# What would be written, as manifests
kubectl mesh-failover locality apply helloworld.sample -o yaml";

const DIFF_EXAMPLES: &str = "\
# Whether every cluster says what apply would write, and nothing has drifted
kubectl mesh-failover locality diff helloworld.sample

# What other pairs would change
kubectl mesh-failover locality diff helloworld.sample \\
    --failover eu-west=eu-north";

const DIFF_EXIT_CODES: &str = "\
0        no differences
1        differences, or refused or failed
2        wrong command line
128 + N  interrupted by signal N";

const SHOW_EXAMPLES: &str = "\
# What governs whom, and whether it fails over
kubectl mesh-failover locality show helloworld.sample

# For a program
kubectl mesh-failover locality show helloworld.sample -o json";

const REMOVE_EXAMPLES: &str = "\
# Look at what is given back, then give it back
kubectl mesh-failover locality remove helloworld.sample --dry-run=client
kubectl mesh-failover locality remove helloworld.sample";

/// Say where a service's traffic goes when a region fails
///
/// One DestinationRule per cluster and service: failover pairs, and outlier detection that ejects and yet leaves one host. A rule
/// of your own for exactly the host is edited in place, everything in it staying; else one is made in the service's namespace.
#[derive(Debug, Args)]
#[command(after_long_help = help::ending(EXAMPLES, EXIT_CODES))]
pub struct LocalityArguments {
    #[command(subcommand)]
    verb: LocalityVerb,
}

#[derive(Debug, Subcommand)]
enum LocalityVerb {
    Apply(Box<ApplyArguments>),
    Diff(DiffArguments),
    Show(ShowArguments),
    Remove(RemoveArguments),
}

/// What a rule should say.
#[derive(Debug, Args)]
struct RuleArguments {
    /// Which region takes over from which
    ///
    /// May be repeated. By default each the other's, where the service is in two regions.
    #[arg(long, value_name = "FROM=TO[,…]", value_delimiter = ',')]
    failover: Vec<String>,
    /// Errors in a row that eject a host
    ///
    /// By default the existing value, else 5.
    #[arg(long = "consecutive-5xx-errors", value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    consecutive_5xx: Option<u32>,
    /// How often Envoy looks at its hosts
    ///
    /// Then it ends ejections that are over. By default what stands, else 1s.
    #[arg(long, value_name = "DURATION", value_parser = at_least_a_millisecond)]
    interval: Option<Duration>,
    /// How long a host is out the first time
    ///
    /// By default the existing value, else 30s.
    #[arg(long, value_name = "DURATION", value_parser = at_least_a_millisecond)]
    base_ejection_time: Option<Duration>,
    /// Percentage of hosts that may be out
    ///
    /// By default the existing value if enough for a failover, else 99: all but one.
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u32).range(1..=100))]
    max_ejection_percent: Option<u32>,
}

/// Write the failover of a service into every cluster
///
/// Into each that has the service's namespace. Shows the changes, asks once, and writes nothing if nothing differs.
/// Fields that others own change only with --take-over; the rule keeps their old values, and remove restores them.
#[derive(Debug, Args)]
#[command(after_long_help = help::ending(APPLY_EXAMPLES, help::EXIT_CODES))]
struct ApplyArguments {
    #[command(flatten)]
    service: ServiceArguments,
    #[command(flatten)]
    rule: RuleArguments,
    /// Change fields that others own
    ///
    /// Those that are named, or all that have to change. The rule keeps the old values, and remove restores them.
    #[arg(long, value_name = "FIELD", num_args = 0.., require_equals = true, value_delimiter = ',')]
    take_over: Option<Vec<String>>,
    #[command(flatten)]
    write: WriteArguments,
}

/// Show what apply would change, and where clusters differ
///
/// Changes nothing. For pipelines: the exit code says whether there are differences.
#[derive(Debug, Args)]
#[command(after_long_help = help::ending(DIFF_EXAMPLES, DIFF_EXIT_CODES))]
struct DiffArguments {
    #[command(flatten)]
    service: ServiceArguments,
    #[command(flatten)]
    rule: RuleArguments,
}

/// Show which rule governs whom, and what it does
///
/// Per cluster and client namespace: the client's own rules come first, then those of the service's namespace, then those of the
/// root namespace. Says whether errors make the traffic leave a region, and why not.
#[derive(Debug, Args)]
#[command(after_long_help = help::ending(SHOW_EXAMPLES, help::EXIT_CODES))]
struct ShowArguments {
    #[command(flatten)]
    service: ServiceArguments,
    #[command(flatten)]
    table: TableArguments,
}

/// Take the failover out of a service's rules again
///
/// Rules that apply made go, unless others put something into them; rules that it edited are given back as they were. What others
/// added or changed since stays, and is reported.
#[derive(Debug, Args)]
#[command(after_long_help = help::ending(REMOVE_EXAMPLES, help::EXIT_CODES))]
struct RemoveArguments {
    #[command(flatten)]
    service: ServiceArguments,
    #[command(flatten)]
    write: WriteArguments,
}

/// Runs the verb, and returns the exit code.
///
/// # Errors
/// A refusal before anything was written, or a failure with what was written.
pub async fn locality(arguments: &LocalityArguments, mesh: &MeshArguments, session: &Session) -> Result<u8> {
    match &arguments.verb {
        LocalityVerb::Apply(arguments) => apply(arguments, mesh, session).await.map(|()| 0),
        LocalityVerb::Diff(arguments) => diff(arguments, mesh, session).await,
        LocalityVerb::Show(arguments) => show_rules(arguments, mesh, session).await.map(|()| 0),
        LocalityVerb::Remove(arguments) => remove(arguments, mesh, session).await.map(|()| 0),
    }
}

async fn apply(arguments: &ApplyArguments, mesh: &MeshArguments, session: &Session) -> Result<()> {
    let mut request = arguments.rule.request(&arguments.service)?;
    request.take_over = match &arguments.take_over {
        None => TakeOver::Nothing,
        Some(fields) if fields.is_empty() => TakeOver::Everything,
        Some(fields) => TakeOver::Fields(fields.clone()),
    };
    let members = observe(mesh, session, &Wanted::service(&request.service, Facets::Rules)).await?;
    let plan = plan_apply(&request, &seen(&members))?;
    refuse_conflicts(&plan, &request.take_over)?;
    let proposal = proposal(&plan);
    if consent_if_valid(&proposal, &members, &arguments.write, session.terminal).await? == Consent::Given {
        carry_out(&proposal.changes, &members).await?;
        session.terminal.say(&words::applied(&plan));
    }
    Ok(())
}

async fn diff(arguments: &DiffArguments, mesh: &MeshArguments, session: &Session) -> Result<u8> {
    let request = arguments.rule.request(&arguments.service)?;
    let members = observe(mesh, session, &Wanted::service(&request.service, Facets::Rules)).await?;
    let plan = compare(&request, &seen(&members))?;
    let drift = drift(&request.service, &seen(&members));
    let same = plan.changes().is_empty() && drift.is_empty() && plan.damaged().next().is_none();
    session.terminal.data(&words::differences(&plan, &drift));
    Ok(u8::from(!same))
}

async fn show_rules(arguments: &ShowArguments, mesh: &MeshArguments, session: &Session) -> Result<()> {
    let service = arguments.service.name()?;
    let members = observe(mesh, session, &Wanted::service(&service, Facets::Rules)).await?;
    let seen = seen(&members);
    known(&service, &seen)?;
    session.terminal.data(&words::report(&report(&service, MANAGER, &seen), arguments.table.output));
    Ok(())
}

async fn remove(arguments: &RemoveArguments, mesh: &MeshArguments, session: &Session) -> Result<()> {
    let service = arguments.service.name()?;
    let members = observe(mesh, session, &Wanted::service(&service, Facets::Rules)).await?;
    let plan = plan_removal(&service, MANAGER, &seen(&members))?;
    let proposal = proposal(&plan);
    // What is restored was valid before.
    if consent(&proposal, &members, &arguments.write, session.terminal).await? == Consent::Given {
        carry_out(&proposal.changes, &members).await?;
        session.terminal.say(&words::removed(&plan));
    }
    Ok(())
}

fn proposal(plan: &LocalityPlan) -> Proposal {
    Proposal {
        overview: words::overview(plan),
        changes: plan.changes(),
        manifests: plan.manifests(),
        granted_by: LOCALITY,
    }
}

impl RuleArguments {
    fn request(&self, service: &ServiceArguments) -> Result<LocalityRequest> {
        Ok(LocalityRequest {
            service: service.name()?,
            failover: failover_flag::parse(&self.failover)?,
            consecutive_5xx: self.consecutive_5xx,
            interval: self.interval,
            base_ejection_time: self.base_ejection_time,
            max_ejection_percent: self.max_ejection_percent,
            take_over: TakeOver::Nothing,
            manager: MANAGER,
        })
    }
}

/// Istio accepts no shorter one.
fn at_least_a_millisecond(text: &str) -> Result<Duration> {
    let short = || {
        Error::usage(format!("{text:?} is too short")).because("Istio takes no shorter one").fix("write 1ms or more")
    };
    parse_duration(text)
        .and_then(|duration| if duration < Duration::from_millis(1) { Err(short()) } else { Ok(duration) })
}

#[cfg(test)]
mod tests {
    use clap::Args as _;
    use mesh_shared::model::locality::defaults::{BASE_EJECTION_TIME, CONSECUTIVE_5XX, INTERVAL, MAX_EJECTION_PERCENT};
    use mesh_shared::plugin::duration::write_duration;

    use super::*;

    #[test]
    fn help_and_docs_say_the_defaults_that_are_written() {
        let help = RuleArguments::augment_args(clap::Command::new("apply")).render_long_help().to_string();
        let page = include_str!("../../../docs/locality.md");
        for (field, default) in [
            ("consecutive5xxErrors", CONSECUTIVE_5XX.to_string()),
            ("interval", write_duration(INTERVAL)),
            ("baseEjectionTime", write_duration(BASE_EJECTION_TIME)),
            ("maxEjectionPercent", MAX_EJECTION_PERCENT.to_string()),
        ] {
            assert!(help.contains(&format!("else {default}")), "{field}: {help}");
            assert!(page.contains(&format!("| `{field}` | {default} |")), "{field}");
        }
    }
}
