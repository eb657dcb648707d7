//! The runs of our commands on this machine. Each holds a lock while it is alive, so that the next run can tell at
//! once what a killed run left in a cluster from what a living one still uses.

use std::fs::{DirBuilder, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::io::Errno;
use rustix::process::geteuid;

use mesh_shared::machine::random;
use mesh_shared::plugin::error::Result;

/// How long the file of an ended run stays. By then a cluster's own clock has long shown that the run is over.
const KEPT: Duration = Duration::from_hours(24);

/// A run of a command. It ends when this value is dropped or the process ends, for whatever reason.
pub struct Run {
    id: String,
    /// None if this machine has no place for it: others then go by the time limit that the run declared.
    _lock: Option<File>,
}

impl Run {
    /// Begins a run under an id that no other run of this user on this machine has.
    ///
    /// # Errors
    /// If this machine gives no random bytes.
    pub fn begin() -> Result<Self> {
        begin_in(&folder())
    }

    /// Hexadecimal digits that tell this run's probes from others.
    pub fn id(&self) -> &str {
        &self.id
    }
}

/// Whether the run with this id was this user's on this machine and has ended. False for runs elsewhere, of which
/// nothing is known.
pub fn has_ended(id: &str) -> bool {
    has_ended_in(&folder(), id)
}

/// A folder that goes away with the user's session, else with the next boot. The XDG specification says to ignore
/// relative paths.
fn folder() -> PathBuf {
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_absolute());
    runtime.map_or_else(
        || std::env::temp_dir().join(format!("kubectl-mesh-{}", geteuid().as_raw())),
        |folder| folder.join("kubectl-mesh"),
    )
}

fn begin_in(folder: &Path) -> Result<Run> {
    loop {
        let id = random::run_id()?;
        let Some(file) = take(folder, &id) else { return Ok(Run { id, _lock: None }) };
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {
                sweep(folder);
                return Ok(Run { id, _lock: Some(file) });
            }
            // Another run has this id, or is checking it just now.
            Err(Errno::WOULDBLOCK) => {}
            Err(_) => return Ok(Run { id, _lock: None }),
        }
    }
}

/// The file of a run, created if missing, in a folder that is ours alone.
fn take(folder: &Path, id: &str) -> Option<File> {
    if !folder.exists() {
        DirBuilder::new().mode(0o700).create(folder).ok()?;
    }
    if is_ours(folder) { open(folder, id, true).ok() } else { None }
}

fn has_ended_in(folder: &Path, id: &str) -> bool {
    let is_id = id.len() == random::RUN_ID_DIGITS && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_id && is_ours(folder) && open(folder, id, false).is_ok_and(|file| is_free(&file))
}

fn is_ours(folder: &Path) -> bool {
    folder
        .symlink_metadata()
        .is_ok_and(|status| status.is_dir() && status.uid() == geteuid().as_raw() && status.mode() & 0o022 == 0)
}

fn open(folder: &Path, id: &str, make: bool) -> std::io::Result<File> {
    let flags = i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or_default();
    OpenOptions::new().read(true).write(make).create(make).mode(0o600).custom_flags(flags).open(folder.join(id))
}

/// Takes a shared lock, so that two checks at once do not take each other for the run itself.
fn is_free(file: &File) -> bool {
    flock(file, FlockOperation::NonBlockingLockShared).is_ok()
}

/// Removes the files of runs that ended long ago. Those that cannot be removed do no harm.
fn sweep(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let age = entry.metadata().and_then(|status| status.modified()).ok().and_then(|time| time.elapsed().ok());
        if age.is_some_and(|age| age > KEPT) && File::open(entry.path()).is_ok_and(|file| is_free(&file)) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    fn folder() -> (tempfile::TempDir, PathBuf) {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("runs");
        (home, folder)
    }

    /// Waits for the lock: a parallel test may start a program, which shares it between fork and exec.
    fn end(folder: &Path, run: Run) -> String {
        let id = run.id().to_owned();
        drop(run);
        flock(open(folder, &id, false).unwrap(), FlockOperation::LockShared).unwrap();
        id
    }

    #[test]
    fn a_run_has_not_ended_while_it_lives_and_has_when_it_is_gone() {
        let (_home, folder) = folder();
        let run = begin_in(&folder).unwrap();
        assert!(!has_ended_in(&folder, run.id()));
        let id = end(&folder, run);
        assert!(has_ended_in(&folder, &id));
    }

    #[test]
    fn of_a_run_elsewhere_nothing_is_known() {
        let (home, folder) = folder();
        assert!(!has_ended_in(&folder, "beefbeefbeefbeef"));
        drop(begin_in(&folder).unwrap());
        assert!(!has_ended_in(&folder, "no-such-run"));
        std::fs::write(home.path().join("beefbeefbeef"), "").unwrap();
        assert!(!has_ended_in(&folder, "../../beefbeefbe"), "an id from a cluster is no path");
        assert!(!has_ended_in(&folder, "../beefbeefbeef"), "an id from a cluster is no path");
    }

    #[test]
    fn a_folder_that_others_may_write_says_nothing() {
        use std::os::unix::fs::PermissionsExt as _;
        let (_home, folder) = folder();
        let id = end(&folder, begin_in(&folder).unwrap());
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o777)).unwrap();
        assert!(!has_ended_in(&folder, &id));
        let again = begin_in(&folder).unwrap();
        assert!(!folder.join(again.id()).exists() || again.id() == id, "a run begins all the same");
    }

    #[test]
    fn what_ended_long_ago_is_swept_and_what_lives_is_not() {
        let (_home, folder) = folder();
        let living = begin_in(&folder).unwrap();
        let ended = end(&folder, begin_in(&folder).unwrap());
        for id in [living.id(), &ended] {
            let file = OpenOptions::new().write(true).open(folder.join(id)).unwrap();
            file.set_modified(SystemTime::now() - KEPT * 2).unwrap();
        }
        let _new = begin_in(&folder).unwrap();
        assert!(folder.join(living.id()).exists() && !folder.join(ended).exists());
    }
}
