//! Makes the certificates of a mesh, keeps them, and hands each cluster its own.

use std::sync::Arc;

use super::world::{Handle, World};
use crate::cluster::apply;
use crate::cluster::apply::Created;
use crate::machine::ca_folder::CaFolder;
use crate::machine::{clock, random};
use crate::model::istio::cacerts;
use crate::model::istio::manifest::to_manifest;
use crate::model::kube::kinds::Target;
use crate::model::names::ClusterName;
use crate::model::pki::authority::Root;
use crate::model::pki::key::KeyAlgorithm;
use crate::plugin::error::{Error, Result};

/// Makes a key beforehand, for a cluster's intermediate or, without a cluster, for the root.
pub(super) async fn make_key(world: &World, cluster: Option<&ClusterName>, algorithm: KeyAlgorithm) -> Result<()> {
    let key = blocking(move || random::new_key(algorithm)).await?;
    world.board.notes().keys.insert(cluster.cloned(), key);
    Ok(())
}

/// Makes and keeps the root; one that is kept by now is used. Whether it is new.
pub(super) async fn make_root(world: &World, algorithm: KeyAlgorithm) -> Result<bool> {
    let folder = folder(world).await?;
    let key = world.board.notes().keys.remove(&None);
    let (root, new) = blocking(move || {
        let now = clock::now();
        if let Some(kept) = folder.load_root(now)? {
            return Ok((kept, false));
        }
        let root = Root::create(key.map_or_else(|| random::new_key(algorithm), Ok)?, random::new_serial()?, now)?;
        Ok((folder.store_root(root, now)?, true))
    })
    .await?;
    world.board.notes().root = Some(Arc::new(root));
    Ok(new)
}

/// Makes and keeps a cluster's intermediate; one that is kept by now is used. Whether it is new.
pub(super) async fn issue_intermediate(
    world: &World,
    cluster: &ClusterName,
    uid: &str,
    algorithm: KeyAlgorithm,
) -> Result<bool> {
    let folder = folder(world).await?;
    let root = root(world, &folder).await?;
    let key = world.board.notes().keys.remove(&Some(cluster.clone()));
    let (name, uid, namespace) = (cluster.clone(), uid.to_owned(), world.system_namespace.clone());
    let (issued, new) = blocking(move || {
        let now = clock::now();
        if let Some(kept) = folder.load_intermediate(&name, &uid, now)? {
            return Ok((kept, false));
        }
        let key = key.map_or_else(|| random::new_key(algorithm), Ok)?;
        let issued = root.issue(&name, &namespace, key, random::new_serial()?, now)?;
        Ok((folder.store_intermediate(&name, &uid, issued, now)?, true))
    })
    .await?;
    world.board.notes().issued.insert(cluster.clone(), Arc::new(issued));
    Ok(new)
}

/// Creates the Secret `cacerts`. One that came to stand meanwhile is left alone; it must hold the same root. Whether it is new.
pub(super) async fn create_cacerts(
    world: &World,
    name: &ClusterName,
    member: &Handle,
    namespace: &str,
) -> Result<bool> {
    let issued = world.board.notes().issued.get(name).cloned();
    let issued = issued.ok_or_else(|| Error::failed(format!("{name} has no intermediate yet")).report())?;
    let manifest = to_manifest("v1", "Secret", &cacerts::cacerts(&issued, namespace, &world.manager));
    match apply::create(&member.cluster, &manifest, &world.manager).await? {
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

/// The CA folder, taken by the first step that needs it.
async fn folder(world: &World) -> Result<Arc<CaFolder>> {
    let _taking = world.board.taking_folder.lock().await;
    if let Some(folder) = world.board.notes().folder.clone() {
        return Ok(folder);
    }
    let (path, deadline) = (world.ca_folder.clone(), world.deadline.into_std());
    let folder = Arc::new(blocking(move || CaFolder::lock(&path, deadline)).await?);
    world.board.notes().folder = Some(folder.clone());
    Ok(folder)
}

async fn root(world: &World, folder: &Arc<CaFolder>) -> Result<Arc<Root>> {
    if let Some(root) = world.board.notes().root.clone() {
        return Ok(root);
    }
    let own = folder.clone();
    let root = blocking(move || own.load_root(clock::now())).await?;
    let root = Arc::new(root.ok_or_else(|| {
        Error::failed("the CA folder has no root any more")
            .at(world.ca_folder.display().to_string())
            .fix("find out what removed it, and restore the folder from a backup")
    })?);
    world.board.notes().root = Some(root.clone());
    Ok(root)
}

/// Keys take a second of pure computing, which must not hold up what waits for clusters.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(Error::failed("making certificates stopped").because(error.to_string()).report()),
    }
}
