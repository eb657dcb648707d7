//! What the steps of a plan work with: the clusters by their names, the CA folder, and the settings of the run.

use std::collections::BTreeMap;

use mesh_shared::cluster::context::Cluster;
use mesh_shared::cluster::probe::ProbeImage;
use mesh_shared::model::names::{ClusterName, NetworkName};
use mesh_shared::plugin::error::{Error, Result};
use tokio::time::Instant;

use super::opened_ca_folder::KeptCertificates;
use crate::keep::run_lock::Run;

/// A cluster that a plan names.
#[derive(Debug, Clone)]
pub struct MemberCluster {
    /// The connection to it.
    pub cluster: Cluster,
    /// Its network in the mesh.
    pub network: NetworkName,
    /// Served version of the Sail API.
    pub sail_api: String,
}

/// Everything that the steps of a plan work with.
pub struct Environment {
    /// Members by name.
    pub members: BTreeMap<ClusterName, MemberCluster>,
    /// Where keys and certificates are kept.
    pub kept: KeptCertificates,
    /// Where istiod runs.
    pub system_namespace: String,
    /// Our field manager.
    pub manager: String,
    /// The probe's image.
    pub probe_image: ProbeImage,
    /// This run: its id tells its probes from others, its lock shows that it is alive.
    pub run: Run,
    /// When waiting ends.
    pub deadline: Instant,
}

impl Environment {
    /// The cluster of this name.
    ///
    /// # Errors
    /// If a plan names a cluster that is not a member, which is a bug.
    pub fn member(&self, name: &ClusterName) -> Result<&MemberCluster> {
        self.members
            .get(name)
            .ok_or_else(|| Error::failed(format!("the plan names {name}, which is not a member")).report())
    }
}
