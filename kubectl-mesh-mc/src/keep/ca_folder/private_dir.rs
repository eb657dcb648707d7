//! A folder that only its owner may look into, and files that are private from their first byte.
//!
//! The folder is opened once, and not through a symbolic link; everything else is done relative to that handle, so that
//! no later change to the path leads a key elsewhere.

use std::fs::{File, Metadata};
use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Dir, Mode, OFlags, fsync, linkat, mkdirat, openat, renameat, unlinkat};
use rustix::io::Errno;
use rustix::process::geteuid;
use zeroize::Zeroizing;

use mesh_shared::plugin::error::{Draft, Error, Result};

const OWNER_ONLY: u32 = 0o077;

/// The largest file that is read: more than any file here has.
const MOST_BYTES: usize = 256 * 1024;

/// An opened folder.
pub(super) struct PrivateDir {
    handle: File,
    path: PathBuf,
}

impl PrivateDir {
    /// The folder at this path, or none if nothing is there.
    pub(super) fn open(path: &Path) -> Result<Option<Self>> {
        Self::open_at(CWD, path, path.to_owned())
    }

    fn open_at(parent: impl AsFd, name: &Path, path: PathBuf) -> Result<Option<Self>> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match openat(parent, name, flags, Mode::empty()) {
            Ok(handle) => Ok(Some(Self { handle: handle.into(), path })),
            Err(Errno::NOENT) => Ok(None),
            Err(Errno::LOOP | Errno::NOTDIR) => Err(refused("open", &path)
                .because("it is a symbolic link or not a folder")
                .fix("name the folder itself: --ca-dir DIR")),
            Err(errno) => Err(cannot("open", &path, errno.to_string())),
        }
    }

    /// Creates the folder and its missing parents, each 0700 and on disk before the next.
    pub(super) fn create(path: &Path) -> Result<Self> {
        let absolute = std::path::absolute(path).map_err(|error| cannot("create", path, error.to_string()))?;
        let missing: Vec<&Path> = absolute.ancestors().take_while(|ancestor| !ancestor.exists()).collect();
        for folder in missing.into_iter().rev() {
            match mkdirat(CWD, folder, Mode::RWXU) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(errno) => return Err(cannot("create", folder, errno.to_string())),
            }
            if let Some(parent) = folder.parent() {
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
                let synced = openat(CWD, parent, flags, Mode::empty()).and_then(fsync);
                synced.map_err(|errno| cannot("keep", folder, errno.to_string()))?;
            }
        }
        Self::open(path)?.ok_or_else(|| cannot("create", path, "it disappeared"))
    }

    /// The folder of this name in this one, or none.
    pub(super) fn folder(&self, name: &str) -> Result<Option<Self>> {
        Self::open_at(&self.handle, Path::new(name), self.path.join(name))
    }

    /// Makes a folder in this one; there must be none yet.
    pub(super) fn make_folder(&self, name: &str) -> Result<Self> {
        let path = self.path.join(name);
        mkdirat(&self.handle, name, Mode::RWXU).map_err(|errno| cannot("create", &path, errno.to_string()))?;
        self.folder(name)?.ok_or_else(|| cannot("create", &path, "it disappeared"))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Owner and mode.
    pub(super) fn status(&self) -> Result<Metadata> {
        self.handle.metadata().map_err(|error| cannot("examine", &self.path, error.to_string()))
    }

    /// The names in this folder, in no particular order.
    pub(super) fn names(&self) -> Result<Vec<String>> {
        let failed = |errno: Errno| cannot("list", &self.path, errno.to_string());
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.handle).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name().to_string_lossy().into_owned();
            if name != "." && name != ".." {
                names.push(name);
            }
        }
        Ok(names)
    }

    /// Content of a certificate or a list, which others may read but not write; none if there is no such file.
    pub(super) fn read(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>> {
        self.read_file(name, 0o022, "others can write it")
    }

    /// Content of a key, which no one else may read.
    pub(super) fn read_key(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>> {
        self.read_file(name, OWNER_ONLY, "others can read it")
    }

    fn read_file(&self, name: &str, forbidden: u32, fault: &str) -> Result<Option<Zeroizing<Vec<u8>>>> {
        let path = self.path.join(name);
        let failed = |why: String| cannot("read", &path, why);
        // A pipe in place of a file must not make us wait for its writer.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match openat(&self.handle, name, flags, Mode::empty()) {
            Ok(handle) => File::from(handle),
            Err(Errno::NOENT) => return Ok(None),
            Err(Errno::LOOP) => return Err(failed("it is a symbolic link".into())),
            Err(errno) => return Err(failed(errno.to_string())),
        };
        let status = file.metadata().map_err(|error| failed(error.to_string()))?;
        if !status.is_file() {
            return Err(failed("it is not a regular file".into()));
        }
        if status.uid() != geteuid().as_raw() {
            return Err(failed(format!("it belongs to the user with ID {}", status.uid())));
        }
        if status.mode() & forbidden != 0 {
            return Err(refused("read", &path)
                .because(format!("{fault} (mode {:04o})", status.mode() & 0o7777))
                .fix("see who could have done so, then close it:")
                .fix(format!("chmod 600 {}", path.display())));
        }
        let mut bytes = Zeroizing::new(Vec::with_capacity(MOST_BYTES + 1));
        match file.take(MOST_BYTES as u64 + 1).read_to_end(&mut bytes) {
            Ok(length) if length > MOST_BYTES => Err(failed("it is larger than 256 KiB".into())),
            Ok(_) => Ok(Some(bytes)),
            Err(error) => Err(failed(error.to_string())),
        }
    }

    /// Writes a file that must not exist yet, all or nothing.
    ///
    /// A hard link and not a rename puts it in its place, since a rename would silently replace a key.
    pub(super) fn write_new(&self, name: &str, content: &[u8]) -> Result<()> {
        let written = self.write_unplaced(name, content)?;
        let linked = linkat(&self.handle, &written, &self.handle, name, AtFlags::empty());
        let removed = unlinkat(&self.handle, &written, AtFlags::empty());
        let path = self.path.join(name);
        linked.and(removed).map_err(|errno| cannot("write", &path, errno.to_string()))?;
        self.sync()
    }

    /// Writes a file, replacing one that exists, all or nothing.
    pub(super) fn write_over(&self, name: &str, content: &[u8]) -> Result<()> {
        let written = self.write_unplaced(name, content)?;
        self.rename(&written, name)
    }

    fn write_unplaced(&self, name: &str, content: &[u8]) -> Result<String> {
        let written = format!("{UNFINISHED}{name}");
        let path = self.path.join(&written);
        let failed = |why: String| cannot("write", &path, why);
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let handle = openat(&self.handle, &written, flags, Mode::RUSR | Mode::WUSR);
        let mut file = File::from(handle.map_err(|errno| failed(errno.to_string()))?);
        file.write_all(content).and_then(|()| file.sync_all()).map_err(|error| failed(error.to_string()))?;
        Ok(written)
    }

    /// Renames within this folder; a file with the new name is replaced, a folder with content is not.
    pub(super) fn rename(&self, from: &str, to: &str) -> Result<()> {
        let path = self.path.join(from);
        renameat(&self.handle, from, &self.handle, to)
            .map_err(|errno| cannot("rename", &path, format!("to {to}: {errno}")))?;
        self.sync()
    }

    /// Removes what a killed run left unfinished: no other run and no cluster ever saw it.
    pub(super) fn remove_unfinished(&self) -> Result<()> {
        for name in self.names()?.into_iter().filter(|name| name.starts_with(UNFINISHED)) {
            let failed = |errno: Errno| cannot("remove", &self.path.join(&name), errno.to_string());
            match unlinkat(&self.handle, &name, AtFlags::empty()) {
                Err(Errno::ISDIR | Errno::PERM) => {
                    if let Some(folder) = self.folder(&name)? {
                        for inner in folder.names()? {
                            unlinkat(&folder.handle, &inner, AtFlags::empty()).map_err(failed)?;
                        }
                    }
                    unlinkat(&self.handle, &name, AtFlags::REMOVEDIR).map_err(failed)?;
                }
                other => other.map_err(failed)?,
            }
        }
        Ok(())
    }

    /// Opens a file for a lock, creating it if missing.
    pub(super) fn lock_file(&self, name: &str) -> Result<OwnedFd> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let path = self.path.join(name);
        openat(&self.handle, name, flags, Mode::RUSR | Mode::WUSR)
            .map_err(|errno| cannot("lock", &path, errno.to_string()))
    }

    /// Whether anything has this name.
    pub(super) fn has(&self, name: &str) -> bool {
        rustix::fs::statat(&self.handle, name, AtFlags::SYMLINK_NOFOLLOW).is_ok()
    }

    /// Syncs the names in this folder to disk, after what they refer to.
    pub(super) fn sync(&self) -> Result<()> {
        fsync(&self.handle).map_err(|errno| cannot("keep", &self.path, errno.to_string()))
    }
}

/// Prefix of the names of unfinished files and folders.
pub(super) const UNFINISHED: &str = ".unfinished-";

fn refused(act: &str, path: &Path) -> Draft {
    Error::refused(format!("cannot {act} {}", path.display()))
}

/// The error for what the system or the disk does not allow.
fn cannot(act: &str, path: &Path, why: impl Into<String>) -> Error {
    refused(act, path).because(why).fix("fix that, or name a folder of your own on this machine: --ca-dir DIR")
}
