//! A node: one cluster's processes in namespaces of their own. Its first process sets the namespaces up, starts the
//! components in the order that is quickest, and takes orders on a socket until it is killed.

pub mod bring_up;
pub mod cgroup;
pub mod children;
pub mod components;
pub mod control;
pub mod namespaces;
pub mod network;
pub mod processes;
pub mod root;
pub mod store;

use std::fs;
use std::io::{self, Write};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use rustix::thread::UnshareFlags;

use crate::events::{Events, What};
use crate::spec::{Cluster, Spec};
use crate::state::State;
use processes::Processes;

/// What the rooms of a node share.
#[derive(Debug)]
pub struct Node {
    /// The whole lab.
    pub spec: Spec,
    /// The cluster of this node.
    pub cluster: Cluster,
    /// Its folder, at the same path inside and outside.
    pub folder: PathBuf,
    /// Where it tells what happens.
    pub events: Events,
}

/// The life of a node's first process. Its standard input is held by the lab's first process, which writes a byte when
/// the cable is plugged in; on its standard output it says that there is a network to plug it into.
pub fn run(state: &State, name: &str) -> Result<()> {
    namespaces::die_with_parent(&io::stdin())?;
    let spec = state.spec()?;
    let cluster = spec.cluster(name)?.clone();
    let events = Events::open(&state.events(), Some(name))?;
    let node = Node { folder: state.cluster(name), spec, cluster, events };
    match set_up(state, &node) {
        Ok(orders) => live(node, orders),
        Err(error) => {
            node.events.say(What::Failed { log: None, why: format!("{error:#}") });
            Err(error)
        }
    }
}

fn set_up(state: &State, node: &Node) -> Result<UnixListener> {
    // Seen from the namespace that comes, the machine's mounts have other roots.
    let hierarchies = cgroup::Hierarchy::all()?;
    cgroup::join(&state.cgroup(), &node.cluster.name)?;
    namespaces::unshare(
        UnshareFlags::NEWNS
            | UnshareFlags::NEWNET
            | UnshareFlags::NEWUTS
            | UnshareFlags::NEWIPC
            | UnshareFlags::NEWCGROUP,
    )?;
    io::stdout().write_all(b"u").and_then(|()| io::stdout().flush()).context("tell the lab of the network")?;

    components::write_settings(&node.spec, &node.cluster, &node.folder)?;
    if node.cluster.has_node() {
        // Before the root changes: links cannot be made from one mount to another.
        store::link(&node.spec.parts.store, &node.folder.join("containerd"))?;
    }
    root::enter(node, &hierarchies)?;
    std::env::set_current_dir(&node.folder)?;
    let _ = fs::remove_file(control::SOCKET);
    let orders = UnixListener::bind(control::SOCKET).context("listen for orders")?;

    namespaces::await_word(&mut io::stdin(), "the lab's first process")?;
    network::make_node(&node.cluster)?;
    node.events.done("node set up");
    Ok(orders)
}

fn live(node: Node, orders: UnixListener) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let node = Arc::new(node);
        let processes = Arc::new(Processes::new(Arc::clone(&node)));
        let orders = tokio::spawn(control::serve(orders, Arc::clone(&processes)));
        match bring_up::bring_up(&node, &processes).await {
            Ok(()) => node.events.say(What::Ready),
            Err(failure) => node.events.say(failure.what()),
        }
        orders.await?
    })
}
