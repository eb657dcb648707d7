//! A lab that runs, as a test holds it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use jiff::Timestamp;

use crate::audit;
use crate::events;
use crate::kubeconfig;
use crate::node::components::{self, Component};
use crate::node::control::{self, Action, Order, Told};
use crate::spec::{Cluster, Spec};
use crate::start;
use crate::state::State;
use crate::user::User;
use crate::wan::rebuild;

/// A lab that runs.
#[derive(Debug, Clone)]
pub struct Lab {
    state: State,
    spec: Spec,
}

impl Lab {
    /// The lab that `meshlab with` brought up for this process.
    pub fn attached() -> Result<Self> {
        let id = std::env::var("MESHLAB_ID").context("MESHLAB_ID is not set: run this by `meshlab with -- …`")?;
        Self::open(&id)
    }

    /// The lab of an id, which runs.
    pub fn open(id: &str) -> Result<Self> {
        let state = State::of(id)?;
        state.holder().with_context(|| format!("lab {id} does not run (meshlab up)"))?;
        Ok(Self { spec: state.spec()?, state })
    }

    /// What it was asked to be.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// Its clusters.
    pub fn clusters(&self) -> &[Cluster] {
        &self.spec.clusters
    }

    /// The kubeconfig with a context per cluster.
    pub fn kubeconfig(&self) -> PathBuf {
        self.state.kubeconfig()
    }

    /// The folder with kubectl, istioctl, helm and the programs of the nodes.
    pub fn bin(&self) -> &Path {
        &self.spec.parts.bin
    }

    /// Every request to a cluster's API server so far.
    pub fn audit(&self, cluster: &str) -> Result<Vec<audit::Event>> {
        self.audit_since(cluster, Timestamp::MIN)
    }

    /// Every request to a cluster's API server that came at a time or later.
    pub fn audit_since(&self, cluster: &str, since: Timestamp) -> Result<Vec<audit::Event>> {
        audit::read(&self.folder(cluster)?, since)
    }

    /// Does something to a component of a cluster.
    pub fn supervise(&self, cluster: &str, component: Component, action: Action) -> Result<()> {
        self.order(cluster, &Order::Act { component: Some(component), action }).map(drop)
    }

    /// Cuts a whole cluster off the others, or undoes every cut of it.
    pub fn network(&self, cluster: &str, action: Action) -> Result<()> {
        self.order(cluster, &Order::Act { component: None, action }).map(drop)
    }

    /// Destroys a cluster and makes it again behind its old address, as another: with another authority and other UIDs. The
    /// kubeconfig leads to the new one; those that were given to users are of the old.
    pub fn rebuild(&self, cluster: &str) -> Result<()> {
        let alone = Spec { clusters: vec![self.spec.cluster(cluster)?.clone()], ..self.spec.clone() };
        let began = events::now();
        rebuild::order(&self.state, cluster)?;
        kubeconfig::write_for_people(&self.state, &self.spec)?;
        start::await_ready_since(&self.state, &alone, began)
    }

    /// How the components of a cluster are.
    pub fn told(&self, cluster: &str) -> Result<Told> {
        self.order(cluster, &Order::Tell)
    }

    fn order(&self, cluster: &str, order: &Order) -> Result<Told> {
        control::order(&self.folder(cluster)?, order).with_context(|| format!("cluster {cluster}"))
    }

    /// The log of a component.
    pub fn log(&self, cluster: &str, component: Component) -> Result<PathBuf> {
        Ok(components::log_file(&self.folder(cluster)?, component))
    }

    /// kubectl, for one cluster.
    pub fn kubectl(&self, cluster: &str) -> Command {
        let mut command = Command::new(self.bin().join("kubectl"));
        command.arg("--kubeconfig").arg(self.kubeconfig()).args(["--context", cluster]);
        command
    }

    /// A kubeconfig whose only context is called as the cluster and calls as a user with the rights that are given.
    pub fn user(&self, cluster: &str, user: &User) -> Result<String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(user.make(&self.state, self.spec.cluster(cluster)?))
    }

    fn folder(&self, cluster: &str) -> Result<PathBuf> {
        Ok(self.state.cluster(&self.spec.cluster(cluster)?.name))
    }
}
