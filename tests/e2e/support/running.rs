//! A program that is watched while it runs.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStderr, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::shell::{Ended, finish};

/// A program that runs, and what it says.
pub(crate) struct Running {
    command: Command,
    child: Child,
    lines: std::io::Lines<BufReader<ChildStderr>>,
    said: String,
}

impl Running {
    /// Starts it, with nothing on its stdin.
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        let lines = BufReader::new(child.stderr.take().expect("stderr is piped")).lines();
        Self { command, child, lines, said: String::new() }
    }

    /// Reads on until a line has this in it.
    #[track_caller]
    pub(crate) fn until_it_says(&mut self, words: &str) {
        for line in self.lines.by_ref() {
            let line = line.expect("stderr is text");
            self.said.push_str(&line);
            self.said.push('\n');
            if line.contains(words) {
                return;
            }
        }
        panic!("it never said {words:?}: {}", self.said);
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it runs");
    }

    /// Waits for its end.
    pub(crate) fn end(self) -> Ended {
        let Self { command, mut child, mut lines, said } = self;
        let reading = std::thread::spawn(move || {
            let mut said = said;
            for line in lines.by_ref().map_while(Result::ok) {
                said.push_str(&line);
                said.push('\n');
            }
            said
        });
        let mut stdout = String::new();
        child.stdout.take().expect("stdout is piped").read_to_string(&mut stdout).expect("text");
        let mut ended = finish(&command, child);
        ended.stdout = stdout;
        ended.stderr = reading.join().expect("stderr was read");
        ended
    }
}
