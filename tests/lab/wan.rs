//! The lab's first process: it owns the network between the nodes, starts the nodes and makes them again, and carries the
//! connections that come to the machine's ports to their API servers.

pub(crate) mod rebuild;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use rustix::thread::UnshareFlags;

use crate::events::Events;
use crate::http::{Request, reply};
use crate::node::children::Children;
use crate::node::{cgroup, namespaces, network, root};
use crate::spec::Cluster;
use crate::state::State;

/// The life of the lab's first process. Its standard input is held by the supervisor; `listeners` are the numbers of
/// the sockets it inherited, one per cluster in their order, and `proxy` that of the one for its proxy.
pub(crate) fn run(state: &State, listeners: &[RawFd], proxy: RawFd) -> Result<()> {
    namespaces::die_with_parent(&io::stdin())?;
    let spec = state.spec()?;
    ensure!(spec.clusters.len() == listeners.len(), "one socket per cluster was to be inherited");
    let listeners: Vec<TcpListener> = listeners.iter().map(|number| inherited(*number)).collect::<Result<_>>()?;
    let proxy = inherited(proxy)?;
    let events = Events::open(&state.events(), None)?;

    cgroup::join(&state.cgroup(), cgroup::LAB)?;
    namespaces::unshare(UnshareFlags::NEWNS | UnshareFlags::NEWNET | UnshareFlags::NEWUTS | UnshareFlags::NEWIPC)?;
    root::make_private()?;
    root::mount("proc", "/proc".as_ref(), "proc", "")?;
    network::make_wan()?;
    // A node dies when the thread ends that started it: this one, which only ends with the process.
    let mut nodes = Nodes::new();
    for cluster in &spec.clusters {
        nodes.insert(cluster.name.clone(), start_node(state, cluster)?);
    }
    events.done("network and nodes started");
    let children = Children::reap();

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut carried = tokio::task::JoinSet::new();
        for (listener, cluster) in listeners.into_iter().zip(&spec.clusters) {
            carried.spawn(carry(asynchronous(listener)?, cluster.api().into()));
        }
        carried.spawn(proxied(asynchronous(proxy)?));
        // On this thread, whose end would be that of the nodes.
        tokio::select! {
            ended = carried.join_next() => ended.unwrap_or(Ok(Ok(())))?,
            ended = rebuild::serve(state, &spec, &mut nodes, &children) => ended,
        }
    })
}

/// The first processes of the nodes, by their clusters. Who holds one holds its lifeline.
pub(crate) type Nodes = BTreeMap<String, Child>;

fn asynchronous(listener: TcpListener) -> Result<tokio::net::TcpListener> {
    listener.set_nonblocking(true)?;
    Ok(tokio::net::TcpListener::from_std(listener)?)
}

fn inherited(number: RawFd) -> Result<TcpListener> {
    rustix::io::fcntl_getfd(borrowed(number)).context("the inherited socket")?;
    #[allow(unsafe_code)]
    // SAFETY: the supervisor opened it for this process and named it on the command line; it is open, and nothing else
    // here owns it.
    let owned = unsafe { OwnedFd::from_raw_fd(number) };
    rustix::io::fcntl_setfd(&owned, rustix::io::FdFlags::CLOEXEC)?;
    Ok(TcpListener::from(owned))
}

fn borrowed(number: RawFd) -> std::os::fd::BorrowedFd<'static> {
    #[allow(unsafe_code)]
    // SAFETY: only asked whether it is open; a wrong number is an error of that call and nothing more.
    unsafe {
        std::os::fd::BorrowedFd::borrow_raw(number)
    }
}

fn start_node(state: &State, cluster: &Cluster) -> Result<Child> {
    let log = std::fs::File::create(state.cluster(&cluster.name).join("node.log"))?;
    let mut command = Command::new("/proc/self/exe");
    command.arg0("meshlab").args(["node", "--id", state.id(), "--cluster", &cluster.name]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
    let mut node = namespaces::spawn_first(&mut command)?;
    let mut network = node.stdout.take().context("the node's word")?;
    namespaces::await_word(&mut network, &format!("the first process of {}", cluster.node()))?;
    network::plug(cluster, node.id())?;
    node.stdin.as_mut().context("the node's ear")?.write_all(b"g")?;
    Ok(node)
}

/// A proxy into the network between the nodes: takes connections for ever, and carries each to where it asks to be.
async fn proxied(listener: tokio::net::TcpListener) -> Result<()> {
    loop {
        let Ok((connection, _)) = listener.accept().await else {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            continue;
        };
        tokio::spawn(async move {
            // Who breaks off is none of the proxy's business.
            let _ = tunnel(connection).await;
        });
    }
}

async fn tunnel(mut outside: tokio::net::TcpStream) -> Result<()> {
    let Request { method, target } = Request::read(&mut outside).await?;
    if method != "CONNECT" {
        return reply(&mut outside, "405 Method Not Allowed", "content-length: 0\r\n").await;
    }
    // There are no names in that network.
    let inside = match target.parse::<SocketAddr>() {
        Ok(address) => tokio::net::TcpStream::connect(address).await.ok(),
        Err(_) => None,
    };
    let Some(mut inside) = inside else {
        return reply(&mut outside, "502 Bad Gateway", "content-length: 0\r\n").await;
    };
    reply(&mut outside, "200 Connection established", "").await?;
    let _ = outside.set_nodelay(true);
    let _ = inside.set_nodelay(true);
    tokio::io::copy_bidirectional(&mut outside, &mut inside).await?;
    Ok(())
}

/// Takes connections for ever and carries each to another address.
pub(crate) async fn carry(listener: tokio::net::TcpListener, to: SocketAddr) -> Result<()> {
    loop {
        let Ok((mut outside, _)) = listener.accept().await else {
            // Too many open files pass; a tight loop would not help them to.
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            continue;
        };
        tokio::spawn(async move {
            // Who connects while the API server is away sees the connection closed.
            if let Ok(mut inside) = tokio::net::TcpStream::connect(to).await {
                let _ = outside.set_nodelay(true);
                let _ = inside.set_nodelay(true);
                let _ = tokio::io::copy_bidirectional(&mut outside, &mut inside).await;
            }
        });
    }
}
