//! The one question before anything is written.

use super::terminal::Terminal;
use crate::error::{Error, Kind, Result};

/// Asks, and returns whether the answer was yes. No is the default.
///
/// # Errors
/// A refusal that names `--yes` where there is no terminal to ask on; an interruption where Ctrl-C was pressed.
pub fn confirm(terminal: Terminal, question: &str) -> Result<bool> {
    if !terminal.asks {
        return Err(Error::refused("nobody can be asked, since this is no terminal")
            .because(format!("the question would be: {question}"))
            .fix("say yes beforehand: --yes"));
    }
    dialoguer::Confirm::new()
        .with_prompt(question)
        .default(false)
        .show_default(true)
        .interact_opt()
        .map(|answer| answer.unwrap_or(false))
        .map_err(|error| {
            // A terminal in raw mode turns Ctrl-C into this error instead of a signal.
            Error::new(Kind::Interrupted(2), "interrupted").because(error.to_string())
        })
}
