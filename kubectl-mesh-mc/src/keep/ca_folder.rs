//! The folder in which a mesh's root and the intermediates of its clusters are kept.
//!
//! ```text
//! <mesh>/root-cert.pem  root-key.pem  clusters.json
//!        <cluster>/ca-cert.pem  ca-key.pem  cert-chain.pem  root-cert.pem
//! ```
//! Nothing in it but `clusters.json` is ever overwritten. What cannot be used and is in the way is moved aside to
//! `<name>.unused-<number>`. Whatever a store returns is on disk before it is returned: the root's key before its
//! certificate, and an intermediate's folder all or nothing. So wherever a run is killed, the next one has the same
//! root.

mod files;
mod private_dir;
mod state;
#[cfg(test)]
mod tests;

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rustix::fs::{FlockOperation, flock};

use files::{CA_CERT, CA_KEY, ROOT_CERT, ROOT_KEY, read_certificate};
use private_dir::{PrivateDir, UNFINISHED};
#[cfg(test)]
pub use state::KeptRoot;
pub use state::{CaFolderState, SignedFor, observe};
use state::{folder_faults, read_record, refuse_lost_root, unusable, write_record};

use mesh_shared::model::names::{ClusterName, MeshId};
use mesh_shared::model::pki::authority::{Issued, Root};
use mesh_shared::model::pki::key::PrivateKey;
use mesh_shared::plugin::error::{Error, Result};

const CERT_CHAIN: &str = "cert-chain.pem";
const LOCK: &str = ".lock";

/// Where the CA folder of a mesh is unless the user names one: `$XDG_DATA_HOME/mesh-mc/<mesh>`, else
/// `~/.local/share/mesh-mc/<mesh>`.
///
/// # Errors
/// A usage error if neither is known.
pub fn default_path(mesh: &MeshId) -> Result<PathBuf> {
    Ok(of_all_meshes()?.join(mesh.as_str()))
}

/// Names of the meshes that have a folder at the default place.
///
/// # Errors
/// If the place is not known or cannot be read.
pub fn meshes() -> Result<Vec<String>> {
    let folder = of_all_meshes()?;
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => {
            return Err(Error::failed(format!("{} cannot be read", folder.display()))
                .because(error.to_string())
                .fix("make yourself its owner: chown -R \"$(id -u)\" FOLDER"));
        }
    };
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    Ok(names.filter(|name| MeshId::new(name.as_str()).is_ok()).collect())
}

fn of_all_meshes() -> Result<PathBuf> {
    // The XDG specification says to ignore relative paths.
    let data = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let data = data.or_else(|| std::env::home_dir().map(|home| home.join(".local/share")));
    let data = data.filter(|path| path.is_absolute()).ok_or_else(|| {
        Error::usage("there is no place for the mesh's root")
            .because("neither XDG_DATA_HOME nor HOME is set")
            .fix("name one: --ca-dir DIR")
    })?;
    Ok(data.join("mesh-mc"))
}

/// A CA folder that this process has for itself until it is dropped.
pub struct CaFolder {
    folder: PrivateDir,
    writing: Mutex<()>,
    _lock: OwnedFd,
}

impl CaFolder {
    /// Locks the folder, creating it if missing. Blocks while another process has it.
    ///
    /// # Errors
    /// Refused if the folder cannot be used, or another process still has it at the deadline.
    pub fn lock(path: &Path, deadline: Instant) -> Result<Self> {
        let folder = match PrivateDir::open(path)? {
            Some(folder) => folder,
            None => PrivateDir::create(path)?,
        };
        if let Some(fault) = folder_faults(&folder).into_iter().next() {
            return Err(unusable(path, fault.what, &fault.fix).into_error());
        }
        let lock = folder.lock_file(LOCK)?;
        while let Err(errno) = flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            if errno != rustix::io::Errno::WOULDBLOCK {
                return Err(Error::failed("cannot lock the CA folder")
                    .at(path.display().to_string())
                    .because(errno.to_string())
                    .fix("name a folder on a disk of this machine: --ca-dir DIR"));
            }
            if Instant::now() >= deadline {
                return Err(Error::refused("the CA folder is in use")
                    .at(path.display().to_string())
                    .because("another run of this command has it")
                    .fix("let that run end, then try again"));
            }
            sleep(Duration::from_millis(50));
        }
        Ok(Self { folder, writing: Mutex::new(()), _lock: lock })
    }

    /// The folder's root, or none if there is none yet.
    ///
    /// # Errors
    /// Refused if its key is missing, if its certificate is missing but has signed, or if the two make no valid root at
    /// this time.
    pub fn load_root(&self, at: Timestamp) -> Result<Option<Root>> {
        let Some(certificate) = read_certificate(&self.folder, ROOT_CERT)? else {
            return refuse_lost_root(&self.folder).map(|()| None);
        };
        let Some(key) = self.folder.read_key(ROOT_KEY)? else {
            return Err(Error::refused(format!("the key of root {} is not in the CA folder", certificate.fingerprint))
                .at(self.place())
                .fix(format!("put it there, readable only by you: {}", self.folder.path().join(ROOT_KEY).display())));
        };
        let key = PrivateKey::from_pem(&key)
            .map_err(|error| error.at(self.folder.path().join(ROOT_KEY).display().to_string()))?;
        Root::from_parts(certificate, key, at).map(Some).map_err(|draft| {
            draft
                .at(self.place())
                .fix("restore the root from a backup of the folder, or name another folder: --ca-dir DIR")
        })
    }

    /// Keeps a new root. If one is kept already, that one is returned and the new one dropped.
    ///
    /// # Errors
    /// As [`CaFolder::load_root`], and if the disk fails.
    pub fn store_root(&self, root: Root, at: Timestamp) -> Result<Root> {
        let _writing = self.begin()?;
        if let Some(kept) = self.load_root(at)? {
            return Ok(kept);
        }
        // A key without a certificate has signed nothing that anyone has seen, but it may be the user's own.
        self.put_aside(ROOT_KEY)?;
        self.folder.write_new(ROOT_KEY, root.key.reveal_pem().as_bytes())?;
        self.folder.write_new(ROOT_CERT, root.certificate.pem().as_bytes())?;
        Ok(root)
    }

    /// The intermediate that is kept for a cluster, or none if there is none or it was made for another cluster of the
    /// same name. What is returned is recorded as signed for this UID.
    ///
    /// # Errors
    /// Refused if it does not verify under the folder's root at this time.
    pub fn load_intermediate(&self, cluster: &ClusterName, uid: &str, at: Timestamp) -> Result<Option<Issued>> {
        let _writing = self.begin()?;
        self.kept_intermediate(cluster, uid, at)
    }

    /// Keeps a new intermediate and records for whom it was made. If one is kept for this cluster already, that one is
    /// returned and the new one dropped.
    ///
    /// # Errors
    /// As [`CaFolder::load_intermediate`], and if the disk fails.
    pub fn store_intermediate(
        &self,
        cluster: &ClusterName,
        uid: &str,
        issued: Issued,
        at: Timestamp,
    ) -> Result<Issued> {
        let _writing = self.begin()?;
        if let Some(kept) = self.kept_intermediate(cluster, uid, at)? {
            return Ok(kept);
        }
        let root = read_certificate(&self.folder, ROOT_CERT)?;
        if root.as_ref() != Some(&issued.root) {
            return Err(Error::failed(format!("intermediate of {cluster} is not signed by the root of the CA folder"))
                .at(self.place())
                .report());
        }
        self.put_aside(cluster.as_str())?;
        self.record(cluster, uid, &issued)?;
        let unfinished = format!("{UNFINISHED}{cluster}");
        let folder = self.folder.make_folder(&unfinished)?;
        folder.write_new(CA_KEY, issued.key.reveal_pem().as_bytes())?;
        folder.write_new(CA_CERT, issued.certificate.pem().as_bytes())?;
        folder.write_new(CERT_CHAIN, issued.chain_pem().as_bytes())?;
        folder.write_new(ROOT_CERT, issued.root.pem().as_bytes())?;
        self.folder.rename(&unfinished, cluster.as_str())?;
        Ok(issued)
    }

    fn kept_intermediate(&self, cluster: &ClusterName, uid: &str, at: Timestamp) -> Result<Option<Issued>> {
        let Some(folder) = self.folder.folder(cluster.as_str())? else { return Ok(None) };
        let (certificate, key) = (read_certificate(&folder, CA_CERT)?, folder.read_key(CA_KEY)?);
        let (Some(certificate), Some(key)) = (certificate, key) else { return Ok(None) };
        let record = read_record(&self.folder)?;
        let mut made_for = record.iter().filter(|signed| signed.intermediate == certificate.fingerprint).peekable();
        if made_for.peek().is_some() && made_for.all(|signed| signed.uid != uid) {
            return Ok(None);
        }
        let place = folder.path().display().to_string();
        let key = PrivateKey::from_pem(&key).map_err(|error| error.at(place.clone()))?;
        let Some(root) = read_certificate(&self.folder, ROOT_CERT)? else {
            return Err(Error::refused(format!("the root of the intermediate of {cluster} is not in the CA folder"))
                .at(self.place())
                .fix("restore the root from a backup of the folder"));
        };
        let issued = Issued { certificate, key, root };
        issued.verify(at).map_err(|error| {
            error
                .at(place)
                .fix("move it aside and run again to make another:")
                .fix(format!("mv {0} {0}.old", folder.path().display()))
        })?;
        for (name, text) in [(CERT_CHAIN, issued.chain_pem()), (ROOT_CERT, issued.root.pem())] {
            if !folder.has(name) {
                folder.remove_unfinished()?;
                folder.write_new(name, text.as_bytes())?;
            }
        }
        self.record(cluster, uid, &issued)?;
        Ok(Some(issued))
    }

    fn record(&self, cluster: &ClusterName, uid: &str, issued: &Issued) -> Result<()> {
        let mut record = read_record(&self.folder)?;
        let signed =
            SignedFor { cluster: cluster.to_string(), uid: uid.into(), intermediate: issued.certificate.fingerprint };
        if record.contains(&signed) {
            return Ok(());
        }
        record.push(signed);
        write_record(&self.folder, record)
    }

    fn put_aside(&self, name: &str) -> Result<()> {
        if !self.folder.has(name) {
            return Ok(());
        }
        let mut number = 1;
        while self.folder.has(&format!("{name}.unused-{number}")) {
            number += 1;
        }
        self.folder.rename(name, &format!("{name}.unused-{number}"))
    }

    /// Two threads of this process must not both find that nothing is kept yet.
    fn begin(&self) -> Result<MutexGuard<'_, ()>> {
        let writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        self.folder.remove_unfinished()?;
        Ok(writing)
    }

    fn place(&self) -> String {
        self.folder.path().display().to_string()
    }
}
