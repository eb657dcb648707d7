//! Where a lab keeps what it is: one folder per lab, and a lock that says whether it lives.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::fs::FlockOperation;
use rustix::process::{Pid, PidfdFlags, Signal};
use sha2::{Digest, Sha256};

use crate::build::cache_root;
use crate::spec::{Spec, check_name};

/// The folders of one lab.
#[derive(Debug, Clone)]
pub struct State {
    root: PathBuf,
    id: String,
}

impl State {
    /// The folders of a lab by its id.
    pub fn of(id: &str) -> Result<Self> {
        check_name("lab id", id)?;
        Ok(Self { root: cache_root()?, id: id.to_owned() })
    }

    /// The folder under which this and every other lab is kept.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The name of the lab on this machine.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The folder that goes with the lab.
    pub fn folder(&self) -> PathBuf {
        self.root.join("state").join(&self.id)
    }

    /// The folder of one cluster.
    pub fn cluster(&self, name: &str) -> PathBuf {
        self.folder().join("clusters").join(name)
    }

    /// What the lab was asked to be.
    pub fn spec_file(&self) -> PathBuf {
        self.folder().join("spec.json")
    }

    /// Reads what the lab was asked to be.
    pub fn spec(&self) -> Result<Spec> {
        let text = fs::read(self.spec_file())
            .with_context(|| format!("lab {} is not there (meshlab up --id {})", self.id, self.id))?;
        Ok(serde_json::from_slice(&text)?)
    }

    /// The kubeconfig with a context per cluster.
    pub fn kubeconfig(&self) -> PathBuf {
        self.folder().join("kubeconfig")
    }

    /// The ports of 127.0.0.1 that lead into the lab.
    pub fn ports(&self) -> PathBuf {
        self.folder().join("ports.json")
    }

    /// What has happened since the start, one JSON object a line.
    pub fn events(&self) -> PathBuf {
        self.folder().join("events")
    }

    fn lock_file(&self) -> PathBuf {
        self.root.join("state").join(format!("{}.lock", self.id))
    }

    /// The name of the lab's control groups: two caches may hold labs of one id.
    pub fn cgroup(&self) -> String {
        let digest = Sha256::digest(self.root.as_os_str().as_encoded_bytes());
        format!("meshlab-{}-{:02x}{:02x}{:02x}", self.id, digest[0], digest[1], digest[2])
    }

    /// Takes the lock of the lab, or says which process has it.
    pub fn lock(&self) -> Result<Result<Lock, Holder>> {
        let path = self.lock_file();
        fs::create_dir_all(self.root.join("state"))?;
        loop {
            let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path)?;
            if rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
                return Ok(Err(Holder::read(&mut file)));
            }
            // The file may have been removed by its last owner between our open and our lock.
            if fs::metadata(&path).is_ok_and(|there| file.metadata().is_ok_and(|ours| there.ino() == ours.ino())) {
                file.set_len(0)?;
                file.rewind()?;
                writeln!(file, "{}", std::process::id())?;
                return Ok(Ok(Lock { path, _file: file }));
            }
        }
    }

    /// The process that holds the lab, if it lives.
    pub fn holder(&self) -> Option<Holder> {
        let mut file = File::open(self.lock_file()).ok()?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockShared) {
            Ok(()) => None,
            Err(_) => Some(Holder::read(&mut file)),
        }
    }
}

/// The lab is ours as long as this lives.
#[derive(Debug)]
pub struct Lock {
    path: PathBuf,
    _file: File,
}

impl Lock {
    /// Gives the lab up and leaves no file behind.
    pub fn remove(self) -> Result<()> {
        fs::remove_file(&self.path).with_context(|| format!("remove {}", self.path.display()))
    }
}

/// The process that holds a lab. A number in a file that is locked is the number of a living process.
#[derive(Debug, Clone, Copy)]
pub struct Holder {
    /// None in the instant between its lock and its writing of the number.
    pub pid: Option<Pid>,
}

impl Holder {
    fn read(file: &mut File) -> Self {
        let mut text = String::new();
        let _ = file.read_to_string(&mut text);
        Self { pid: text.trim().parse().ok().and_then(Pid::from_raw) }
    }

    /// Asks the process to end, and makes it end if it has not after `patience`.
    pub fn end(self, patience: Duration) -> Result<()> {
        let Some(pid) = self.pid else { return Ok(()) };
        let process = match rustix::process::pidfd_open(pid, PidfdFlags::empty()) {
            Ok(process) => process,
            Err(rustix::io::Errno::SRCH) => return Ok(()),
            Err(error) => return Err(error).context("open the supervisor's process"),
        };
        for (signal, patience) in [(Signal::TERM, patience), (Signal::KILL, Duration::from_secs(10))] {
            if rustix::process::pidfd_send_signal(&process, signal).is_err() || ended(&process, patience) {
                return Ok(());
            }
        }
        bail!("supervisor {pid} does not end, not even by SIGKILL", pid = pid.as_raw_nonzero())
    }
}

/// Whether a process ends within a time.
pub(crate) fn ended(process: &impl std::os::fd::AsFd, patience: Duration) -> bool {
    let end = Instant::now() + patience;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let mut watched = [rustix::event::PollFd::new(process, rustix::event::PollFlags::IN)];
        let limit =
            rustix::event::Timespec { tv_sec: left.as_secs().cast_signed(), tv_nsec: left.subsec_nanos().into() };
        match rustix::event::poll(&mut watched, Some(&limit)) {
            Ok(0) => return false,
            Ok(_) => return true,
            Err(_) if left.is_zero() => return false,
            Err(_) => {}
        }
    }
}

/// The last lines of a log.
pub fn tail(path: &Path, lines: usize) -> String {
    let Ok(text) = fs::read(path) else { return String::new() };
    let text = String::from_utf8_lossy(&text);
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}
