//! Which clusters a command is about: `--contexts`, or the current context's peers.

use mesh_shared::cluster::context::{Cluster, Connection};
use mesh_shared::error::Result;
use mesh_shared::mesh::service::ServiceName;
use mesh_shared::observed::traffic::ObservedTraffic;

/// The clusters of the mesh.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Mesh")]
pub struct MeshArguments {
    /// Contexts of the mesh's clusters [default: the current context and its peers, found from its remote secrets]
    #[arg(long, value_name = "A,B,…", value_delimiter = ',', global = true)]
    pub contexts: Vec<String>,
    /// Context to begin at where --contexts is not given [default: the kubeconfig's current one]
    #[arg(long, value_name = "NAME", global = true, conflicts_with = "contexts")]
    pub context: Option<String>,
    /// Namespace of istiod
    #[arg(long, value_name = "NAMESPACE", default_value = "istio-system", global = true)]
    pub istio_namespace: String,
}

/// A cluster of the mesh, and what was seen of it.
#[derive(Debug, Clone)]
pub struct Member {
    /// The edge to it.
    pub cluster: Cluster,
    /// What was seen.
    pub seen: ObservedTraffic,
}

/// What is looked at in each cluster.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// The one service that a command is about; none for all of them.
    pub service: Option<ServiceName>,
    /// Further namespaces whose pods are wanted, such as the client's.
    pub namespaces: Vec<String>,
}

/// The clusters of the mesh, in the order in which they were named or found, each observed. Nothing is written.
///
/// # Errors
/// Where a context cannot be used or its API server not reached; where two contexts are one cluster or two clusters have one
/// name; without `--contexts`, where a peer cannot be matched to a context, with the flag that names it.
pub async fn observe(arguments: &MeshArguments, connection: &Connection, wanted: &Wanted) -> Result<Vec<Member>> {
    let _ = (arguments, connection, wanted);
    Err(mesh_shared::error::Error::failed("not there yet"))
}
