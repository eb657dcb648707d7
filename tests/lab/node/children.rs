//! The children of a node's first process. A first process must reap every orphan of its namespace, so nothing else
//! here may wait for a child by itself.

use std::collections::HashMap;
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::{Pid, WaitIdOptions, WaitOptions, WaitStatus};
use tokio::sync::watch;

/// Starts children and hears of their end.
#[derive(Debug, Clone, Default)]
pub struct Children {
    waiting: Arc<Mutex<HashMap<Pid, watch::Sender<Option<String>>>>>,
}

/// A child that was started.
#[derive(Debug)]
pub struct Started {
    /// Its number.
    pub pid: Pid,
    /// How it ended, once it has.
    pub ended: watch::Receiver<Option<String>>,
}

impl Children {
    /// Begins to reap.
    pub fn reap() -> Self {
        let children = Self::default();
        let reaper = children.clone();
        std::thread::spawn(move || {
            loop {
                reaper.reap_one();
            }
        });
        children
    }

    /// Starts a child. The lock is held until its number is known, so that its end cannot be missed.
    pub fn start(&self, command: &mut Command) -> Result<Started> {
        let mut waiting = self.waiting();
        let child = command.spawn().with_context(|| format!("start {}", command.get_program().display()))?;
        let pid = Pid::from_child(&child);
        let (sender, ended) = watch::channel(None);
        waiting.insert(pid, sender);
        Ok(Started { pid, ended })
    }

    /// Runs something that waits for children of its own, while nothing is reaped.
    pub fn alone<T>(&self, run: impl FnOnce() -> T) -> T {
        let _waiting = self.waiting();
        run()
    }

    fn reap_one(&self) {
        // Only looks, so that a child is never reaped before it is known.
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        match rustix::process::waitid(rustix::process::WaitId::All, look) {
            Ok(_) => {
                let mut waiting = self.waiting();
                if let Ok(Some((pid, status))) = rustix::process::wait(WaitOptions::NOHANG)
                    && let Some(sender) = waiting.remove(&pid)
                {
                    let _ = sender.send(Some(describe(status)));
                }
            }
            Err(_) => std::thread::sleep(Duration::from_millis(100)),
        }
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<Pid, watch::Sender<Option<String>>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn describe(status: WaitStatus) -> String {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "unknown".to_owned(),
    }
}
