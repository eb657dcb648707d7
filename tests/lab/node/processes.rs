//! The processes of a node: started, paused, restarted, and told of when they end by themselves.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::Node;
use super::children::Children;
use super::components::{self, Component};
use super::network;
use crate::events::What;

/// How often a component that ended by itself is started again.
const RESTARTS: u32 = 5;

/// How a component is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// As it should be.
    Running,
    /// Stopped where it stood, until it is resumed.
    Paused,
    /// It ended without having been asked to.
    Ended(String),
}

/// What can be cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// Everybody outside the node, the machine included.
    Everybody,
    /// Only other clusters: the machine's kubectl still comes through.
    Peers,
}

/// A cut in the network: which component, or the whole node, and for whom.
pub type Cut = (Option<Component>, Side);

#[derive(Debug)]
struct Process {
    pid: Pid,
    ended: watch::Receiver<Option<String>>,
    condition: Condition,
}

/// All processes of a node.
#[derive(Debug)]
pub struct Processes {
    node: Arc<Node>,
    children: Children,
    running: Mutex<BTreeMap<Component, Process>>,
    cuts: Mutex<Vec<Cut>>,
    restarts: Mutex<BTreeMap<Component, u32>>,
    failed: watch::Sender<Option<(Component, String)>>,
}

impl Processes {
    /// None yet.
    pub fn new(node: Arc<Node>) -> Self {
        Self {
            node,
            children: Children::reap(),
            running: Mutex::default(),
            cuts: Mutex::default(),
            restarts: Mutex::default(),
            failed: watch::Sender::new(None),
        }
    }

    /// Starts a component and hears of its end.
    pub fn start(self: &Arc<Self>, component: Component) -> Result<()> {
        let node = &self.node;
        let path = components::log_file(&node.folder, component);
        let log =
            OpenOptions::new().append(true).create(true).open(&path).with_context(|| format!("{}", path.display()))?;
        let mut command = components::command(component, &node.spec, &node.cluster);
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let mut running = self.running();
        let started = self.children.start(&mut command)?;
        let process = Process { pid: started.pid, ended: started.ended.clone(), condition: Condition::Running };
        running.insert(component, process);
        drop(running);

        let processes = Arc::clone(self);
        let mut ended = started.ended;
        tokio::spawn(async move {
            if let Ok(how) = ended.wait_for(Option::is_some).await.map(|how| how.clone().unwrap_or_default()) {
                if processes.may_start_again(component, started.pid) {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    match processes.start(component) {
                        Ok(()) => {
                            processes.node.events.done(format!("{component} ended ({how}) and was started again"));
                        }
                        Err(error) => processes.ended(component, started.pid, format!("{how}; {error:#}")),
                    }
                } else {
                    processes.ended(component, started.pid, how);
                }
            }
        });
        Ok(())
    }

    /// Whether a component that ended by itself is started again, as a kubelet would: clients of the API server give up where
    /// a busy machine keeps it from becoming healthy within their own patience. What holds state is never started blindly.
    fn may_start_again(&self, component: Component, pid: Pid) -> bool {
        let client =
            matches!(component, Component::KubeControllerManager | Component::KubeScheduler | Component::KubeProxy);
        // One that was asked to end has left the list, or another has taken its place.
        let ended_by_itself = self.running().get(&component).is_some_and(|process| process.pid == pid);
        if !client || !ended_by_itself {
            return false;
        }
        let mut restarts = self.restarts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = restarts.entry(component).or_default();
        *count += 1;
        *count <= RESTARTS
    }

    /// Who is asked to end has left the list before; who is still on it ended by itself.
    fn ended(&self, component: Component, pid: Pid, how: String) {
        let mut running = self.running();
        let Some(process) = running.get_mut(&component).filter(|process| process.pid == pid) else { return };
        process.condition = Condition::Ended(how.clone());
        self.node.events.say(What::Ended { component, how: how.clone() });
        self.failed.send_replace(Some((component, how)));
    }

    /// Waits until a component ends without having been asked to.
    pub async fn first_failure(&self) -> (Component, String) {
        let mut failed = self.failed.subscribe();
        loop {
            if let Some(failure) = failed.borrow_and_update().clone() {
                return failure;
            }
            if failed.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Freezes a component: connections to it stay open and nothing answers.
    pub fn pause(&self, component: Component) -> Result<()> {
        self.signal(component, Signal::STOP, Condition::Paused)
    }

    /// Lets a paused component go on.
    pub fn resume(&self, component: Component) -> Result<()> {
        self.signal(component, Signal::CONT, Condition::Running)
    }

    fn signal(&self, component: Component, signal: Signal, then: Condition) -> Result<()> {
        let mut running = self.running();
        let process = running.get_mut(&component).with_context(|| format!("{component} does not run here"))?;
        if let Condition::Ended(how) = &process.condition {
            bail!("{component} has ended ({how})");
        }
        rustix::process::kill_process(process.pid, signal)?;
        process.condition = then;
        Ok(())
    }

    /// Ends a component, kindly at first, and starts it again.
    pub async fn restart(self: &Arc<Self>, component: Component) -> Result<()> {
        ensure!(Component::of(&self.node.cluster).contains(&component), "{component} does not run here");
        let process = self.running().remove(&component);
        if let Some(mut process) = process {
            for (signal, patience) in [(Signal::TERM, Duration::from_secs(10)), (Signal::KILL, Duration::from_secs(5))]
            {
                if process.ended.borrow().is_some() {
                    break;
                }
                let _ = rustix::process::kill_process(process.pid, signal);
                let _ = rustix::process::kill_process(process.pid, Signal::CONT);
                let _ = tokio::time::timeout(patience, process.ended.wait_for(Option::is_some)).await;
            }
        }
        self.start(component)
    }

    /// Drops what comes from outside to a component, or everything from and to the node.
    pub fn cut(&self, cut: Cut) -> Result<()> {
        if let (Some(component), _) = cut {
            ensure!(component.outside_port().is_some(), "{component} is not reachable from outside the node");
        }
        let mut cuts = self.cuts();
        if !cuts.contains(&cut) {
            cuts.push(cut);
        }
        self.enforce(&cuts)
    }

    /// Undoes the cuts of a component, or all of the node.
    pub fn uncut(&self, component: Option<Component>) -> Result<()> {
        let mut cuts = self.cuts();
        cuts.retain(|cut| component.is_some() && cut.0 != component);
        self.enforce(&cuts)
    }

    fn enforce(&self, cuts: &[Cut]) -> Result<()> {
        let rules: Vec<String> = cuts.iter().flat_map(|cut| rules(*cut)).collect();
        self.children.alone(|| network::drop_only(&rules))
    }

    /// How every component is.
    pub fn conditions(&self) -> BTreeMap<Component, Condition> {
        self.running().iter().map(|(component, process)| (*component, process.condition.clone())).collect()
    }

    /// What is cut off.
    pub fn cuts(&self) -> MutexGuard<'_, Vec<Cut>> {
        self.cuts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn running(&self) -> MutexGuard<'_, BTreeMap<Component, Process>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn rules((component, side): Cut) -> Vec<String> {
    let (from, to) = match side {
        Side::Everybody => (String::new(), String::new()),
        Side::Peers => (format!(" ! -s {}", crate::spec::GATEWAY), format!(" ! -d {}", crate::spec::GATEWAY)),
    };
    match component.and_then(Component::outside_port) {
        Some(port) => vec![format!("-i eth0 -p tcp --dport {port}{from}")],
        None => vec![format!("-i eth0{from}"), format!("-o eth0{to}")],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_for_peers_lets_the_machine_through() {
        assert_eq!(
            rules((Some(Component::KubeApiserver), Side::Peers)),
            ["-i eth0 -p tcp --dport 6443 ! -s 10.99.0.1"]
        );
        assert_eq!(rules((None, Side::Everybody)), ["-i eth0", "-o eth0"]);
    }
}
