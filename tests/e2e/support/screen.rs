//! A program in a terminal: what is typed, and what is seen.

use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

/// A terminal with a program in it. Leaving it ends the program.
pub(crate) struct Screen {
    child: Child,
    keyboard: ChildStdin,
    pieces: Receiver<Vec<u8>>,
    seen: String,
}

impl Screen {
    /// Starts a shell's command line in a terminal of its own; `script` is the command to start it by, in its surroundings.
    pub(crate) fn start(script: &mut Command, line: &str) -> Self {
        script.args(["--quiet", "--return", "--flush", "--command", line, "/dev/null"]).env("TERM", "dumb");
        let mut child = script
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{script:?}: {error}"));
        let keyboard = child.stdin.take().expect("stdin is piped");
        let mut stdout = child.stdout.take().expect("stdout is piped");
        let (sender, pieces) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(size @ 1..) = stdout.read(&mut buffer) {
                if sender.send(buffer[..size].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self { child, keyboard, pieces, seen: String::new() }
    }

    /// Types keys.
    pub(crate) fn press(&mut self, keys: &str) {
        // A program that has ended reads no more; what it left on the screen says why.
        let _ = self.keyboard.write_all(keys.as_bytes());
    }

    /// Everything that stood on the screen until now.
    pub(crate) fn seen(&self) -> &str {
        &self.seen
    }

    /// Waits for more to appear. No more comes once the program has ended.
    #[track_caller]
    pub(crate) fn more(&mut self, patience: Duration) -> bool {
        match self.pieces.recv_timeout(patience) {
            Ok(bytes) => self.seen += &String::from_utf8_lossy(&bytes),
            Err(RecvTimeoutError::Disconnected) => return false,
            Err(RecvTimeoutError::Timeout) => panic!("nothing for {patience:?} after: {}", self.seen),
        }
        true
    }

    /// Waits until this stands on the screen behind everything that was waited for before. What stood before it.
    #[track_caller]
    pub(crate) fn await_text(&mut self, text: &str, patience: Duration) -> String {
        loop {
            if let Some(at) = self.seen.find(text) {
                return self.seen.drain(..at + text.len()).collect();
            }
            assert!(self.more(patience), "it ended without {text:?}: {}", self.seen);
        }
    }

    /// The exit code of a program that has ended.
    pub(crate) fn code(&mut self) -> i32 {
        self.child.wait().expect("it is ours").code().unwrap_or(-1)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
