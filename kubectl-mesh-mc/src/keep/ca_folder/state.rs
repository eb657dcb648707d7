//! The CA folder as it is found: a value without keys, read before anything is written anywhere.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rustix::fs::{Access, AtFlags, CWD, accessat};
use rustix::process::geteuid;
use serde::{Deserialize, Serialize};

use super::files::{CA_CERT, CA_KEY, RECORD, ROOT_CERT, ROOT_KEY, read_certificate};
use super::private_dir::PrivateDir;
use mesh_shared::model::names::{ClusterName, MeshId};
use mesh_shared::model::pki::chain::{Certificate, Fingerprint};
use mesh_shared::model::pki::key::PrivateKey;
use mesh_shared::model::pki::verify::{verify_key, verify_root};
use mesh_shared::plugin::error::{Error, Result};
use mesh_shared::plugin::finding::Finding;
use mesh_shared::plugin::finding::codes::trust as codes;

/// What a CA folder holds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CaFolderState {
    /// Where it is or would be.
    pub path: PathBuf,
    /// Whether it exists.
    pub exists: bool,
    /// Its root.
    pub root: Option<KeptRoot>,
    /// Its intermediates that have both certificate and key.
    pub intermediates: BTreeMap<ClusterName, Fingerprint>,
    /// Every cluster for which its root has signed.
    pub signed_for: Vec<SignedFor>,
    /// Why nothing can be kept in it or taken from it; empty if all is well.
    pub faults: Vec<FolderFault>,
}

/// A root that a CA folder keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeptRoot {
    /// Fingerprint of its certificate.
    pub fingerprint: Fingerprint,
    /// Until when it is valid.
    pub not_after: Timestamp,
    /// Whether its key is there, so that it can sign.
    pub has_key: bool,
}

/// A cluster for which a root has signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedFor {
    /// Its name at that time.
    pub cluster: String,
    /// UID of its namespace kube-system.
    pub uid: String,
    /// Fingerprint of the intermediate.
    pub intermediate: Fingerprint,
}

/// What is wrong with a CA folder, and how to fix it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FolderFault {
    /// Such as "others can look into it (mode 0755)".
    pub what: String,
    /// Lines as in [`Error::remedy`].
    pub fix: Vec<String>,
}

impl CaFolderState {
    /// The finding, with every fault, if no root or intermediate can be kept here.
    pub fn unusable(&self) -> Option<Finding> {
        let first = self.faults.first()?;
        let all: Vec<&str> = self.faults.iter().map(|fault| fault.what.as_str()).collect();
        Some(unusable(&self.path, all.join("; "), &first.fix))
    }

    /// The finding for a root that has signed, but for none of these clusters: it is another mesh's, and using it would
    /// make two meshes trust each other.
    pub fn foreign(&self, mesh: &MeshId, uids: &BTreeSet<&str>) -> Option<Finding> {
        if self.signed_for.is_empty() || self.signed_for.iter().any(|signed| uids.contains(signed.uid.as_str())) {
            return None;
        }
        let names: BTreeSet<&str> = self.signed_for.iter().map(|signed| signed.cluster.as_str()).collect();
        let names = names.into_iter().collect::<Vec<_>>().join(", ");
        let claim = codes::FOLDER_OF_ANOTHER_MESH
            .found("the CA folder belongs to another mesh")
            .place(self.path.display().to_string())
            .because(format!("its root has signed only for clusters outside this mesh {mesh}: {names}"));
        Some(
            claim
                .fix("give this mesh a name of its own, --mesh-id NAME, or a folder of its own, --ca-dir DIR;")
                .fix("if those clusters are gone for good, move their folder aside:")
                .fix(format!("mv {0} {0}.old", self.path.display())),
        )
    }
}

/// What the folder at this path holds, its certificates judged at this time. Writes nothing.
pub fn observe(path: &Path, at: Timestamp) -> CaFolderState {
    let mut state = CaFolderState {
        path: path.to_owned(),
        exists: false,
        root: None,
        intermediates: BTreeMap::new(),
        signed_for: Vec::new(),
        faults: Vec::new(),
    };
    match PrivateDir::open(path) {
        Ok(None) => state.faults.extend(fault_above(path)),
        Ok(Some(folder)) => {
            state.exists = true;
            state.faults.extend(folder_faults(&folder));
            if state.faults.is_empty() {
                read_content(&folder, &mut state, at);
            }
        }
        Err(error) => {
            state.exists = true;
            state.faults.push(error.into());
        }
    }
    state
}

/// The finding for a folder that cannot be used, with these lines as its remedy.
pub(super) fn unusable(path: &Path, why: String, fix: &[String]) -> Finding {
    let claim =
        codes::FOLDER_UNUSABLE.found("the CA folder cannot be used").place(path.display().to_string()).because(why);
    let mut lines = fix.iter();
    let first = lines.next().map_or("name another folder: --ca-dir DIR", String::as_str);
    lines.fold(claim.fix(first), Finding::fix)
}

impl From<Error> for FolderFault {
    fn from(error: Error) -> Self {
        Self { what: error.to_string(), fix: error.remedy }
    }
}

/// The faults in an opened folder's owner, mode and file system.
pub(super) fn folder_faults(folder: &PrivateDir) -> Vec<FolderFault> {
    let path = folder.path().display();
    let status = match folder.status() {
        Ok(status) => status,
        Err(error) => return vec![error.into()],
    };
    let mode = status.mode() & 0o7777;
    if status.uid() != geteuid().as_raw() {
        return vec![FolderFault {
            what: format!("it belongs to the user with ID {}, not to you", status.uid()),
            fix: vec!["run as its owner, or name a folder of your own: --ca-dir DIR".into()],
        }];
    }
    let mut faults = Vec::new();
    if mode & 0o077 != 0 {
        faults.push(FolderFault {
            what: format!("others can look into it (mode {mode:04o})"),
            fix: vec!["see who could have read its keys, then close it:".into(), format!("chmod 700 {path}")],
        });
    }
    if mode & 0o700 != 0o700 || !is_writable(folder.path()) {
        faults.push(FolderFault {
            what: format!("it cannot be written to (mode {mode:04o})"),
            fix: vec![
                "make it writable only by you, or name another folder with --ca-dir:".into(),
                format!("chmod 700 {path}"),
            ],
        });
    }
    faults
}

/// What keeps a missing folder from being created.
fn fault_above(path: &Path) -> Option<FolderFault> {
    let fix = vec!["name a folder that can be created: --ca-dir DIR".to_owned()];
    let absolute = std::path::absolute(path).ok()?;
    let above = absolute.ancestors().skip(1).find(|ancestor| ancestor.symlink_metadata().is_ok())?;
    let what = match above.metadata() {
        Ok(status) if !status.is_dir() => format!("it cannot be created: {} is not a folder", above.display()),
        // Root can write anywhere, but a folder closed to its own owner is meant to stay as it is.
        Ok(status) if is_writable(above) && (status.uid() != geteuid().as_raw() || status.mode() & 0o200 != 0) => {
            return None;
        }
        Ok(_) => format!("it cannot be created: {} cannot be written to", above.display()),
        Err(error) => format!("it cannot be created: {}: {error}", above.display()),
    };
    Some(FolderFault { what, fix })
}

fn is_writable(path: &Path) -> bool {
    accessat(CWD, path, Access::WRITE_OK | Access::EXEC_OK, AtFlags::empty()).is_ok()
}

fn read_content(folder: &PrivateDir, state: &mut CaFolderState, at: Timestamp) {
    match read_root(folder, at) {
        Ok(root) => state.root = root,
        Err(error) => state.faults.push(error.into()),
    }
    match read_record(folder) {
        Ok(record) => state.signed_for = record,
        Err(error) => state.faults.push(error.into()),
    }
    let names = folder.names().unwrap_or_else(|error| {
        state.faults.push(error.into());
        Vec::new()
    });
    for cluster in names.into_iter().filter_map(|name| ClusterName::new(name).ok()) {
        match read_intermediate(folder, &cluster) {
            Ok(Some(certificate)) => {
                state.intermediates.insert(cluster, certificate.fingerprint);
            }
            Ok(None) => {}
            Err(error) => state.faults.push(error.into()),
        }
    }
}

fn read_root(folder: &PrivateDir, at: Timestamp) -> Result<Option<KeptRoot>> {
    let Some(certificate) = read_certificate(folder, ROOT_CERT)? else {
        return refuse_lost_root(folder).map(|()| None);
    };
    let unusable = |why: String| {
        Error::refused(format!("root {} cannot be used", certificate.fingerprint))
            .at(folder.path().display().to_string())
            .because(why)
            .fix("restore the root from a backup of the folder, or name another folder: --ca-dir DIR")
    };
    verify_root(&certificate, at).map_err(|fault| unusable(fault.to_string()))?;
    let key = folder.read_key(ROOT_KEY)?.map(|pem| PrivateKey::from_pem(&pem)).transpose()?;
    if let Some(key) = &key {
        verify_key(&certificate, key).map_err(|fault| unusable(format!("{ROOT_KEY}: {fault}")))?;
    }
    Ok(Some(KeptRoot {
        fingerprint: certificate.fingerprint,
        not_after: certificate.not_after,
        has_key: key.is_some(),
    }))
}

fn read_intermediate(folder: &PrivateDir, cluster: &ClusterName) -> Result<Option<Certificate>> {
    let Some(folder) = folder.folder(cluster.as_str())? else { return Ok(None) };
    let certificate = read_certificate(&folder, CA_CERT)?;
    let key = folder.read_key(CA_KEY)?;
    Ok(certificate.filter(|_| key.is_some()))
}

/// Refuses a folder whose root has signed for clusters and is missing: a second root beside one in use would split the
/// mesh.
pub(super) fn refuse_lost_root(folder: &PrivateDir) -> Result<()> {
    if read_record(folder)?.is_empty() {
        return Ok(());
    }
    Err(Error::refused(format!("{ROOT_CERT} is missing"))
        .at(folder.path().display().to_string())
        .because(format!("{RECORD} says that the root has signed for clusters"))
        .fix("restore the root from a backup of the folder, or from a cluster's Secret cacerts (its key is only in the folder)"))
}

#[derive(Serialize, Deserialize)]
struct Record {
    clusters: Vec<SignedFor>,
}

/// The clusters for which the folder's root has signed; empty if nothing was recorded yet.
pub(super) fn read_record(folder: &PrivateDir) -> Result<Vec<SignedFor>> {
    let Some(text) = folder.read(RECORD)? else { return Ok(Vec::new()) };
    let record: Record = serde_json::from_slice(&text).map_err(|error| {
        Error::refused(format!("cannot read {}", folder.path().join(RECORD).display()))
            .because(error.to_string())
            .fix("it says for which clusters the root has signed; restore it from a backup of the folder")
    })?;
    Ok(record.clusters)
}

pub(super) fn write_record(folder: &PrivateDir, clusters: Vec<SignedFor>) -> Result<()> {
    let text = serde_json::to_string_pretty(&Record { clusters })
        .map_err(|error| Error::failed(format!("cannot write {RECORD}")).because(error.to_string()).report())?;
    folder.write_over(RECORD, format!("{text}\n").as_bytes())
}
