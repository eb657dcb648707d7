//! What a lab could leave on a machine, listed, so that two lists can be compared.
//!
//! Other work may be going on: of processes, control groups and folders only what could be the lab's is listed; of
//! what hardly anybody changes (mounts, addresses, packet filters, kernel settings) everything is. A namespace lives by
//! a process or a mount, and both are listed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::node::cgroup::{self, Hierarchy};
use crate::state::State;

/// Folders in which a component that had no root of its own would leave something.
const FOLDERS: [&str; 12] = [
    "/",
    "/dev/shm",
    "/etc",
    "/etc/cni",
    "/mnt",
    "/opt",
    "/opt/cni",
    "/run",
    "/run/netns",
    "/root",
    "/var/lib",
    "/var/log",
];

/// Kernel settings that are no settings but counters, or change by themselves.
const COUNTERS: [&str; 13] = [
    "fs/aio-nr",
    "fs/dentry-state",
    "fs/file-nr",
    "fs/inode-nr",
    "fs/inode-state",
    "fs/quota",
    "kernel/ns_last_pid",
    "kernel/pty/nr",
    "kernel/random",
    "kernel/sched_domain",
    "net/netfilter/nf_conntrack_count",
    "vm/dirty",
    "vm/stat_refresh",
];

/// Everything that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inventory {
    found: BTreeMap<&'static str, BTreeSet<String>>,
    settings: BTreeMap<PathBuf, String>,
}

impl Inventory {
    /// Lists what there is, with an eye for one lab.
    pub fn take(lab: &State) -> Result<Self> {
        let found = BTreeMap::from([
            ("mount", mounts()?),
            ("network", network()?),
            ("packet filter", packet_filter()),
            ("control group", control_groups(lab)?),
            ("process", processes(lab)),
            ("file", files(lab)),
            ("shared memory", lines("/proc/sysvipc/shm")?.chain(lines("/proc/sysvipc/sem")?).collect()),
            ("host name", lines("/proc/sys/kernel/hostname")?.collect()),
        ]);
        let mut settings = BTreeMap::new();
        read_settings(Path::new("/proc/sys"), &mut settings);
        Ok(Self { found, settings })
    }

    /// What is there now and was not, or was there and is not: a line each.
    pub fn differences(&self, later: &Self) -> Vec<String> {
        let mut differences = Vec::new();
        for (kind, before) in &self.found {
            let after = &later.found[kind];
            differences.extend(after.difference(before).map(|thing| format!("{kind} came: {thing}")));
            differences.extend(before.difference(after).map(|thing| format!("{kind} went: {thing}")));
        }
        // A setting that came with a kernel module is not the lab's.
        for (setting, before) in &self.settings {
            match later.settings.get(setting) {
                Some(after) if after != before => {
                    differences.push(format!("setting {}: {before} became {after}", setting.display()));
                }
                _ => {}
            }
        }
        differences
    }
}

fn lines(path: &str) -> Result<impl Iterator<Item = String>> {
    let text = fs::read_to_string(path).with_context(|| path.to_owned())?;
    Ok(text.lines().map(str::to_owned).collect::<Vec<_>>().into_iter())
}

fn mounts() -> Result<BTreeSet<String>> {
    // The first two numbers of a line are names of the kernel's for the mount and the one above it.
    Ok(lines("/proc/self/mountinfo")?.map(|line| line.splitn(4, ' ').skip(3).collect()).collect())
}

fn network() -> Result<BTreeSet<String>> {
    let mut found: BTreeSet<String> = names("/sys/class/net").map(|link| format!("link {link}")).collect();
    for arguments in [&["-br", "addr"][..], &["route"], &["-6", "route"], &["rule"]] {
        let output = Command::new("ip").args(arguments).output().context("run ip")?;
        found.extend(String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned));
    }
    Ok(found)
}

fn packet_filter() -> BTreeSet<String> {
    let ask = |program: &str, arguments: &[&str]| {
        // A machine may lack one of them.
        let output = Command::new(program).args(arguments).output();
        output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default()
    };
    let rules = ask("iptables-save", &[]) + &ask("ip6tables-save", &[]) + &ask("nft", &["list", "ruleset"]);
    let counted = |line: &str| line.split(" [").next().unwrap_or_default().to_owned();
    rules.lines().filter(|line| !line.starts_with('#')).map(counted).collect()
}

fn control_groups(lab: &State) -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    for hierarchy in Hierarchy::all()? {
        for name in names(&hierarchy.mount.display().to_string()) {
            if hierarchy.mount.join(&name).is_dir() && (name == lab.cgroup() || !name.starts_with("meshlab-")) {
                found.insert(hierarchy.mount.join(name).display().to_string());
            }
        }
    }
    Ok(found)
}

/// Processes in a control group of the lab, or that name its id or its folder.
fn processes(lab: &State) -> BTreeSet<String> {
    let folder = lab.folder().display().to_string();
    let id = format!("\"id\":\"{}\"", lab.id());
    let mut found = BTreeSet::new();
    for pid in names("/proc").filter(|name| name.bytes().all(|byte| byte.is_ascii_digit())) {
        // One that ends meanwhile was none.
        let read = |file: &str| fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
        // A zombie is its parent's to bury.
        if cgroup::is_zombie(&String::from_utf8_lossy(&read("stat"))) {
            continue;
        }
        let command = String::from_utf8_lossy(&read("cmdline")).replace('\0', " ");
        let groups = String::from_utf8_lossy(&read("cgroup")).into_owned();
        let named =
            command.contains(&folder) || command.contains(&id) || command.contains(&format!("--id {}", lab.id()));
        if groups.contains(&lab.cgroup()) || (named && pid != std::process::id().to_string()) {
            found.insert(command);
        }
    }
    found
}

fn files(lab: &State) -> BTreeSet<String> {
    let below = |folder: &str| names(folder).map(|name| format!("{folder}/{name}")).collect::<Vec<_>>();
    let own = |path: &String| path.contains(lab.id());
    let ours = |path: &String| path.contains("meshlab") || path.contains("kube") || path.contains("containerd");
    FOLDERS
        .into_iter()
        .flat_map(below)
        .chain(below(&lab.root().join("state").display().to_string()).into_iter().filter(own))
        .chain(below("/tmp").into_iter().filter(ours))
        .collect()
}

fn names(folder: &str) -> impl Iterator<Item = String> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.file_name().to_string_lossy().into_owned())
}

fn read_settings(folder: &Path, settings: &mut BTreeMap<PathBuf, String>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = path.strip_prefix("/proc/sys").unwrap_or(&path);
        if COUNTERS.iter().any(|counter| name.to_string_lossy().starts_with(counter)) {
            continue;
        }
        if path.is_dir() {
            read_settings(&path, settings);
        } else if let Ok(value) = fs::read_to_string(&path) {
            settings.insert(path, value.trim_end().to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inventory(mounts: &[&str], settings: &[(&str, &str)]) -> Inventory {
        Inventory {
            found: BTreeMap::from([("mount", mounts.iter().map(|&mount| mount.to_owned()).collect())]),
            settings: settings.iter().map(|&(name, value)| (name.into(), value.to_owned())).collect(),
        }
    }

    #[test]
    fn what_came_and_what_went_is_told() {
        let before = inventory(&["/a", "/b"], &[("x", "1"), ("y", "1")]);
        let after = inventory(&["/b", "/c"], &[("x", "2"), ("y", "1"), ("z", "1")]);
        assert_eq!(before.differences(&after), ["mount came: /c", "mount went: /a", "setting x: 1 became 2"]);
        assert_eq!(before.differences(&before), Vec::<String>::new());
    }
}
