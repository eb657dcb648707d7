//! What was built, kept by content: an entry's name is a hash of everything that decides what is in it.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result};
use rustix::fs::{FlockOperation, flock};
use sha2::{Digest, Sha256};

/// Entries of one part that are kept: the newest, and what other branches need when one goes back to them.
const ENTRIES_KEPT: usize = 3;

/// What a folder's name begins with until it is whole.
const MAKING: &str = ".making-";

/// Where builds and the state of running labs are: `$MESHLAB_CACHE`, or `meshlab` in the user's cache folder.
pub fn cache_root() -> Result<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let root = set("MESHLAB_CACHE")
        .or_else(|| Some(set("XDG_CACHE_HOME")?.join("meshlab")))
        .or_else(|| Some(set("HOME")?.join(".cache/meshlab")))
        .context("no place for the lab's cache: set MESHLAB_CACHE")?;
    std::path::absolute(&root).with_context(|| format!("{} is no path", root.display()))
}

/// The name under which a result is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key(String);

impl Key {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Collects what decides a result.
pub(super) struct KeyOf(Sha256);

impl KeyOf {
    pub(super) fn new(part: &str) -> Self {
        Self(Sha256::new()).text(part)
    }

    /// Lengths go in too, so that no two lists of texts hash alike.
    pub(super) fn text(mut self, text: &str) -> Self {
        self.0.update((text.len() as u64).to_le_bytes());
        self.0.update(text);
        self
    }

    pub(super) fn file(mut self, path: &Path) -> Result<Self> {
        let content = fs::read(path).with_context(|| format!("read {}", path.display()))?;
        self.0.update((content.len() as u64).to_le_bytes());
        self.0.update(content);
        Ok(self)
    }

    /// Every file below a folder, with its name relative to it.
    pub(super) fn folder(mut self, folder: &Path) -> Result<Self> {
        for path in files_below(folder)? {
            let name = path.strip_prefix(folder).unwrap_or(&path).to_string_lossy().into_owned();
            self = self.text(&name).file(&path)?;
        }
        Ok(self)
    }

    pub(super) fn finish(self) -> Key {
        Key(hex(&self.0.finalize())[..20].to_owned())
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The kept results of all builds on this machine.
pub(super) struct Cache {
    builds: PathBuf,
}

impl Cache {
    pub(super) fn open(root: &Path) -> Result<Self> {
        let cache = Self { builds: root.join("build") };
        for folder in [cache.builds.join("locks"), cache.builds.join("logs")] {
            fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
        }
        Ok(cache)
    }

    /// Where the output of a part's last build is.
    pub(super) fn log(&self, part: &str) -> PathBuf {
        self.builds.join("logs").join(format!("{part}.log"))
    }

    /// The folder of all results, and what compilers keep between builds.
    pub(super) fn folder(&self) -> &Path {
        &self.builds
    }

    /// The kept result, marked as used.
    pub(super) fn get(&self, part: &str, key: &Key) -> Option<PathBuf> {
        let entry = self.entry(part, key);
        let folder = File::open(&entry).ok()?;
        // Only the order of pruning hangs on it.
        let _ = folder.set_modified(SystemTime::now());
        Some(entry)
    }

    /// Makes a result in a folder of its own and gives it its name when it is whole and on disk.
    ///
    /// Anyone else who wants the same key has to wait, and finds it made.
    pub(super) fn make(
        &self,
        part: &str,
        key: &Key,
        wait: impl FnOnce(),
        make: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<PathBuf> {
        let _lock = if let Ok(lock) = self.lock(part, key, FlockOperation::NonBlockingLockExclusive) {
            lock
        } else {
            wait();
            self.lock(part, key, FlockOperation::LockExclusive)?
        };
        if let Some(entry) = self.get(part, key) {
            return Ok(entry);
        }
        let making = self.builds.join(format!("{MAKING}{part}-{}", key.as_str()));
        remove(&making)?;
        fs::create_dir(&making).with_context(|| format!("make {}", making.display()))?;
        make(&making)?;
        sync(&making).with_context(|| format!("write {} to disk", making.display()))?;
        let entry = self.entry(part, key);
        fs::rename(&making, &entry).with_context(|| format!("name {}", entry.display()))?;
        File::open(&self.builds)?.sync_all()?;
        self.prune(part);
        Ok(entry)
    }

    fn entry(&self, part: &str, key: &Key) -> PathBuf {
        self.builds.join(format!("{part}-{}", key.as_str()))
    }

    fn lock(&self, part: &str, key: &Key, how: FlockOperation) -> Result<File> {
        let path = self.builds.join("locks").join(format!("{part}-{}", key.as_str()));
        let file = File::create(&path).with_context(|| format!("open {}", path.display()))?;
        flock(&file, how).with_context(|| format!("lock {}", path.display()))?;
        Ok(file)
    }

    /// Removes what has not been used for longest and what killed builds left. What cannot be removed now is removed another time.
    fn prune(&self, part: &str) {
        let Ok(entries) = fs::read_dir(&self.builds) else { return };
        let (mut whole, mut left) = (Vec::new(), Vec::new());
        for entry in entries.flatten() {
            let Ok(name) = entry.file_name().into_string() else { continue };
            let Some(used) = entry.metadata().ok().and_then(|facts| facts.modified().ok()) else { continue };
            match (key_of_name(part, &name), name.strip_prefix(MAKING).and_then(|name| key_of_name(part, name))) {
                (Some(key), _) => whole.push((used, key, entry.path())),
                (None, Some(key)) => left.push((key, entry.path())),
                (None, None) => {}
            }
        }
        whole.sort_by_key(|(used, ..)| std::cmp::Reverse(*used));
        left.extend(whole.into_iter().skip(ENTRIES_KEPT).map(|(_, key, path)| (key, path)));
        for (key, path) in left {
            if let Ok(_lock) = self.lock(part, &key, FlockOperation::NonBlockingLockExclusive) {
                let _ = remove(&path);
            }
        }
    }
}

fn key_of_name(part: &str, name: &str) -> Option<Key> {
    let key = name.strip_prefix(part)?.strip_prefix('-')?;
    (key.len() == 20 && key.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| Key(key.to_owned()))
}

fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}

/// All regular files below a folder, sorted.
pub(super) fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            files.extend(files_below(&entry.path())?);
        } else if kind.is_file() {
            files.push(entry.path());
        }
    }
    files.sort();
    Ok(files)
}

/// Copies the regular files of a folder, writable whatever the original was: Go's module cache is read-only.
pub(super) fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    for path in files_below(from)? {
        let target = to.join(path.strip_prefix(from)?);
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::copy(&path, &target).with_context(|| format!("copy {}", path.display()))?;
        let mode = fs::metadata(&target)?.permissions().mode() | 0o200;
        fs::set_permissions(&target, fs::Permissions::from_mode(mode))?;
    }
    Ok(())
}

fn sync(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            sync(&entry.path())?;
        } else if kind.is_file() {
            File::open(entry.path())?.sync_all()?;
        }
    }
    File::open(folder)?.sync_all()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Key {
        KeyOf::new("part").text(text).finish()
    }

    fn make(cache: &Cache, text: &str, make: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
        cache.make("part", &key(text), || panic!("nobody else makes it"), make)
    }

    #[test]
    fn a_result_is_made_once_and_found_by_its_key() {
        let root = tempfile::tempdir().unwrap();
        let cache = Cache::open(root.path()).unwrap();
        assert_eq!(cache.get("part", &key("a")), None);
        let made = make(&cache, "a", |folder| Ok(fs::write(folder.join("x"), "1")?)).unwrap();
        let again = make(&cache, "a", |_| anyhow::bail!("made twice")).unwrap();
        assert_eq!(made, again);
        assert_eq!(fs::read_to_string(again.join("x")).unwrap(), "1");
    }

    #[test]
    fn what_failed_half_way_is_not_kept() {
        let root = tempfile::tempdir().unwrap();
        let cache = Cache::open(root.path()).unwrap();
        let failed = make(&cache, "a", |folder| {
            fs::write(folder.join("half"), "")?;
            anyhow::bail!("no space")
        });
        assert!(failed.is_err());
        assert_eq!(cache.get("part", &key("a")), None);
        let made = make(&cache, "a", |_| Ok(())).unwrap();
        assert!(!made.join("half").exists());
    }

    #[test]
    fn what_a_killed_build_left_goes_with_the_next_but_not_what_is_being_made() {
        let root = tempfile::tempdir().unwrap();
        let cache = Cache::open(root.path()).unwrap();
        let making = |text| cache.folder().join(format!("{MAKING}part-{}", key(text).as_str()));
        fs::create_dir(making("killed")).unwrap();
        fs::create_dir(making("running")).unwrap();
        let _running = cache.lock("part", &key("running"), FlockOperation::NonBlockingLockExclusive).unwrap();
        make(&cache, "a", |_| Ok(())).unwrap();
        assert_eq!([making("killed").exists(), making("running").exists()], [false, true]);
    }

    #[test]
    fn the_least_recently_used_entries_go() {
        let root = tempfile::tempdir().unwrap();
        let cache = Cache::open(root.path()).unwrap();
        let hour = |n| SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(n * 3600);
        for (at, text) in ["a", "b", "c"].into_iter().enumerate() {
            let entry = make(&cache, text, |_| Ok(())).unwrap();
            File::open(entry).unwrap().set_modified(hour(at as u64)).unwrap();
        }
        cache.make("part-two", &key("a"), || (), |_| Ok(())).unwrap();
        cache.get("part", &key("a")).unwrap();
        make(&cache, "d", |_| Ok(())).unwrap();
        let kept = |text| cache.get("part", &key(text)).is_some();
        assert_eq!([kept("a"), kept("b"), kept("c"), kept("d")], [true, false, true, true]);
        assert!(cache.get("part-two", &key("a")).is_some());
    }

    #[test]
    fn texts_that_join_alike_have_other_keys() {
        assert_ne!(KeyOf::new("p").text("ab").text("c").finish(), KeyOf::new("p").text("a").text("bc").finish());
    }
}
