//! What executing a plan works on: the clusters by their names, the settings of the run, and what its steps found out.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use crate::cluster::context::Cluster;
use crate::cluster::probe::ProbeImage;
use crate::machine::ca_folder::CaFolder;
use crate::machine::run_lock::Run;
use crate::model::istio::remote_secret::ReaderCredential;
use crate::model::names::{ClusterName, MeshId, NetworkName};
use crate::model::pki::authority::{Issued, Root};
use crate::model::pki::key::PrivateKey;
use crate::model::seen::cluster::ApiAddress;
use crate::plugin::error::{Error, Result};

/// A cluster that a plan names.
#[derive(Debug, Clone)]
pub struct Handle {
    /// The edge to it.
    pub cluster: Cluster,
    /// Its network in the mesh.
    pub network: NetworkName,
    /// Served version of the Sail API.
    pub sail_api: String,
}

/// Everything that the steps of a plan work on.
pub struct World {
    /// Members by name.
    pub members: BTreeMap<ClusterName, Handle>,
    /// The mesh.
    pub mesh: MeshId,
    /// Where keys and certificates are kept.
    pub ca_folder: PathBuf,
    /// Where istiod runs.
    pub system_namespace: String,
    /// Our field manager.
    pub manager: String,
    /// The probe's image.
    pub probe_image: ProbeImage,
    /// This run, which tells its probes from others and is seen to live.
    pub run: Run,
    /// When waiting ends.
    pub deadline: Instant,
    /// What steps found out and others need.
    pub board: Board,
}

impl World {
    /// The cluster of a step.
    ///
    /// # Errors
    /// Where a plan names a cluster that is not among the members, which is a fault of ours.
    pub fn member(&self, name: &ClusterName) -> Result<&Handle> {
        self.members
            .get(name)
            .ok_or_else(|| Error::failed(format!("the plan names {name}, which is no member")).report())
    }
}

/// What steps found out and others need. It holds tokens, so that it can not be printed.
#[derive(Default)]
pub struct Board {
    notes: Mutex<Notes>,
    /// Held while the CA folder is taken, so that only one step takes it.
    pub(super) taking_folder: tokio::sync::Mutex<()>,
}

/// The notes on a [`Board`].
#[derive(Default)]
pub struct Notes {
    /// By reader and peer: each address that was tried, and what came of it.
    pub tried: BTreeMap<(ClusterName, ClusterName), Vec<Tried>>,
    /// The address at which each cluster is reached.
    pub settled: BTreeMap<ClusterName, ApiAddress>,
    /// Readers' tokens.
    pub tokens: BTreeMap<ClusterName, Arc<ReaderCredential>>,
    /// Gateway addresses.
    pub gateways: BTreeMap<ClusterName, Vec<String>>,
    /// The CA folder, from the first step that needs it to the end of the run.
    pub folder: Option<Arc<CaFolder>>,
    /// Keys that were made beforehand: of a cluster's intermediate, or without a cluster of the root.
    pub keys: BTreeMap<Option<ClusterName>, PrivateKey>,
    /// The root that signs.
    pub root: Option<Arc<Root>>,
    /// Intermediates that were made or found in the CA folder.
    pub issued: BTreeMap<ClusterName, Arc<Issued>>,
    /// Clusters in which the probe's namespace stands.
    pub probes: BTreeMap<ClusterName, String>,
}

/// An address that a probe tried.
#[derive(Debug, Clone)]
pub struct Tried {
    /// The address.
    pub address: ApiAddress,
    /// Why it failed, where it did.
    pub fault: Option<String>,
}

impl Board {
    /// The notes. A step that panicked while it wrote one leaves them readable.
    pub fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
