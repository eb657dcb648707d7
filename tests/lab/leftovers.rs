//! What a lab leaves on the machine: its control groups and its folder. All else ends with its processes.

use std::fs;
use std::io::ErrorKind;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::node::cgroup;
use crate::state::{Lock, State};

/// A killed process tree takes a while to vanish.
const PATIENCE: Duration = Duration::from_secs(20);

/// Removes what is left of a lab whose supervisor is dead: that is what holding its lock means.
pub(crate) fn sweep(state: &State, _lock: &Lock) -> Result<()> {
    let group = state.cgroup();
    let end = Instant::now() + PATIENCE;
    loop {
        let empty = cgroup::kill(&group)?;
        let left = cgroup::remove(&group)?;
        if empty && left.is_empty() && !cgroup::has_ending(&group) {
            break;
        }
        if Instant::now() > end {
            bail!("processes of the lab do not end; these control groups are left: {left:?}");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    match fs::remove_dir_all(state.folder()) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("remove {}", state.folder().display()))
        }
        _ => Ok(()),
    }
}
