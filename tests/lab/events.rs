//! What happens while a lab comes up, written by each of its processes and read by whoever waits for it.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::node::components::Component;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Milliseconds since 1970.
    pub at: u64,
    /// The cluster, or none for the lab as a whole.
    pub cluster: Option<String>,
    /// What it was.
    pub what: What,
}

/// What can happen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// Something on the way is done.
    Done(String),
    /// The cluster is all that was asked for.
    Ready,
    /// It will not become Ready.
    Failed {
        /// The log that says more, in the folder of the cluster.
        log: Option<PathBuf>,
        /// What went wrong.
        why: String,
    },
    /// A component ended without having been asked to.
    Ended {
        /// Which.
        component: Component,
        /// How.
        how: String,
    },
}

/// The file that events are appended to. Lines are short: an append is never torn.
#[derive(Debug)]
pub struct Events {
    file: File,
    cluster: Option<String>,
}

impl Events {
    /// Opens the file for one cluster, or for the lab as a whole.
    pub fn open(path: &Path, cluster: Option<&str>) -> Result<Self> {
        let file =
            OpenOptions::new().append(true).create(true).open(path).with_context(|| format!("{}", path.display()))?;
        Ok(Self { file, cluster: cluster.map(str::to_owned) })
    }

    /// Appends one event. A lab never fails because its events cannot be written.
    pub fn say(&self, what: What) {
        let event = Event { at: now(), cluster: self.cluster.clone(), what };
        if let Ok(mut line) = serde_json::to_vec(&event) {
            line.push(b'\n');
            let _ = (&self.file).write_all(&line);
        }
    }

    /// Appends that something is done.
    pub fn done(&self, what: impl Into<String>) {
        self.say(What::Done(what.into()));
    }
}

/// Milliseconds since 1970.
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// All events so far, oldest first; what is no event is left out.
pub fn read(path: &Path) -> Vec<Event> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}
