//! What a machine must have before a lab is begun on it, so that a refusal is one sentence and not a log.

use anyhow::{Result, bail, ensure};
use rustix::fs::inotify;

use crate::spec::Spec;

/// File watchers (instances of inotify) that root opens for a cluster with a node: its control plane runs as a user of its own.
const WATCHES: usize = 9;

/// Whether this process may do what a lab needs, and whether the machine has the programs for it.
pub(crate) fn check_machine() -> Result<()> {
    ensure!(rustix::process::geteuid().is_root(), "{}", crate::ELSEWHERE.trim_end());
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<_> = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]).collect();
    for program in ["ip", "iptables", "iptables-restore", "conntrack", "mount"] {
        if !folders.iter().any(|folder| folder.join(program).is_file()) {
            bail!("a node needs `{program}` (apt-get install iproute2 iptables conntrack mount)");
        }
    }
    Ok(())
}

/// Whether the kernel's limit of file watchers leaves room for the clusters, asked by opening as many. The limit is one
/// for all that root runs, also in other labs, and a component that meets it ends with "too many open files".
pub(crate) fn check_watches(spec: &Spec) -> Result<()> {
    let wanted = WATCHES * spec.clusters.iter().filter(|cluster| cluster.has_node()).count();
    let open = || inotify::init(inotify::CreateFlags::CLOEXEC);
    let opened: Vec<_> = std::iter::repeat_with(open).take(wanted).map_while(Result::ok).collect();
    ensure!(
        opened.len() == wanted,
        "{} need {wanted} file watchers, and the kernel gives root {} more: end another lab, or allow more by `sysctl \
         fs.inotify.max_user_instances=1024`",
        crate::start::count(spec),
        opened.len()
    );
    Ok(())
}
