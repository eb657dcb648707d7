//! Commands typed into a terminal by somebody who says yes.

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use crate::support::Kit;
use crate::support::shell::Ended;

/// Nothing that is typed is silent for longer.
const PATIENCE: Duration = Duration::from_mins(2);

impl Kit {
    /// Runs commands by bash in a terminal, stopping at the first that fails. Questions are answered with yes, and where a name is to
    /// be typed, with it.
    pub(crate) fn type_into_terminal(&self, commands: &str) -> Ended {
        let file = self.file("typed.sh", commands);
        let bash = format!("bash -euo pipefail {}", file.display());
        let mut command = self.command("script");
        command.args(["--quiet", "--return", "--flush", "--command", &bash, "/dev/null"]).env("TERM", "dumb");
        let (code, output) = answer_all(&mut command);
        Ended::new(code, output, commands)
    }
}

fn answer_all(command: &mut Command) -> (i32, String) {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap_or_else(|error| panic!("script: {error}"));
    let mut keyboard = child.stdin.take().expect("stdin is piped");
    let screen = read(&mut child);
    let (mut seen, mut answered) = (String::new(), 0);
    loop {
        match screen.recv_timeout(PATIENCE) {
            Ok(bytes) => seen += &String::from_utf8_lossy(&bytes),
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
            Err(mpsc::RecvTimeoutError::Timeout) => {
                let _ = child.kill();
                panic!("nothing for {PATIENCE:?} after: {seen}");
            }
        }
        if let Some(answer) = answer(&seen[answered..]) {
            answered = seen.len();
            let _ = keyboard.write_all(answer.as_bytes());
        }
    }
    let status = child.wait().expect("it is ours");
    (status.code().unwrap_or(-1), seen)
}

fn read(child: &mut Child) -> mpsc::Receiver<Vec<u8>> {
    let mut stdout = child.stdout.take().expect("stdout is piped");
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(size @ 1..) = stdout.read(&mut buffer) {
            if sender.send(buffer[..size].to_vec()).is_err() {
                break;
            }
        }
    });
    receiver
}

/// What somebody who agrees types at what stands on the screen.
fn answer(screen: &str) -> Option<String> {
    // What moves or hides the cursor says nothing.
    let screen: String =
        screen.split('\u{1b}').map(|part| part.trim_start_matches(['[', '?', '2', '5', 'l', 'h'])).collect();
    if screen.ends_with("[y/N] ") {
        return Some("y".to_owned());
    }
    let (_, question) = screen.rsplit_once("Type ")?;
    let (name, end) = question.split_once(" to go on")?;
    (end == ": ").then(|| format!("{name}\n"))
}

#[test]
fn questions_are_answered_with_yes_and_names_with_themselves() {
    assert_eq!(answer("plan\nMake these 2 changes? [y/N] \u{1b}[?25l").as_deref(), Some("y"));
    assert_eq!(answer("Type helloworld.sample to go on: ").as_deref(), Some("helloworld.sample\n"));
    assert_eq!(answer("Type helloworld.sample to go on: helloworld.sample\n"), None);
    assert_eq!(answer("baseline: 5 s"), None);
}
