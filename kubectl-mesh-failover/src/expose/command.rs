//! `kubectl mesh-failover expose` and `unexpose`.

use mesh_shared::session::Session;
use std::time::Instant;

use clap::Args;
use mesh_shared::model::seen::observed_traffic::ObservedTraffic;
use mesh_shared::plugin::error::{Error, Kind, Result};
use mesh_shared::plugin::terminal::help;

use crate::expose::plan;
use crate::expose::plan::{ExposePlan, ExposeRequest};
use crate::expose::words;
use crate::mesh::arguments::MeshArguments;
use crate::mesh::arguments::{ServiceArguments, WriteArguments};
use crate::mesh::observe::{Facets, Wanted, observe, seen};
use crate::mesh::permissions::EXPOSE;
use crate::mesh::proposal::Proposal;
use crate::mesh::write::{Consent, carry_out, consent};

const EXAMPLES: &str = "\
# In every cluster that has endpoints of it: failover is mutual
kubectl mesh-failover expose helloworld.sample --contexts east,west

# Only in one cluster: the others fail over to it
kubectl mesh-failover expose helloworld.sample --clusters west

# What would be written, as manifests
kubectl mesh-failover expose helloworld.sample -o yaml

# What is exposed, and what is discovered and not exposed
kubectl mesh-failover list";

const UNEXPOSE_EXAMPLES: &str = "\
# In every cluster
kubectl mesh-failover unexpose helloworld.sample --contexts east,west

# Only in one cluster
kubectl mesh-failover unexpose helloworld.sample --clusters west";

/// How many conflicts with other runs that change the same Gateway are tolerated.
const MOST_CONFLICTS: usize = 10;

/// Let the other clusters reach a service
///
/// Keeps one Gateway cross-network-gateway in istiod's namespace of each cluster that has endpoints of the service, with exactly
/// the hosts that are exposed, on the east-west gateway. A host that another Gateway opens there is left to that one.
#[derive(Debug, Args)]
#[command(after_long_help = help::ending(EXAMPLES, help::EXIT_CODES))]
pub struct ExposeArguments {
    #[command(flatten)]
    service: ServiceArguments,
    /// Clusters that expose it
    ///
    /// By their names in the mesh. By default all that have endpoints of it.
    #[arg(long, value_name = "A,B,…", value_delimiter = ',')]
    clusters: Vec<String>,
    #[command(flatten)]
    write: WriteArguments,
}

/// Take a service back, so that others do not reach it
///
/// Removes the host from our Gateway cross-network-gateway of each cluster, and the Gateway with its last host. Where another
/// Gateway opens the service too, that is said.
#[derive(Debug, Args)]
#[command(after_long_help = help::ending(UNEXPOSE_EXAMPLES, help::EXIT_CODES))]
pub struct UnexposeArguments {
    #[command(flatten)]
    service: ServiceArguments,
    /// Clusters that take it back
    ///
    /// By their names in the mesh. By default all.
    #[arg(long, value_name = "A,B,…", value_delimiter = ',')]
    clusters: Vec<String>,
    #[command(flatten)]
    write: WriteArguments,
}

/// Observe, plan, show, confirm, write; again where another run was faster.
///
/// # Errors
/// A refusal before anything was written, or a failure with what was written.
pub async fn expose(arguments: &ExposeArguments, mesh: &MeshArguments, session: &Session) -> Result<()> {
    let service = arguments.service.name()?;
    let request = ExposeRequest { service: &service, clusters: &arguments.clusters };
    let begun = Instant::now();
    let made = settle(&request, plan::expose, mesh, session, &arguments.write).await?;
    if let Some(plan) = made {
        session.terminal.say(&words::exposed(&plan, &service, begun.elapsed()));
    }
    Ok(())
}

/// The same for taking a service back.
///
/// # Errors
/// A refusal before anything was written, or a failure with what was written.
pub async fn unexpose(arguments: &UnexposeArguments, mesh: &MeshArguments, session: &Session) -> Result<()> {
    let service = arguments.service.name()?;
    let request = ExposeRequest { service: &service, clusters: &arguments.clusters };
    let begun = Instant::now();
    let made = settle(&request, plan::unexpose, mesh, session, &arguments.write).await?;
    if let Some(plan) = made {
        session.terminal.say(&words::unexposed(&plan, &service, begun.elapsed()));
    }
    Ok(())
}

type Planner = fn(&ExposeRequest<'_>, &[&ObservedTraffic]) -> Result<ExposePlan>;

/// The plan that was carried out, or none if it was only shown.
async fn settle(
    request: &ExposeRequest<'_>,
    planner: Planner,
    mesh: &MeshArguments,
    session: &Session,
    arguments: &WriteArguments,
) -> Result<Option<ExposePlan>> {
    let (mut conflicts, mut first) = (0, None::<ExposePlan>);
    loop {
        // A conflict in one cluster says nothing about the others, where something may be written by now.
        let refusal = |error: Error| if first.is_none() { error } else { error.on_the_way() };
        let members =
            observe(mesh, session, &Wanted::service(request.service, Facets::EastWest)).await.map_err(refusal)?;
        let seen = seen(&members);
        let plan = planner(request, &seen).map_err(refusal)?;
        let proposal = Proposal {
            overview: words::overview(&plan, request.service),
            changes: plan.changes.clone(),
            manifests: plan.manifests.clone(),
            granted_by: EXPOSE,
        };
        // One yes is valid for this service in these clusters, however often another run comes first.
        if first.is_none() && consent(&proposal, &members, arguments, session.terminal).await? == Consent::Shown {
            return Ok(None);
        }
        let plan = match &first {
            Some(first) => plan.continuing(first),
            None => plan,
        };
        match carry_out(&proposal.changes, &members).await {
            Ok(()) => return Ok(Some(plan)),
            Err(error) if error.kind == Kind::Conflict && conflicts < MOST_CONFLICTS => conflicts += 1,
            Err(error) => return Err(error),
        }
        first = Some(plan);
    }
}
