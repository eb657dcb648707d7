//! `kubectl mesh-failover drill list`: drills that run, and what earlier ones left.

use clap::Args;
use futures::future::try_join_all;
use mesh_shared::cluster::context::{Cluster, Connection};
use mesh_shared::cluster::lease;
use mesh_shared::cluster::list::every;
use mesh_shared::error::Result;
use mesh_shared::machine::clock;
use mesh_shared::ui::help;
use mesh_shared::ui::terminal::Terminal;

use crate::commands::arguments::TableArguments;
use crate::commands::mesh::{MeshArguments, clusters};
use crate::drill::lock;
use crate::drill::record::{LABEL, Record};
use crate::show;
use crate::show::drill::Listed;

const EXAMPLES: &str = "\
# In every cluster of the mesh
kubectl mesh-failover drill list --contexts east,west";

/// List drills that run, and what earlier ones left
#[derive(Debug, Args)]
#[command(after_long_help = help::ending(EXAMPLES, help::EXIT_CODES))]
pub struct ListArguments {
    #[command(flatten)]
    table: TableArguments,
}

/// Reads every record of the mesh's clusters and whether its client lives. The exit code.
///
/// # Errors
/// Where a cluster does not answer.
pub(super) async fn list(
    arguments: &ListArguments,
    mesh: &MeshArguments,
    connection: &Connection,
    terminal: Terminal,
) -> Result<u8> {
    let clusters = clusters(mesh, connection).await?;
    let all = try_join_all(clusters.iter().map(of_cluster)).await?;
    terminal.data(&show::drill::list(&all.concat(), arguments.table.output));
    Ok(0)
}

async fn of_cluster(cluster: &Cluster) -> Result<Vec<Listed>> {
    let mut all = Vec::new();
    let now = clock::now();
    for object in every(cluster, "ConfigMap", "", &[(LABEL, "true")]).await? {
        let (record, _) = Record::read(&object)?;
        let target = lock::place(&record.service, &record.system_namespace)?;
        let alive = lease::read(cluster, &target).await?.is_some_and(|lease| lease.is_alive(now));
        all.push(Listed::of(&record, &cluster.context, alive, now));
    }
    Ok(all)
}
