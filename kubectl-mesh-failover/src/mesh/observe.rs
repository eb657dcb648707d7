//! Which clusters a command is about: `--contexts`, or the current context's peers.

use futures::future::try_join_all;
use futures::{TryFutureExt, try_join};
use mesh_shared::cluster::context::{Cluster, Connection, connect, entries};
use mesh_shared::cluster::observe::{TrafficScope, name as name_of, registered, traffic};
use mesh_shared::model::names::ClusterName;
use mesh_shared::model::names::service::ServiceName;
use mesh_shared::model::seen::observed_traffic::ObservedTraffic;
use mesh_shared::plugin::error::{Error, Result};
use mesh_shared::session::Session;

use crate::mesh::arguments::MeshArguments;
use crate::mesh::permissions::{PEERS, VIEW};
use crate::mesh::words;
use mesh_shared::model::peers;
use mesh_shared::model::peers::Identity;

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
    /// What is wanted of the mesh beside services and where they run.
    pub facets: Facets,
}

/// What a command needs of the mesh beside services and where they run. It requests nothing else, so that it needs no
/// permission for more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Facets {
    /// Nothing.
    #[default]
    None,
    /// How traffic from other networks enters.
    EastWest,
    /// That, and which rules govern.
    Rules,
}

impl Wanted {
    /// One service alone.
    pub fn service(service: &ServiceName, facets: Facets) -> Self {
        Self { service: Some(service.clone()), namespaces: Vec::new(), facets }
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
/// A refusal, since nothing is written before it: if a context cannot be used or its API server not reached; if two
/// contexts are one cluster or two clusters have one name; without `--contexts`, if a peer cannot be matched to a
/// context, with the flag that names it.
pub async fn observe(arguments: &MeshArguments, session: &Session, wanted: &Wanted) -> Result<Vec<Member>> {
    ask(arguments, session, wanted).await.map_err(Error::before_any_write)
}

async fn ask(arguments: &MeshArguments, session: &Session, wanted: &Wanted) -> Result<Vec<Member>> {
    let clusters = clusters(arguments, &session.connection).await?;
    let scope = TrafficScope {
        system_namespace: arguments.istio_namespace.clone(),
        service: wanted.service.clone(),
        namespaces: wanted.namespaces.clone(),
        east_west: wanted.facets != Facets::None,
        rules: wanted.facets == Facets::Rules,
    };
    let seen = try_join_all(clusters.iter().map(|cluster| traffic(cluster, &scope))).await;
    let seen = seen.and_then(whole).map_err(|error| VIEW.explain(error))?;
    if let Some(note) = words::narrowed(&seen) {
        session.terminal.say(&note);
    }
    let identities: Vec<Identity<'_>> = seen
        .iter()
        .map(|seen| Identity {
            context: &seen.identity.context,
            uid: &seen.identity.uid,
            name: seen.membership.name.as_str(),
        })
        .collect();
    peers::distinct(&identities)?;
    Ok(clusters.into_iter().zip(seen).map(|(cluster, seen)| Member { cluster, seen }).collect())
}

/// Makes sure that nothing requested is missing.
fn whole(seen: Vec<ObservedTraffic>) -> Result<Vec<ObservedTraffic>> {
    for cluster in &seen {
        cluster.east_west.must_be_known()?;
        cluster.rules.must_be_known()?;
    }
    Ok(seen)
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
    let (own, registered) =
        try_join!(name(&first, namespace), registered(&first, namespace).map_err(|error| PEERS.explain(error)),)?;
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
    name_of(cluster, system_namespace).await.map_err(|error| VIEW.explain(error))
}
