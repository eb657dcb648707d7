//! A program that ran.

use std::fmt;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// How a program ended and what it said.
#[derive(Clone)]
pub(crate) struct Ended {
    /// Its exit code, or 128 and the number of the signal that ended it.
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    words: String,
}

impl Ended {
    /// What a program did that was not run by this file's means.
    pub(crate) fn new(code: i32, stdout: String, words: &str) -> Self {
        Self { code, stdout, stderr: String::new(), words: words.to_owned() }
    }

    /// What it wrote to stdout, if it ended well.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert!(self.code == 0, "{self}");
        self.stdout
    }

    /// What it wrote to stdout, as JSON, if it ended well.
    #[track_caller]
    pub(crate) fn json(self) -> Value {
        let words = self.words.clone();
        let text = self.ok();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{words}: no JSON ({error}): {text}"))
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ended with {}\nstdout: {}\nstderr: {}", self.words, self.code, self.stdout, self.stderr)
    }
}

/// Nothing that a test runs takes longer; what hangs is ended.
const PATIENCE: Duration = Duration::from_secs(400);

/// Runs a program to its end with nothing on its stdin.
pub(crate) fn run(command: &mut Command) -> Ended {
    run_with_input(command, "")
}

/// Runs a program to its end with a text on its stdin.
pub(crate) fn run_with_input(command: &mut Command, input: &str) -> Ended {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    // What does not read its input to the end says so by its exit code.
    let _ = child.stdin.take().expect("stdin is piped").write_all(input.as_bytes());
    finish(command, child)
}

/// Runs programs at once, each to its end.
pub(crate) fn run_together(commands: &mut [Command]) -> Vec<Ended> {
    let start = |command: &mut Command| {
        let piped = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        piped.unwrap_or_else(|error| panic!("{command:?}: {error}"))
    };
    let running: Vec<Child> = commands.iter_mut().map(start).collect();
    commands.iter().zip(running).map(|(command, child)| finish(command, child)).collect()
}

/// Waits for a program that was started.
pub(crate) fn finish(command: &Command, child: Child) -> Ended {
    let pid = Pid::from_child(&child);
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || sender.send(child.wait_with_output()));
    let output = receiver.recv_timeout(PATIENCE).unwrap_or_else(|_| {
        // Nobody has waited for it yet, so that its number is still its own.
        let _ = kill_process(pid, Signal::KILL);
        panic!("{command:?} did not end within {PATIENCE:?}")
    });
    ended(command, &output.unwrap_or_else(|error| panic!("{command:?}: {error}")))
}

/// What became of a program.
fn ended(command: &Command, output: &std::process::Output) -> Ended {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    Ended {
        code: output.status.code().unwrap_or_else(|| 128 + output.status.signal().unwrap_or(0)),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        words: words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" "),
    }
}
