//! Control groups: a folder per lab and per node in every hierarchy, and inside a node a view in which its own folder
//! is the root. Version 1 is what has been run; version 2 is written for and untested.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The folder of the lab's own first process, beside those of the nodes.
pub const LAB: &str = "lab";
/// The folder of a node's own processes; the kubelet makes those of the pods beside it.
const PROCESSES: &str = "processes";

/// One hierarchy of control groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hierarchy {
    /// Where it is mounted.
    pub mount: PathBuf,
    /// The mount options that name it; none for version 2.
    pub controllers: Option<String>,
}

impl Hierarchy {
    /// The hierarchies of this machine.
    pub fn all() -> Result<Vec<Self>> {
        let all = parse(&fs::read_to_string("/proc/self/mountinfo")?);
        anyhow::ensure!(!all.is_empty(), "no control groups are mounted under /sys/fs/cgroup");
        Ok(all)
    }

    fn is_v2_with_controllers(&self) -> bool {
        self.controllers.is_none() && self.mount == Path::new("/sys/fs/cgroup")
    }

    fn is_cpuset(&self) -> bool {
        self.controllers.as_deref().is_some_and(|list| list.split(',').any(|name| name == "cpuset"))
    }
}

fn parse(mountinfo: &str) -> Vec<Hierarchy> {
    let hierarchy = |line: &str| {
        let (place, kind) = line.split_once(" - ")?;
        let mut place = place.split(' ').skip(3);
        let (root, mount) = (place.next()?, PathBuf::from(place.next()?));
        let mut kind = kind.split(' ');
        let (name, options) = (kind.next()?, kind.nth(1)?);
        if root != "/" || !mount.starts_with("/sys/fs/cgroup") {
            return None;
        }
        let names = |options: &str| {
            // What else is there (rw, xattr, release_agent=…) may not be given again from within a namespace.
            let skip = |option: &&str| !matches!(*option, "rw" | "ro" | "xattr" | "clone_children");
            let options: Vec<&str> =
                options.split(',').filter(skip).filter(|o| !o.starts_with("release_agent=")).collect();
            options.join(",")
        };
        match name {
            "cgroup" => Some(Hierarchy { mount, controllers: Some(names(options)) }),
            "cgroup2" => Some(Hierarchy { mount, controllers: None }),
            _ => None,
        }
    };
    mountinfo.lines().filter_map(hierarchy).collect()
}

/// Makes the folders of a lab and its nodes.
pub fn make(group: &str, nodes: &[&str]) -> Result<()> {
    for hierarchy in Hierarchy::all()? {
        let lab = hierarchy.mount.join(group);
        make_one(&lab)?;
        if hierarchy.is_cpuset() {
            fill_cpuset(&lab)?;
        }
        if hierarchy.is_v2_with_controllers() {
            enable_all(&hierarchy.mount)?;
            enable_all(&lab)?;
        }
        for node in nodes.iter().chain([&LAB]) {
            make_one(&lab.join(node))?;
            if hierarchy.is_cpuset() {
                fill_cpuset(&lab.join(node))?;
            }
        }
    }
    Ok(())
}

/// Moves the calling process into the folder of a node, or of the lab's first process.
pub fn join(group: &str, part: &str) -> Result<()> {
    for hierarchy in Hierarchy::all()? {
        enter(&hierarchy.mount.join(group).join(part))?;
    }
    Ok(())
}

/// Mounts the hierarchies below `root` as the calling process' own namespace shows them, and moves it into a folder of
/// their own, so that the top one stays free for the kubelet.
pub fn mount_in(root: &Path, hierarchies: &[Hierarchy]) -> Result<()> {
    use super::root::{mount, tmpfs};
    if !hierarchies.iter().any(Hierarchy::is_v2_with_controllers) {
        tmpfs(&root.join("sys/fs/cgroup"), "mode=755")?;
    }
    for hierarchy in hierarchies {
        let path = root.join(hierarchy.mount.strip_prefix("/").unwrap_or(&hierarchy.mount));
        match &hierarchy.controllers {
            Some(controllers) => {
                mount("cgroup", &path, "cgroup", controllers)?;
                link_each_controller(&path, controllers);
            }
            None => mount("cgroup2", &path, "cgroup2", "")?,
        }
        let own = path.join(PROCESSES);
        make_one(&own)?;
        if hierarchy.is_cpuset() {
            fill_cpuset(&own)?;
        }
        enter(&own)?;
        if hierarchy.is_v2_with_controllers() {
            enable_all(&path)?;
        }
    }
    Ok(())
}

/// `cpu` and `cpuacct` lead to `cpu,cpuacct` where they are one hierarchy.
fn link_each_controller(path: &Path, controllers: &str) {
    if let (Some(parent), Some(name)) = (path.parent(), path.file_name()) {
        for controller in controllers.split(',').filter(|c| name != *c && !c.contains('=')) {
            let _ = std::os::unix::fs::symlink(name, parent.join(controller));
        }
    }
}

fn enter(folder: &Path) -> Result<()> {
    let procs = folder.join("cgroup.procs");
    fs::write(&procs, "0").with_context(|| format!("join {}", procs.display()))
}

fn make_one(folder: &Path) -> Result<()> {
    match fs::create_dir(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(error).with_context(|| format!("make {}", folder.display()))
        }
        _ => Ok(()),
    }
}

/// A new cpuset of version 1 is empty, and nothing may run in an empty one.
fn fill_cpuset(folder: &Path) -> Result<()> {
    let parent = folder.parent().unwrap_or(folder);
    for file in ["cpuset.cpus", "cpuset.mems"] {
        if fs::read_to_string(folder.join(file))?.trim().is_empty() {
            let value = fs::read_to_string(parent.join(file))?;
            fs::write(folder.join(file), value.trim()).with_context(|| format!("{}/{file}", folder.display()))?;
        }
    }
    Ok(())
}

fn enable_all(folder: &Path) -> Result<()> {
    let available = fs::read_to_string(folder.join("cgroup.controllers"))?;
    for controller in available.split_whitespace() {
        let file = folder.join("cgroup.subtree_control");
        fs::write(&file, format!("+{controller}")).with_context(|| format!("+{controller} to {}", file.display()))?;
    }
    Ok(())
}

/// Kills every process of a lab, wherever it is in its tree. True when there was none.
pub fn kill(group: &str) -> Result<bool> {
    let mut empty = true;
    for hierarchy in Hierarchy::all()? {
        let lab = hierarchy.mount.join(group);
        let at_once = lab.join("cgroup.kill");
        if at_once.exists() {
            fs::write(&at_once, "1").with_context(|| format!("{}", at_once.display()))?;
        }
        for folder in folders(&lab) {
            let procs = fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
            for pid in procs.lines().filter_map(|line| rustix::process::Pid::from_raw(line.parse().ok()?)) {
                empty = false;
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            }
        }
    }
    Ok(empty)
}

/// Removes the folders of a lab. Returns those that are still in use.
pub fn remove(group: &str) -> Result<Vec<PathBuf>> {
    let mut left = Vec::new();
    for hierarchy in Hierarchy::all()? {
        for folder in folders(&hierarchy.mount.join(group)) {
            match fs::remove_dir(&folder) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => left.push(folder),
                _ => {}
            }
        }
    }
    Ok(left)
}

/// A folder and all below it, the deepest first.
fn folders(top: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    let Ok(entries) = fs::read_dir(top) else { return all };
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            all.extend(folders(&entry.path()));
        }
    }
    all.push(top.to_owned());
    all
}

/// Whether a process of a lab is still on its way out. One that ends leaves its folder before it leaves the kernel, and
/// the first process of a namespace only goes when all others have. A zombie is its parent's alone.
pub fn has_ending(group: &str) -> bool {
    let read = |pid: &str, file: &str| fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default();
    let pids = fs::read_dir("/proc").into_iter().flatten().flatten().map(|entry| entry.file_name());
    pids.filter_map(|name| name.into_string().ok())
        .filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
        .any(|pid| read(&pid, "cgroup").contains(&format!("/{group}")) && !is_zombie(&read(&pid, "stat")))
}

/// By the line of a process in /proc; the name in it may hold anything.
pub fn is_zombie(stat: &str) -> bool {
    stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with(['Z', 'X']))
}

/// How many bytes the processes of a node hold, without the page cache.
pub fn memory(group: &str, node: &str) -> Option<u64> {
    let all = Hierarchy::all().ok()?;
    let read = |path: PathBuf, key: &str| {
        let text = fs::read_to_string(path).ok()?;
        text.lines().find_map(|line| line.strip_prefix(key)?.trim().parse().ok())
    };
    all.iter().find_map(|hierarchy| {
        let stat = hierarchy.mount.join(group).join(node).join("memory.stat");
        match hierarchy.controllers.as_deref() {
            Some(names) if names.split(',').any(|name| name == "memory") => read(stat, "total_rss "),
            None if hierarchy.is_v2_with_controllers() => read(stat, "anon "),
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zombie_is_told_by_its_state_alone() {
        assert!(is_zombie("12 (a) Z 1 0"));
        assert!(!is_zombie("12 (Z) Z) S 1 0"));
    }

    #[test]
    fn hierarchies_of_both_versions_are_found_by_what_names_them() {
        let mountinfo = "\
24 30 0:22 / /sys rw,relatime - sysfs sysfs rw\n\
31 30 0:26 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct\n\
32 30 0:27 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,release_agent=/lib/agent,name=systemd\n\
33 30 0:28 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n\
34 30 0:28 /other /mnt/cgroup rw - cgroup2 cgroup2 rw\n";
        let found = |path: &str, names: Option<&str>| Hierarchy {
            mount: PathBuf::from(path),
            controllers: names.map(str::to_owned),
        };
        assert_eq!(
            parse(mountinfo),
            [
                found("/sys/fs/cgroup/cpu,cpuacct", Some("cpu,cpuacct")),
                found("/sys/fs/cgroup/systemd", Some("name=systemd")),
                found("/sys/fs/cgroup/unified", None),
            ]
        );
    }
}
