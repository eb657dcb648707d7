//! Which clusters a command is about: `--contexts`, or the current context's peers.

use futures::future::try_join_all;
use futures::{TryFutureExt, try_join};
use mesh_shared::cluster::context::{Cluster, Connection, connect, entries};
use mesh_shared::cluster::traffic;
use mesh_shared::cluster::traffic::Scope;
use mesh_shared::model::names::ClusterName;
use mesh_shared::model::names::service::ServiceName;
use mesh_shared::model::seen::traffic::ObservedTraffic;
use mesh_shared::plugin::error::{Error, Result};
use mesh_shared::session::Session;

use crate::mesh::permissions::{PEERS, VIEW};
use crate::mesh::words;
use mesh_shared::model::peers;
use mesh_shared::model::peers::Identity;

/// The clusters of the mesh.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Mesh")]
pub struct MeshArguments {
    /// Contexts of the mesh's clusters
    ///
    /// By default the current context and its peers, which are found from its remote secrets.
    #[arg(long, value_name = "A,B,…", value_delimiter = ',', global = true)]
    pub contexts: Vec<String>,
    /// One of them, whose peers are found
    ///
    /// From its remote secrets, where --contexts is not given. By default the kubeconfig's current context.
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

impl Wanted {
    /// One service alone.
    pub fn service(service: &ServiceName) -> Self {
        Self { service: Some(service.clone()), ..Self::default() }
    }
}

/// What was seen of each member.
pub fn seen(members: &[Member]) -> Vec<&ObservedTraffic> {
    members.iter().map(|member| &member.seen).collect()
}

/// The clusters of the mesh, in the order in which they were named or found, each observed. Nothing is written. Where the user
/// may not read all namespaces, that is said.
///
/// # Errors
/// Where a context cannot be used or its API server not reached; where two contexts are one cluster or two clusters have one
/// name; without `--contexts`, where a peer cannot be matched to a context, with the flag that names it.
pub async fn observe(arguments: &MeshArguments, session: &Session, wanted: &Wanted) -> Result<Vec<Member>> {
    let clusters = clusters(arguments, &session.connection).await?;
    let scope = Scope {
        system_namespace: arguments.istio_namespace.clone(),
        service: wanted.service.clone(),
        namespaces: wanted.namespaces.clone(),
    };
    let seen = try_join_all(clusters.iter().map(|cluster| traffic::observe(cluster, &scope))).await;
    let seen = seen.map_err(|error| VIEW.explain(error))?;
    if let Some(note) = words::narrowed(&seen) {
        session.terminal.say(&note);
    }
    let identities: Vec<Identity<'_>> =
        seen.iter().map(|seen| Identity { context: &seen.context, uid: &seen.uid, name: seen.name.as_str() }).collect();
    peers::distinct(&identities)?;
    Ok(clusters.into_iter().zip(seen).map(|(cluster, seen)| Member { cluster, seen }).collect())
}

/// The clusters that `--contexts` names; else the current one and its peers, each confirmed by its own name before anything else
/// is asked of it.
///
/// # Errors
/// As [`observe`].
pub async fn clusters(arguments: &MeshArguments, connection: &Connection) -> Result<Vec<Cluster>> {
    if !arguments.contexts.is_empty() {
        return connect(connection, &arguments.contexts).await;
    }
    let namespace = &arguments.istio_namespace;
    let (entries, current) = entries(connection)?;
    let begin = arguments.context.clone().or(current).ok_or_else(|| {
        Error::usage("the kubeconfig has no current context")
            .because("the mesh is found from one of its clusters")
            .fix("name it: --context NAME, or name all clusters: --contexts A,B,…")
    })?;
    let first = connect(connection, std::slice::from_ref(&begin)).await?.remove(0);
    let (own, registered) = try_join!(
        name(&first, namespace),
        traffic::registered(&first, namespace).map_err(|error| PEERS.explain(error)),
    )?;
    let Some(entry) = entries.iter().find(|entry| entry.context == begin) else {
        return Err(Error::usage(format!("context {begin:?} names no cluster of the kubeconfig"))
            .fix("name another: --context NAME; see them all: kubectl config get-contexts"));
    };
    let peers = peers::contexts_of_peers(&registered, &own, &entries, entry)?;
    let contexts: Vec<String> = peers.iter().map(|peer| peer.context.clone()).collect();
    let others = connect(connection, &contexts).await?;
    let names = try_join_all(others.iter().map(|cluster| name(cluster, namespace))).await?;
    for (peer, name) in peers.iter().zip(&names) {
        peers::confirmed(peer, name, &begin)?;
    }
    Ok(std::iter::once(first).chain(others).collect())
}

async fn name(cluster: &Cluster, system_namespace: &str) -> Result<ClusterName> {
    traffic::name(cluster, system_namespace).await.map_err(|error| VIEW.explain(error))
}
