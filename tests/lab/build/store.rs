//! A containerd root with every image imported and unpacked, made once; nodes get it by hard links.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::image::{Image, write_archive};
use super::process::tail;
use crate::registry::INDEX;

const SOCKET: &str = "c.sock";
/// Of the 107 characters that the kernel takes, without those that containerd adds for its second socket.
const SOCKET_PATH: usize = 100;
const START: Duration = Duration::from_secs(30);
const STOP: Duration = Duration::from_secs(30);
/// The namespace that the kubelet's images are in.
const NAMESPACE: &str = "k8s.io";
/// What would make folders outside the root, or wait for a network.
const NOT_NEEDED: &[&str] = &[
    "io.containerd.cri.v1.images",
    "io.containerd.cri.v1.runtime",
    "io.containerd.grpc.v1.cri",
    "io.containerd.nri.v1.nri",
    "io.containerd.internal.v1.opt",
    "io.containerd.internal.v1.tracing",
];

/// Makes a folder a containerd root.
pub(super) fn make(bin: &Path, images: &[Image], root: &Path, log: &Path) -> Result<()> {
    // Inside the root until it is complete, so that a killed build leaves all of it in one place.
    let scratch = root.join("scratch");
    fs::create_dir(&scratch)?;
    let sockets = Sockets::near(&scratch)?;
    let socket = sockets.folder().join(SOCKET);
    let config = scratch.join("containerd.toml");
    // A JSON string is a TOML string, whatever is in the path.
    let text = |path: &Path| json!(path.to_string_lossy()).to_string();
    fs::write(
        &config,
        format!(
            "version = 3\nroot = {}\nstate = {}\ndisabled_plugins = {}\n[grpc]\n  address = {}\n",
            text(root),
            text(&scratch.join("state")),
            json!(NOT_NEEDED),
            text(&socket),
        ),
    )?;
    let mut containerd = Containerd::start(bin, &config, log)?;
    containerd.await_socket(&socket, log)?;
    let index = import(bin, images, &socket, &scratch.join("layers"))?;
    fs::write(root.join(INDEX), index.to_string())?;
    containerd.stop(log)?;
    fs::remove_dir_all(&scratch).context("remove what only the import needed")
}

/// Where containerd's sockets are.
enum Sockets {
    Near(PathBuf),
    /// The path of a socket is short, and a cache may lie deep.
    Temporary(TempDir),
}

impl Sockets {
    fn near(folder: &Path) -> Result<Self> {
        if folder.join(SOCKET).as_os_str().len() <= SOCKET_PATH {
            return Ok(Self::Near(folder.to_owned()));
        }
        Ok(Self::Temporary(tempfile::Builder::new().prefix("meshlab-store-").tempdir()?))
    }

    fn folder(&self) -> &Path {
        match self {
            Self::Near(folder) => folder,
            Self::Temporary(folder) => folder.path(),
        }
    }
}

struct Containerd(Child);

impl Containerd {
    /// In a mount namespace of its own, so that nothing it mounts while unpacking is ever seen outside or left behind.
    fn start(bin: &Path, config: &Path, log: &Path) -> Result<Self> {
        let output = File::create(log).with_context(|| format!("write {}", log.display()))?;
        let child = Command::new("unshare")
            .args(["--mount", "--propagation", "private", "--", "setpriv", "--pdeathsig", "KILL", "--"])
            .arg(bin.join("containerd"))
            .arg("--config")
            .arg(config)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .context("start containerd")?;
        Ok(Self(child))
    }

    fn await_socket(&mut self, socket: &Path, log: &Path) -> Result<()> {
        let deadline = Instant::now() + START;
        while UnixStream::connect(socket).is_err() {
            if let Some(status) = self.0.try_wait()? {
                bail!("containerd ended with {status} instead of serving:\n{}", tail(log));
            }
            if Instant::now() > deadline {
                bail!("containerd does not serve after {} s:\n{}", START.as_secs(), tail(log));
            }
            sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    fn stop(mut self, log: &Path) -> Result<()> {
        let pid = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw).context("containerd has no pid")?;
        kill_process(pid, Signal::TERM).context("stop containerd")?;
        let deadline = Instant::now() + STOP;
        loop {
            match self.0.try_wait()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => bail!("containerd ended with {status}:\n{}", tail(log)),
                None if Instant::now() > deadline => bail!("containerd does not stop:\n{}", tail(log)),
                None => sleep(Duration::from_millis(20)),
            }
        }
    }
}

impl Drop for Containerd {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn import(bin: &Path, images: &[Image], socket: &Path, layers: &Path) -> Result<Value> {
    let mut child = Command::new(bin.join("ctr"))
        .arg("--address")
        .arg(socket)
        .args(["--namespace", NAMESPACE, "images", "import", "--local", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .context("start ctr")?;
    let mut input = child.stdin.take().context("ctr has no input")?;
    let written = write_archive(images, layers, &mut input).and_then(|index| {
        input.flush()?;
        Ok(index)
    });
    drop(input);
    let output = child.wait_with_output()?;
    if !output.status.success() {
        bail!("import images: ctr: {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    written
}
