//! Makes the certificates of a mesh, keeps them, and hands each cluster its own.

use std::path::PathBuf;
use std::sync::Arc;

use mesh_shared::cluster::apply::{self, Created};
use mesh_shared::machine::{clock, random};
use mesh_shared::model::istio::cacerts;
use mesh_shared::model::istio::manifest::to_manifest;
use mesh_shared::model::kube::kinds::Target;
use mesh_shared::model::names::ClusterName;
use mesh_shared::model::pki::authority::{Issued, Root};
use mesh_shared::model::pki::key::{KeyAlgorithm, PrivateKey};
use mesh_shared::plugin::error::{Error, Result};
use tokio::sync::OnceCell;
use tokio::time::Instant;

use super::environment::{Environment, MemberCluster};
use crate::keep::ca_folder::CaFolder;

/// The CA folder, and the root that it had: each taken by the first step that needs it, and held to the end of the run.
pub struct KeptCertificates {
    path: PathBuf,
    deadline: Instant,
    folder: OnceCell<Arc<CaFolder>>,
    root: OnceCell<Arc<Root>>,
}

impl KeptCertificates {
    /// The folder at this path, which is not taken yet. It is waited for until the deadline where another run has it.
    pub fn at(path: PathBuf, deadline: Instant) -> Self {
        Self { path, deadline, folder: OnceCell::new(), root: OnceCell::new() }
    }

    async fn folder(&self) -> Result<Arc<CaFolder>> {
        let (path, deadline) = (self.path.clone(), self.deadline.into_std());
        let take = || async { blocking(move || CaFolder::lock(&path, deadline)).await.map(Arc::new) };
        self.folder.get_or_try_init(take).await.cloned()
    }

    async fn root(&self) -> Result<Arc<Root>> {
        let load = || async {
            let folder = self.folder().await?;
            let root = blocking(move || folder.load_root(clock::now())).await?;
            root.map(Arc::new).ok_or_else(|| {
                Error::failed("the CA folder has no root any more")
                    .at(self.path.display().to_string())
                    .fix("find out what removed it, and restore the folder from a backup")
            })
        };
        self.root.get_or_try_init(load).await.cloned()
    }
}

/// Makes a key beforehand.
pub(super) async fn make_key(algorithm: KeyAlgorithm) -> Result<PrivateKey> {
    blocking(move || random::new_key(algorithm)).await
}

/// Makes and keeps the root; one that is kept by now is used. And whether it is new.
pub(super) async fn make_root(
    kept: &KeptCertificates,
    key: Option<PrivateKey>,
    algorithm: KeyAlgorithm,
) -> Result<(Root, bool)> {
    let folder = kept.folder().await?;
    blocking(move || {
        let now = clock::now();
        if let Some(kept) = folder.load_root(now)? {
            return Ok((kept, false));
        }
        let root = Root::create(key.map_or_else(|| random::new_key(algorithm), Ok)?, random::new_serial()?, now)?;
        Ok((folder.store_root(root, now)?, true))
    })
    .await
}

/// A certificate that is wanted for a cluster.
pub(super) struct WantedIntermediate<'a> {
    pub(super) cluster: &'a ClusterName,
    pub(super) uid: &'a str,
    /// Where istiod runs.
    pub(super) namespace: &'a str,
    pub(super) algorithm: KeyAlgorithm,
}

/// Makes and keeps a cluster's intermediate; one that is kept by now is used. And whether it is new. Without a root, that of the CA
/// folder signs; without a key, one is made.
pub(super) async fn issue_intermediate(
    kept: &KeptCertificates,
    wanted: WantedIntermediate<'_>,
    root: Option<Arc<Root>>,
    key: Option<PrivateKey>,
) -> Result<(Issued, bool)> {
    let folder = kept.folder().await?;
    let root = match root {
        Some(root) => root,
        None => kept.root().await?,
    };
    let algorithm = wanted.algorithm;
    let (name, uid, namespace) = (wanted.cluster.clone(), wanted.uid.to_owned(), wanted.namespace.to_owned());
    blocking(move || {
        let now = clock::now();
        if let Some(kept) = folder.load_intermediate(&name, &uid, now)? {
            return Ok((kept, false));
        }
        let key = key.map_or_else(|| random::new_key(algorithm), Ok)?;
        let issued = root.issue(&name, &namespace, key, random::new_serial()?, now)?;
        Ok((folder.store_intermediate(&name, &uid, issued, now)?, true))
    })
    .await
}

/// Creates the Secret `cacerts`. One that came to stand meanwhile is left alone; it must hold the same root. Whether it is new.
pub(super) async fn create_cacerts(
    environment: &Environment,
    name: &ClusterName,
    member: &MemberCluster,
    namespace: &str,
    issued: &Issued,
) -> Result<bool> {
    let manifest = to_manifest("v1", "Secret", &cacerts::cacerts(issued, namespace, &environment.manager));
    match apply::create(&member.cluster, &manifest, &environment.manager).await? {
        Created::New(_) => Ok(true),
        Created::Exists => {
            let standing = apply::get(&member.cluster, &Target::of(&manifest)).await?.unwrap_or_default();
            let standing = serde_json::from_value(standing).map_err(|error| {
                Error::failed("Secret cacerts is not understood")
                    .at(format!("context {}, namespace {namespace}", member.cluster.context))
                    .because(error.to_string())
                    .fix("find out who made it; run the join again to see what differs")
            })?;
            let roots = cacerts::read(&standing, clock::now()).roots;
            if roots.contains(&issued.root.fingerprint) {
                return Ok(false);
            }
            Err(Error::failed(format!("somebody else made the Secret cacerts of {name} meanwhile"))
                .at(format!("context {}, namespace {namespace}", member.cluster.context))
                .because("it holds another root than this mesh's")
                .fix("find out who did; run the join again to see what differs"))
        }
    }
}

/// Keys take a second of pure computing, which must not hold up what waits for clusters.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(Error::failed("making certificates stopped").because(error.to_string()).report()),
    }
}
