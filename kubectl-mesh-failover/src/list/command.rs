//! `kubectl mesh-failover list`.

use clap::Args;
use mesh_shared::model::names::service::ServiceName;
use mesh_shared::plugin::error::Result;
use mesh_shared::plugin::terminal::help;
use mesh_shared::session::Session;

use crate::list::plan;
use crate::list::plan::ListRequest;
use crate::list::words;
use crate::mesh::arguments::MeshArguments;
use crate::mesh::observe::{Facets, Wanted, observe, seen};
use mesh_shared::plugin::arguments::TableArguments;

const EXAMPLES: &str = "\
# Every service of the mesh
kubectl mesh-failover list --contexts east,west

# One namespace, or one service, with the Gateways that open it
kubectl mesh-failover list -n sample
kubectl mesh-failover list helloworld.sample -o wide";

/// Show what is reachable from where
///
/// Every service with injected workloads in every cluster: its endpoints (ready/all), whether it is exposed there and by which
/// Gateway, whether its name resolves there, and whether other clusters discover it although it is not exposed.
#[derive(Debug, Args)]
#[command(after_long_help = help::ending(EXAMPLES, help::EXIT_CODES))]
pub struct ListArguments {
    /// One service: NAME.NAMESPACE, its host, or NAME with -n
    #[arg(value_name = "SERVICE")]
    service: Option<String>,
    /// Only this namespace
    #[arg(short, long, value_name = "NAMESPACE")]
    namespace: Option<String>,
    #[command(flatten)]
    table: TableArguments,
}

/// Observes and shows.
///
/// # Errors
/// If a cluster cannot be observed.
pub async fn list(arguments: &ListArguments, mesh: &MeshArguments, session: &Session) -> Result<()> {
    let namespace = arguments.namespace.as_deref();
    let service = arguments.service.as_ref().map(|text| ServiceName::parse(text, namespace)).transpose()?;
    let wanted = Wanted { service: service.clone(), facets: Facets::EastWest, ..Wanted::default() };
    let members = observe(mesh, session, &wanted).await?;
    let seen = seen(&members);
    let services = plan::list(&ListRequest { service: service.as_ref(), namespace }, &seen);
    session.terminal.data(&words::render(&services, arguments.table.output));
    if let Some(advice) = words::advice(&services) {
        session.terminal.say(&advice);
    }
    Ok(())
}
