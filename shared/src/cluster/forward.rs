//! istiod's own debug port, reached by port-forward: it answers loopback alone.

use tokio::time::Instant;

use super::context::Cluster;
use crate::error::{Error, Result};

/// What one istiod replica knows of its peers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replica {
    /// Name of the pod.
    pub pod: String,
    /// Every cluster it has a client for, with the state of its first sync (`synced`, `syncing`, `timeout`, `closed`).
    pub clusters: Vec<SyncState>,
    /// Gateways of every network it knows.
    pub gateways: Vec<NetworkGateway>,
}

/// One cluster as an istiod sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncState {
    /// Cluster name.
    pub cluster: String,
    /// Name of the remote secret, none for the replica's own cluster.
    pub secret: Option<String>,
    /// `synced` when its services and endpoints are known.
    pub state: String,
}

/// A gateway of a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkGateway {
    /// Network.
    pub network: String,
    /// Cluster that has it, where istiod says so.
    pub cluster: Option<String>,
    /// IP or host name.
    pub address: String,
    /// Mostly 15443.
    pub port: u16,
}

/// Every Ready istiod of a namespace, asked for its clusters and networks.
///
/// # Errors
/// Where no istiod is Ready, or one does not answer.
pub async fn replicas(cluster: &Cluster, namespace: &str, deadline: Instant) -> Result<Vec<Replica>> {
    let _ = (cluster, namespace, deadline);
    Err(Error::failed("not written yet"))
}
