//! The supervisor: the only process of a lab that stays in the machine's own namespaces. It holds the lock, makes the
//! certificates and the ports, starts the lab's first process, and cleans up when that ends or it is asked to.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};
use rustix::io::FdFlags;
use time::OffsetDateTime;
use tokio::io::AsyncReadExt;
use tokio::signal::unix::{SignalKind, signal};

use crate::events::Events;
use crate::kubeconfig::{self, Ports};
use crate::leftovers::sweep;
use crate::node::{cgroup, namespaces};
use crate::pki;
use crate::spec::Spec;
use crate::state::State;

/// The life of the supervisor. With `lifeline`, the end of whoever holds its standard input is its own end too.
pub(crate) fn run(spec: &Spec, lifeline: bool) -> Result<()> {
    let state = State::of(&spec.id)?;
    let lock = match state.lock()? {
        Ok(lock) => lock,
        Err(holder) => {
            bail!("lab {} runs already{}", spec.id, holder.pid.map(|p| format!(" (process {p})")).unwrap_or_default())
        }
    };
    sweep(&state, &lock).context("clean up after an earlier run")?;
    let lived = start(&state, spec).and_then(|lab| live(lab, lifeline));
    sweep(&state, &lock).context("clean up")?;
    lock.remove()?;
    lived
}

fn start(state: &State, spec: &Spec) -> Result<Child> {
    fs::create_dir_all(state.folder())?;
    fs::write(state.spec_file(), serde_json::to_vec_pretty(spec)?)?;
    let events = Events::open(&state.events(), None)?;
    let names: Vec<&str> = spec.clusters.iter().map(|cluster| cluster.name.as_str()).collect();
    cgroup::make(&state.cgroup(), &names)?;

    let now = OffsetDateTime::now_utc();
    pki::make_public(&state.folder(), now).context("the lab's own authority")?;
    let mut listeners = Vec::new();
    let mut ports = Ports::default();
    for cluster in &spec.clusters {
        kubeconfig::make_for_components(state, cluster, now)?;
        let (listener, port) = listen()?;
        ports.api.insert(cluster.name.clone(), port);
        listeners.push(listener);
    }
    let (proxy, port) = listen()?;
    ports.proxy = port;
    fs::write(state.ports(), serde_json::to_vec(&ports)?)?;
    kubeconfig::write_for_people(state, spec)?;
    events.done("certificates, ports and control groups made");
    start_lab(state, &listeners, &proxy)
}

fn listen() -> Result<(TcpListener, u16)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("a port on 127.0.0.1")?;
    let port = listener.local_addr()?.port();
    Ok((listener, port))
}

/// Starts the lab's first process, which inherits the sockets and nothing else: neither the lock nor anything of the
/// environment that would make a component behave otherwise here than there.
fn start_lab(state: &State, listeners: &[TcpListener], proxy: &TcpListener) -> Result<Child> {
    let numbers: Vec<String> = listeners.iter().map(|listener| listener.as_raw_fd().to_string()).collect();
    for listener in listeners.iter().chain([proxy]) {
        rustix::io::fcntl_setfd(listener, FdFlags::empty())?;
    }
    let spec = state.spec()?;
    let path = format!("{}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", spec.parts.bin.display());
    let log = fs::File::create(state.folder().join("lab.log"))?;
    let mut command = Command::new("/proc/self/exe");
    command.arg0("meshlab").args(["lab", "--id", state.id(), "--listeners", &numbers.join(",")]);
    command.args(["--proxy", &proxy.as_raw_fd().to_string()]);
    command.env_clear().env("PATH", path).env("HOME", "/root").env("MESHLAB_CACHE", state.root());
    command.current_dir("/").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(log);
    namespaces::spawn_first(&mut command)
}

/// Waits until the lab ends, or until it is to end, and ends it.
fn live(mut lab: Child, lifeline: bool) -> Result<()> {
    let process =
        rustix::process::pidfd_open(rustix::process::Pid::from_child(&lab), rustix::process::PidfdFlags::empty())?;
    // To wait closes a child's standard input, and this one is its lifeline.
    let held = lab.stdin.take();
    let (tell, mut gone) = tokio::sync::mpsc::channel::<()>(1);
    let waited = std::thread::spawn(move || {
        let status = lab.wait();
        drop(tell);
        status
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let asked = runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        tokio::select! {
            _ = gone.recv() => anyhow::Ok(false),
            _ = terminate.recv() => Ok(true),
            _ = interrupt.recv() => Ok(true),
            () = end_of_input(), if lifeline => Ok(true),
        }
    });
    let _ = rustix::process::pidfd_send_signal(&process, rustix::process::Signal::KILL);
    drop(held);
    runtime.shutdown_background();
    let status = waited.join().map_err(|_| anyhow::anyhow!("the thread that waits for the lab died"))?;
    if asked? { Ok(()) } else { bail!("the lab's first process ended: {}", status?) }
}

async fn end_of_input() {
    let mut byte = [0];
    while !matches!(tokio::io::stdin().read(&mut byte).await, Ok(0) | Err(_)) {}
}

/// Leaves the session of whoever started it, so that a terminal that closes does not end the lab.
pub(crate) fn leave_session() -> io::Result<()> {
    rustix::process::setsid()
        .map(drop)
        .or_else(|error| if error == rustix::io::Errno::PERM { Ok(()) } else { Err(error.into()) })
}
