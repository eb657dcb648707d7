//! `kubectl mesh-failover drill list`: running drills, and what earlier ones left behind.

use clap::Args;
use futures::future::try_join_all;
use mesh_shared::cluster::context::Cluster;
use mesh_shared::cluster::lease;
use mesh_shared::cluster::read::every;
use mesh_shared::machine::clock;
use mesh_shared::plugin::error::{Error, Kind, Result};
use mesh_shared::plugin::terminal::help;
use mesh_shared::session::Session;

use crate::drill::fault_record::{LABEL, Record};
use crate::drill::lock;
use crate::drill::words;
use crate::drill::words::Listed;
use crate::mesh::arguments::MeshArguments;
use crate::mesh::observe::clusters;
use crate::mesh::permissions::DRILL_LIST;
use mesh_shared::plugin::arguments::TableArguments;

const EXAMPLES: &str = "\
# In every cluster of the mesh
kubectl mesh-failover drill list --contexts east,west";

/// List running drills, and what earlier ones left behind
#[derive(Debug, Args)]
#[command(after_long_help = help::ending(EXAMPLES, help::EXIT_CODES))]
pub struct ListArguments {
    /// Look in one namespace only [default: all]
    #[arg(short, long, value_name = "NAMESPACE")]
    namespace: Option<String>,
    #[command(flatten)]
    table: TableArguments,
}

/// Reads every record of the mesh's clusters and whether its client is running. Returns the exit code.
///
/// # Errors
/// If a cluster does not answer.
pub(super) async fn list(arguments: &ListArguments, mesh: &MeshArguments, session: &Session) -> Result<u8> {
    let clusters = clusters(mesh, &session.connection).await.map_err(Error::before_any_write)?;
    let namespace = arguments.namespace.as_deref().unwrap_or_default();
    let all = try_join_all(clusters.iter().map(|cluster| of_cluster(cluster, namespace))).await;
    let all = all.map_err(|error| explained(error, namespace).before_any_write())?;
    session.terminal.data(&words::list(&all.concat(), arguments.table.output));
    Ok(0)
}

/// Adds to a missing permission the file that grants it, and that one namespace needs less than all.
fn explained(error: Error, namespace: &str) -> Error {
    let all_is_forbidden = error.kind == Kind::Forbidden && namespace.is_empty();
    let error = DRILL_LIST.explain(error);
    if all_is_forbidden {
        error.fix("or look where you may: kubectl mesh-failover drill list -n NAMESPACE")
    } else {
        error
    }
}

async fn of_cluster(cluster: &Cluster, namespace: &str) -> Result<Vec<Listed>> {
    let mut all = Vec::new();
    let now = clock::now();
    for object in every(cluster, "ConfigMap", namespace, &[(LABEL, "true")]).await? {
        let (record, _) = Record::read(&object, &cluster.context)?;
        let target = lock::place(&record.service, &record.system_namespace)?;
        let alive = lease::read(cluster, &target).await?.is_some_and(|lease| lease.is_alive(now));
        all.push(Listed::of(&record, &cluster.context, alive, now));
    }
    Ok(all)
}
