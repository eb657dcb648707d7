//! `kubectl mesh-failover regions` and `regions set`.

use mesh_shared::session::Session;
use std::time::Instant;

use clap::{Args, Subcommand};
use mesh_shared::plugin::error::Result;
use mesh_shared::plugin::terminal::Terminal;
use mesh_shared::plugin::terminal::help;

use crate::mesh::arguments::MeshArguments;
use crate::mesh::arguments::WriteArguments;
use crate::mesh::observe::{Member, Wanted, observe, seen};
use crate::mesh::permissions::REGIONS_SET;
use crate::mesh::proposal::Proposal;
use crate::mesh::write::{Consent, carry_out, consent};
use crate::regions::plan;
use crate::regions::set::Assignment;
use crate::regions::words;
use mesh_shared::plugin::arguments::TableArguments;

const EXAMPLES: &str = "\
# Regions and zones of every cluster
kubectl mesh-failover regions --contexts east,west

# For a program
kubectl mesh-failover regions -o json

# The nodes of east have no region: give them one
kubectl mesh-failover regions set east=eu-west";

const SET_EXAMPLES: &str = "\
# One cluster, or several
kubectl mesh-failover regions set east=eu-west
kubectl mesh-failover regions set east=eu-west west=eu-north

# What would be written
kubectl mesh-failover regions set east=eu-west --dry-run=client";

/// Show regions and zones of every cluster, and what has none
///
/// Regions come from the nodes' label topology.kubernetes.io/region, or from a pod's own topology.istio.io/locality. Locality load
/// balancing does not apply to what has none.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_long_help = help::ending(EXAMPLES, help::EXIT_CODES)
)]
pub struct RegionsArguments {
    #[command(subcommand)]
    verb: Option<RegionsVerb>,
    #[command(flatten)]
    table: TableArguments,
}

#[derive(Debug, Subcommand)]
enum RegionsVerb {
    Set(SetArguments),
}

/// Give nodes that have no region one
///
/// Adds the label topology.kubernetes.io/region to the nodes of a cluster that have none, and never changes one. Says what must
/// restart for it to take effect.
#[derive(Debug, Args)]
#[command(after_long_help = help::ending(SET_EXAMPLES, help::EXIT_CODES))]
pub struct SetArguments {
    /// A cluster and the region of its nodes
    ///
    /// The cluster by its name in the mesh. Several may be given.
    #[arg(value_name = "CLUSTER=REGION", required = true)]
    assignments: Vec<Assignment>,
    #[command(flatten)]
    write: WriteArguments,
}

/// Observes and shows, or sets.
///
/// # Errors
/// If a cluster cannot be observed, or labels cannot be set.
pub async fn regions(arguments: &RegionsArguments, mesh: &MeshArguments, session: &Session) -> Result<()> {
    let begun = Instant::now();
    let members = observe(mesh, session, &Wanted::default()).await?;
    if let Some(RegionsVerb::Set(arguments)) = &arguments.verb {
        return set(arguments, &members, begun, session.terminal).await;
    }
    let found = plan::regions(&seen(&members));
    session.terminal.data(&words::render(&found, arguments.table.output));
    if let Some(advice) = words::advice(&found) {
        session.terminal.say(&advice);
    }
    Ok(())
}

async fn set(arguments: &SetArguments, members: &[Member], begun: Instant, terminal: Terminal) -> Result<()> {
    let plan = super::set::set(&arguments.assignments, &seen(members))?;
    let proposal = Proposal {
        overview: words::overview(&plan),
        changes: plan.changes.clone(),
        manifests: plan.manifests.clone(),
        granted_by: REGIONS_SET,
    };
    if consent(&proposal, members, &arguments.write, terminal).await? == Consent::Given {
        carry_out(&proposal.changes, members).await?;
        terminal.say(&words::set(&plan, begun.elapsed()));
    }
    Ok(())
}
