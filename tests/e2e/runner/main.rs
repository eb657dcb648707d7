//! The program `mesh-e2e`: runs a command on clusters that exist already, as `meshlab with` runs one on a lab.
//!
//! It looks at all of them before anything is written to any, refuses those that are not bare, and whatever becomes of
//! the command removes what tests make and proves that the clusters are as they were.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod kubeconfig;
mod standing;
#[path = "../support/mod.rs"]
mod support;

use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::os::unix::process::ExitStatusExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use clap::Parser;
use mesh_shared::plugin::error::{Error, Result};
use mesh_shared::plugin::terminal::{Terminal, error_message};
use rustix::process::{Pid, Signal, kill_process};
use support::Kit;
use support::ground::{FOLDER, Ground, NAMES};
use tokio::signal::unix::{SignalKind, signal};

/// Run a command on two or three clusters that are bare, and leave them bare.
#[derive(Debug, Parser)]
#[command(name = "mesh-e2e")]
struct Arguments {
    /// Contexts of $KUBECONFIG; tests call their clusters east, west and north.
    #[arg(long, env = "MESH_E2E_CONTEXTS", value_delimiter = ',', required = true)]
    contexts: Vec<String>,
    /// What to run.
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("{}", error_message::render(&error, Terminal::detect()));
            ExitCode::from(error.exit_code())
        }
    }
}

fn run(arguments: &Arguments) -> Result<u8> {
    let contexts = &arguments.contexts;
    if !(2..=NAMES.len()).contains(&contexts.len()) {
        return Err(Error::usage(format!("tests run on two clusters or three, and not on {}", contexts.len()))
            .fix("MESH_E2E_CONTEXTS=CONTEXT,CONTEXT make e2e"));
    }
    // Only its owner can read what is in it: credentials, and the keys of the mesh.
    let folder = tempfile::Builder::new().prefix("mesh-e2e-").tempdir().map_err(|error| {
        Error::failed("no folder for the tests")
            .because(error.to_string())
            .fix("make room where files for a while lie, or name another place: TMPDIR")
    })?;
    kubeconfig::write(&folder.path().join("kubeconfig"), contexts)?;
    let kit = Kit::on(Ground::in_folder(folder.path()));
    standing::must_be_bare(&kit, contexts)?;
    kit.bare();
    for (context, name) in contexts.iter().zip(NAMES) {
        eprintln!("{context} is bare and has the operator; to the tests it is {name}");
    }
    let ended = command(&arguments.command, folder.path());
    let left = catch_unwind(AssertUnwindSafe(|| kit.bare()));
    if left.is_err() {
        return Err(Error::failed("the clusters are not as they were before")
            .at(format!("context {}", contexts.join(", ")))
            .because("what the tests made could not be removed, or someone else changed something; see above")
            .fix("remove what is left: istios, istiocnis, then namespaces istio-system, istio-cni, sample, shop"));
    }
    eprintln!("{} are bare again", contexts.join(", "));
    ended.map_err(|error| {
        Error::failed(format!("{} was not run", arguments.command[0].display()))
            .because(error.to_string())
            .fix("name a program that is in your PATH")
    })
}

/// Runs the command to its end and returns its exit code as a shell has it. Signals are handed on to it: what it made
/// is removed after it.
fn command(words: &[OsString], folder: &std::path::Path) -> std::io::Result<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut hangup = signal(SignalKind::hangup())?;
        let mut child = tokio::process::Command::new(&words[0])
            .args(&words[1..])
            .env(FOLDER, folder)
            .env("KUBECONFIG", folder.join("kubeconfig"))
            .env_remove("MESHLAB_ID")
            .spawn()?;
        let pid = child.id().and_then(|pid| Pid::from_raw(pid.cast_signed()));
        let status = loop {
            let passed = tokio::select! {
                status = child.wait() => break status?,
                _ = interrupt.recv() => Signal::INT,
                _ = terminate.recv() => Signal::TERM,
                _ = hangup.recv() => Signal::HUP,
            };
            // A terminal has told the command itself.
            let is_told = passed == Signal::INT && std::io::stdin().is_terminal();
            if let Some(pid) = pid.filter(|_| !is_told) {
                let _ = kill_process(pid, passed);
            }
        };
        let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
        Ok(u8::try_from(code).unwrap_or(u8::MAX))
    })
}
