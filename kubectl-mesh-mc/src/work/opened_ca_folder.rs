//! The CA folder of a run, and the root read from it.

use std::path::PathBuf;
use std::sync::Arc;

use mesh_shared::machine::clock;
use mesh_shared::model::pki::authority::Root;
use mesh_shared::plugin::error::{Error, Result};
use tokio::sync::OnceCell;
use tokio::time::Instant;

use crate::keep::ca_folder::CaFolder;

/// The CA folder and its root, each taken by the first step that needs it and held to the end of the run.
pub struct KeptCertificates {
    path: PathBuf,
    deadline: Instant,
    folder: OnceCell<Arc<CaFolder>>,
    root: OnceCell<Arc<Root>>,
}

impl KeptCertificates {
    /// The folder at this path, not locked yet. If another run has it, locking waits until the deadline.
    pub fn at(path: PathBuf, deadline: Instant) -> Self {
        Self { path, deadline, folder: OnceCell::new(), root: OnceCell::new() }
    }

    /// The folder, locked.
    pub(super) async fn folder(&self) -> Result<Arc<CaFolder>> {
        let (path, deadline) = (self.path.clone(), self.deadline.into_std());
        let take = || async { blocking(move || CaFolder::lock(&path, deadline)).await.map(Arc::new) };
        self.folder.get_or_try_init(take).await.cloned()
    }

    /// The root that the folder has.
    pub(super) async fn root(&self) -> Result<Arc<Root>> {
        let load = || async {
            let folder = self.folder().await?;
            let root = blocking(move || folder.load_root(clock::now())).await?;
            root.map(Arc::new).ok_or_else(|| {
                Error::failed("the CA folder no longer has a root")
                    .at(self.path.display().to_string())
                    .fix("find out what removed it, and restore the folder from a backup")
            })
        };
        self.root.get_or_try_init(load).await.cloned()
    }
}

/// Runs work on a thread for blocking: a key takes a second of computing, which must not hold up waits for clusters.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(Error::failed("making certificates stopped").because(error.to_string()).report()),
    }
}
