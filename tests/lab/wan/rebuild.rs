//! A cluster that is destroyed and made again behind its old address.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, PidfdFlags, Signal};
use time::OffsetDateTime;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt};

use super::{Nodes, start_node};
use crate::kubeconfig;
use crate::node::children::Children;
use crate::node::network;
use crate::spec::{Cluster, Spec};
use crate::state::{self, State};

/// Where orders are taken, in the folder of the lab.
const SOCKET: &str = "lab.sock";
/// How long a node may take to vanish.
const PATIENCE: Duration = Duration::from_secs(20);

/// The path of the socket, short whatever the folder's is; it holds as long as the folder is open.
fn socket(state: &State) -> Result<(fs::File, PathBuf)> {
    let folder = fs::File::open(state.folder())?;
    let path = format!("/proc/self/fd/{}/{SOCKET}", folder.as_raw_fd());
    Ok((folder, path.into()))
}

/// Has a lab make a cluster again, and returns when that is begun.
pub(crate) fn order(state: &State, cluster: &str) -> Result<()> {
    let (_folder, path) = socket(state)?;
    let mut stream = UnixStream::connect(path).context("the lab does not run")?;
    stream.set_read_timeout(Some(PATIENCE * 2))?;
    writeln!(stream, "{cluster}")?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer).context("the lab's answer")?;
    serde_json::from_str::<Result<(), String>>(&answer).context("the lab's answer")?.map_err(anyhow::Error::msg)
}

/// Takes orders for ever, one after the other.
pub(super) async fn serve(state: &State, spec: &Spec, nodes: &mut Nodes, children: &Children) -> Result<()> {
    let (_folder, path) = socket(state)?;
    let listener = tokio::net::UnixListener::bind(path).context("listen for orders")?;
    loop {
        let (stream, _) = listener.accept().await?;
        let (reader, mut writer) = stream.into_split();
        let mut name = String::new();
        let read = tokio::io::BufReader::new(reader).read_line(&mut name).await;
        let done = match read.map_err(anyhow::Error::from).and_then(|_| spec.cluster(name.trim())) {
            // It waits for programs that it runs, and for the node.
            Ok(cluster) => children.alone(|| rebuild(state, cluster, nodes)),
            Err(error) => Err(error),
        };
        let answer = serde_json::to_string(&done.map_err(|error| format!("{error:#}")))?;
        // Who asked and went away gets no answer.
        let _ = writer.write_all(format!("{answer}\n").as_bytes()).await;
    }
}

fn rebuild(state: &State, cluster: &Cluster, nodes: &mut Nodes) -> Result<()> {
    if let Some(node) = nodes.remove(&cluster.name)
        && let Ok(process) = rustix::process::pidfd_open(Pid::from_child(&node), PidfdFlags::empty())
    {
        // With the first process all others of its namespace end, and it is the last of them.
        let _ = rustix::process::pidfd_send_signal(&process, Signal::KILL);
        ensure!(state::ended(&process, PATIENCE), "the node of {} does not end", cluster.name);
    }
    network::unplug(cluster);
    let folder = state.cluster(&cluster.name);
    fs::remove_dir_all(&folder).with_context(|| format!("remove {}", folder.display()))?;
    kubeconfig::make_for_components(state, cluster, OffsetDateTime::now_utc())?;
    nodes.insert(cluster.name.clone(), start_node(state, cluster)?);
    Ok(())
}
