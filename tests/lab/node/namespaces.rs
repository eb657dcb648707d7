//! Namespaces: how a process becomes the first of a new process namespace, and how one enters a node that runs.

use std::fs::File;
use std::io::Read;
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Child, Command};

use anyhow::{Context, Result};
use rustix::process::{Pid, PidfdFlags, Signal};
use rustix::thread::{LinkNameSpaceType, ThreadNameSpaceType, UnshareFlags};

/// Leaves the namespaces of the parent for new ones.
pub fn unshare(flags: UnshareFlags) -> Result<()> {
    debug_assert!(!flags.contains(UnshareFlags::FILES));
    #[allow(unsafe_code)]
    // SAFETY: only CLONE_FILES could take descriptors away from another thread, and no caller asks for it.
    unsafe { rustix::thread::unshare_unsafe(flags) }.with_context(|| format!("unshare {flags:?}"))
}

/// Starts a program as the first process of a new process namespace. The caller has no other thread; its later
/// children stay in its own namespace.
pub fn spawn_first(command: &mut Command) -> Result<Child> {
    let own = File::open("/proc/self/ns/pid")?;
    unshare(UnshareFlags::NEWPID)?;
    let child = command.spawn();
    // Until this is undone no thread can be made.
    rustix::thread::move_into_link_name_space(own.as_fd(), Some(LinkNameSpaceType::ProcessID))
        .context("return to the own process namespace")?;
    child.with_context(|| format!("start {}", command.get_program().display()))
}

/// Makes the kernel end this process with its parent's thread; `lifeline` is a pipe that the parent holds, for the
/// parent that died before. The parent's number would not tell: it is 0 across namespaces.
pub fn die_with_parent(lifeline: &impl AsFd) -> Result<()> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    let mut watched = [rustix::event::PollFd::new(lifeline, rustix::event::PollFlags::empty())];
    rustix::event::poll(&mut watched, Some(&rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 }))?;
    anyhow::ensure!(watched[0].revents().is_empty(), "the process that started this one is gone");
    Ok(())
}

/// Waits for the other side of a pipe to say that it has come so far.
pub fn await_word(pipe: &mut impl Read, from: &str) -> Result<()> {
    let mut word = [0];
    pipe.read_exact(&mut word).with_context(|| format!("{from} ended before it was set up"))
}

/// Moves the calling process, which has no other thread, into all namespaces of a node; its next child is in its
/// process namespace too.
pub fn enter(first: Pid) -> Result<()> {
    let process = rustix::process::pidfd_open(first, PidfdFlags::empty()).context("open the node's first process")?;
    let all = ThreadNameSpaceType::MOUNT
        | ThreadNameSpaceType::NETWORK
        | ThreadNameSpaceType::HOST_NAME_AND_NIS_DOMAIN_NAME
        | ThreadNameSpaceType::INTER_PROCESS_COMMUNICATION
        | ThreadNameSpaceType::CONTROL_GROUP
        | ThreadNameSpaceType::PROCESS_ID;
    rustix::thread::move_into_thread_name_spaces(process.as_fd(), all).context("enter the node")?;
    std::env::set_current_dir(Path::new("/")).context("enter the node's root")
}
