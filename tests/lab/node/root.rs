//! The root folder of a node: the machine's programs read-only, everything that two nodes would share its own.

use std::ffi::CString;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rustix::mount::{MountFlags, MountPropagationFlags, UnmountFlags};

use super::Node;
use super::cgroup::{self, Hierarchy};

/// What the kubelet and kube-proxy keep, by the folder in the cluster's own one.
const KEPT: [(&str, &str); 6] = [
    ("containerd", "var/lib/containerd"),
    ("kubelet", "var/lib/kubelet"),
    ("pods", "var/log/pods"),
    ("containers", "var/log/containers"),
    ("cni-bin", "opt/cni"),
    ("cni-conf", "etc/cni"),
];

/// Settings of the whole kernel that the kubelet sets; it gets files to set instead.
const KERNEL_SETTINGS: [&str; 6] = [
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
];

/// Builds the root of a node and moves the calling process into it. It has all its namespaces by now.
pub fn enter(node: &Node, hierarchies: &[Hierarchy]) -> Result<()> {
    let folder = node.folder.as_path();
    make_private()?;
    let root = folder.join("root");
    fs::create_dir_all(&root)?;
    tmpfs(&root, "mode=755")?;
    programs(&root)?;
    for path in ["proc", "sys", "dev", "run", "tmp", "root", "opt", "var/lib", "var/log"] {
        fs::create_dir_all(root.join(path))?;
    }
    symlink("../run", root.join("var/run"))?;
    etc(&root)?;
    mount("proc", &root.join("proc"), "proc", "")?;
    mount("sysfs", &root.join("sys"), "sysfs", "")?;
    rustix::mount::mount_bind_recursive("/dev", root.join("dev")).context("bind /dev")?;
    tmpfs(&root.join("dev/shm"), "mode=1777")?;
    tmpfs(&root.join("run"), "mode=755")?;
    tmpfs(&root.join("tmp"), "mode=1777")?;
    cgroup::mount_in(&root, hierarchies)?;
    kernel_settings(&root, folder)?;

    for (kept, path) in KEPT {
        fs::create_dir_all(folder.join(kept))?;
        bind(&folder.join(kept), &root.join(path))?;
    }
    for path in ["run/containerd", "run/netns", "run/istio-cni"] {
        fs::create_dir_all(root.join(path))?;
    }
    let parts = &node.spec.parts;
    for path in [&parts.bin, &parts.store, &parts.istio, &parts.own].into_iter().chain(&node.spec.sail_crds) {
        bind_read_only(path, &inside(&root, path))?;
    }
    bind(folder, &inside(&root, folder))?;
    pivot(&root)?;
    rustix::system::sethostname(node.cluster.node().as_bytes())?;
    Ok(())
}

/// Nothing that is mounted from here on is seen outside.
pub fn make_private() -> Result<()> {
    rustix::mount::mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)
        .context("make the mounts private")
}

/// Mounts a file system.
pub fn mount(source: &str, target: &Path, kind: &str, options: &str) -> Result<()> {
    fs::create_dir_all(target)?;
    let options = CString::new(options)?;
    rustix::mount::mount(source, target, kind, MountFlags::empty(), options.as_c_str())
        .with_context(|| format!("mount {kind} on {}", target.display()))
}

/// Mounts an empty file system that lives in memory.
pub fn tmpfs(target: &Path, options: &str) -> Result<()> {
    mount("tmpfs", target, "tmpfs", options)
}

fn programs(root: &Path) -> Result<()> {
    bind_read_only(Path::new("/usr"), &root.join("usr"))?;
    for name in ["bin", "sbin", "lib", "lib64"] {
        let path = Path::new("/").join(name);
        if let Ok(target) = fs::read_link(&path) {
            symlink(target, root.join(name))?;
        } else if path.is_dir() {
            bind_read_only(&path, &root.join(name))?;
        }
    }
    Ok(())
}

/// The machine's /etc, on which the node's changes lie: containerd makes /etc/cni wherever it is.
fn etc(root: &Path) -> Result<()> {
    let (upper, work) = (root.join(".etc/upper"), root.join(".etc/work"));
    fs::create_dir_all(&upper)?;
    fs::create_dir_all(&work)?;
    let options = format!("lowerdir=/etc,upperdir={},workdir={}", upper.display(), work.display());
    mount("overlay", &root.join("etc"), "overlay", &options)
}

fn kernel_settings(root: &Path, folder: &Path) -> Result<()> {
    let files = folder.join("sysctl");
    fs::create_dir_all(&files)?;
    for setting in KERNEL_SETTINGS {
        let target = root.join("proc/sys").join(setting);
        if target.exists() {
            let file = files.join(setting.replace('/', "."));
            fs::write(&file, "0\n")?;
            rustix::mount::mount_bind(&file, &target).with_context(|| format!("cover {setting}"))?;
        }
    }
    Ok(())
}

fn bind(source: &Path, target: &Path) -> Result<()> {
    fs::create_dir_all(target)
        .and_then(|()| Ok(rustix::mount::mount_bind(source, target)?))
        .with_context(|| format!("bind {} on {}", source.display(), target.display()))
}

fn bind_read_only(source: &Path, target: &Path) -> Result<()> {
    bind(source, target)?;
    rustix::mount::mount_remount(target, MountFlags::BIND | MountFlags::RDONLY, "")
        .with_context(|| format!("make {} read-only", target.display()))
}

fn inside(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}

fn pivot(root: &Path) -> Result<()> {
    let old = root.join(".old");
    fs::create_dir_all(&old)?;
    rustix::process::pivot_root(root, &old).context("make it the root")?;
    std::env::set_current_dir("/")?;
    rustix::mount::unmount("/.old", UnmountFlags::DETACH).context("let go of the old root")?;
    fs::remove_dir("/.old")?;
    // The kubelet shows its mounts to pods, and pods theirs to each other.
    rustix::mount::mount_change("/", MountPropagationFlags::SHARED | MountPropagationFlags::REC)?;
    Ok(())
}
