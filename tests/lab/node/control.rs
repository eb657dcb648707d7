//! Orders to a node that runs: one JSON line each way, on a socket in the folder of its cluster. The socket also tells
//! which process is the node's first, by the kernel's word.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::Pid;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt};

use super::components::Component;
use super::processes::{Condition, Cut, Processes, Side};

/// The socket in the folder of a cluster.
pub const SOCKET: &str = "control.sock";

/// What can be done to a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Freeze it.
    Pause,
    /// Let it go on.
    Resume,
    /// End it and start it again.
    Restart,
    /// Drop what comes to it from outside its node.
    Cut(Side),
    /// Undo every cut of it.
    Uncut,
}

/// An order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// Say how everything is.
    Tell,
    /// Do something to a component, or to the network of the whole node.
    Act {
        /// Which; none for the whole node.
        component: Option<Component>,
        /// What.
        action: Action,
    },
}

/// How a node is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Every component that was started.
    pub components: BTreeMap<Component, Condition>,
    /// What is cut off.
    pub cuts: Vec<Cut>,
}

/// Takes orders for ever.
pub async fn serve(listener: UnixListener, processes: Arc<Processes>) -> Result<()> {
    listener.set_nonblocking(true)?;
    let listener = tokio::net::UnixListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        let processes = Arc::clone(&processes);
        tokio::spawn(async move {
            // Who asked and went away gets no answer.
            let _ = answer(stream, &processes).await;
        });
    }
}

async fn answer(stream: tokio::net::UnixStream, processes: &Arc<Processes>) -> Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut line = String::new();
    tokio::io::BufReader::new(reader).read_line(&mut line).await?;
    if line.is_empty() {
        return Ok(());
    }
    let result: Result<Told, String> =
        obey(serde_json::from_str(&line)?, processes).await.map_err(|e| format!("{e:#}"));
    let mut reply = serde_json::to_vec(&result)?;
    reply.push(b'\n');
    Ok(writer.write_all(&reply).await?)
}

async fn obey(order: Order, processes: &Arc<Processes>) -> Result<Told> {
    if let Order::Act { component, action } = order {
        match (action, component) {
            (Action::Cut(side), _) => processes.cut((component, side))?,
            (Action::Uncut, _) => processes.uncut(component)?,
            (Action::Pause, Some(component)) => processes.pause(component)?,
            (Action::Resume, Some(component)) => processes.resume(component)?,
            (Action::Restart, Some(component)) => processes.restart(component).await?,
            (_, None) => bail!("only cut and uncut work on a whole node"),
        }
    }
    Ok(Told { components: processes.conditions(), cuts: processes.cuts().clone() })
}

/// Gives an order to the node whose cluster has this folder.
pub fn order(folder: &Path, order: &Order) -> Result<Told> {
    let mut stream = connect(folder)?;
    // A restart may take its time to end and more.
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let mut line = serde_json::to_vec(order)?;
    line.push(b'\n');
    stream.write_all(&line)?;
    let mut reply = String::new();
    BufReader::new(stream).read_line(&mut reply).context("the node's answer")?;
    let result: Result<Told, String> = serde_json::from_str(&reply).context("the node's answer")?;
    result.map_err(anyhow::Error::msg)
}

/// The number of a node's first process: of whoever listens on its socket.
pub fn first_process(folder: &Path) -> Result<Pid> {
    Ok(rustix::net::sockopt::socket_peercred(connect(folder)?)?.pid)
}

fn connect(folder: &Path) -> Result<UnixStream> {
    // The path of a socket may have 107 bytes at most; that of a folder any number.
    let opened = std::fs::File::open(folder).with_context(|| format!("{}", folder.display()))?;
    let path = format!("/proc/self/fd/{}/{SOCKET}", opened.as_raw_fd());
    UnixStream::connect(path).context("the node does not run")
}
