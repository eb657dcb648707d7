//! Where output goes: stdout for data, stderr for talk, and what kind of terminal each is.

pub mod command;
pub mod error_message;
pub mod help;
pub mod live_lines;
pub mod prompt;
pub mod table;
pub mod text_diff;
pub mod usage;
pub mod version;

use std::io::{self, IsTerminal, Write};

/// What is known about the two outputs and the input, asked once at the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terminal {
    /// stderr is a terminal: progress may be drawn over itself.
    pub live: bool,
    /// stdin and stderr are terminals: questions may be asked.
    pub asks: bool,
    /// Colours may be used on stderr.
    pub colour: bool,
}

impl Terminal {
    /// Looks at this process's own streams. Colours are off for `NO_COLOR` (no-color.org) and `TERM=dumb`.
    pub fn detect() -> Self {
        let live = io::stderr().is_terminal();
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        Self {
            live: live && std::env::var_os("TERM").is_none_or(|term| term != "dumb"),
            asks: live && io::stdin().is_terminal(),
            colour: live && !plain,
        }
    }

    /// The same for text that goes to stdout: no colours if that is a file or a pipe.
    #[must_use]
    pub fn on_stdout(self) -> Self {
        Self { colour: self.colour && io::stdout().is_terminal(), ..self }
    }

    /// Prints data to stdout. A reader that went away (`| head`) is no error.
    pub fn data(&self, text: &str) {
        let mut out = io::stdout().lock();
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }

    /// Prints a line of talk to stderr.
    pub fn say(&self, text: &str) {
        let mut err = io::stderr().lock();
        let _ = writeln!(err, "{text}");
    }

    /// The text in bold if colours are on; meaning never depends on it.
    pub fn strong(&self, text: &str) -> String {
        if self.colour { format!("\u{1b}[1m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    /// The text in red if colours are on.
    pub fn alarm(&self, text: &str) -> String {
        if self.colour { format!("\u{1b}[1;31m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}
