//! Makes the certificates of a mesh, keeps them, and hands each cluster its own.

use std::sync::Arc;

use mesh_shared::cluster::write;
use mesh_shared::cluster::write::Created;
use mesh_shared::machine::{clock, random};
use mesh_shared::model::istio::cacerts;
use mesh_shared::model::istio::manifest::to_manifest;
use mesh_shared::model::kube::kinds::Target;
use mesh_shared::model::names::ClusterName;
use mesh_shared::model::pki::authority::{Issued, Root};
use mesh_shared::model::pki::key::{KeyAlgorithm, PrivateKey};
use mesh_shared::plugin::error::{Error, Result};

use super::environment::{Environment, MemberCluster};
use super::opened_ca_folder::{KeptCertificates, blocking};

/// Makes a key beforehand.
pub(super) async fn make_key(algorithm: KeyAlgorithm) -> Result<PrivateKey> {
    blocking(move || random::new_key(algorithm)).await
}

/// Makes and keeps the root, or takes the one that is kept by now. Also returns whether it is new.
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

/// Makes and keeps a cluster's intermediate, or takes the one that is kept by now. Also returns whether it is new.
/// Without a root, the CA folder's signs; without a key, one is made.
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

/// Creates the Secret `cacerts`. One created in the meantime is left alone, but must hold the same root. Returns
/// whether it is new.
pub(super) async fn create_cacerts(
    environment: &Environment,
    name: &ClusterName,
    member: &MemberCluster,
    namespace: &str,
    issued: &Issued,
) -> Result<bool> {
    let manifest = to_manifest("v1", "Secret", &cacerts::cacerts(issued, namespace, &environment.manager));
    match write::create(&member.cluster, &manifest, &environment.manager).await? {
        Created::New(_) => Ok(true),
        Created::Exists => {
            let standing = write::get(&member.cluster, &Target::of(&manifest)).await?.unwrap_or_default();
            let standing = serde_json::from_value(standing).map_err(|error| {
                Error::failed("Secret cacerts cannot be parsed")
                    .at(format!("context {}, namespace {namespace}", member.cluster.context))
                    .because(error.to_string())
                    .fix("find out who made it; run the join again to see what differs")
            })?;
            let roots = cacerts::read(&standing, clock::now()).roots;
            if roots.contains(&issued.root.fingerprint) {
                return Ok(false);
            }
            Err(Error::failed(format!("someone else created Secret cacerts in {name} in the meantime"))
                .at(format!("context {}, namespace {namespace}", member.cluster.context))
                .because("its root is not this mesh's")
                .fix("find out who did; run the join again to see what differs"))
        }
    }
}
