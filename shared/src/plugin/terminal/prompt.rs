//! The one question before anything is written.

use super::Terminal;
use crate::plugin::error::{Error, Kind, Result};

/// What to do after leaving the question unanswered.
const AGAIN: &str = "nothing was changed; run the same command again when you have decided";

/// How to see all that a verb would write.
pub const LOOK: &str = "look at all of it first: --dry-run=client, or -o yaml";

/// Asks, and returns whether the answer was yes. No is the default.
///
/// # Errors
/// A refusal that names `--yes` if there is no terminal to ask on; an interruption if Ctrl-C was pressed.
fn confirm(terminal: Terminal, question: &str) -> Result<bool> {
    if !terminal.asks {
        return Err(Error::refused("cannot ask for confirmation: not a terminal")
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
            Error::of(Kind::Interrupted(2), "interrupted").because(error.to_string()).fix(AGAIN)
        })
}

/// Asks, unless the answer was given beforehand (`--yes`). `look` is how to see all of it first.
///
/// # Errors
/// As [`confirm`], and a refusal if the answer is no.
pub fn consent(terminal: Terminal, yes: bool, question: &str, look: &str) -> Result<()> {
    if yes || confirm(terminal, question)? { Ok(()) } else { Err(Error::refused("you said no").fix(look)) }
}

/// Asks for a name to be typed, where a yes is not enough, and returns whether it was.
///
/// # Errors
/// A refusal that names the flag if there is no terminal to ask on; an interruption if Ctrl-C was pressed.
pub fn confirm_by_name(terminal: Terminal, name: &str, flag: &str) -> Result<bool> {
    let question = format!("Type {name} to go on");
    if !terminal.asks {
        return Err(Error::refused("cannot ask for confirmation: not a terminal")
            .because(format!("the question would be: {question}"))
            .fix(format!("answer it beforehand: {flag}={name}")));
    }
    let typed: String = dialoguer::Input::new()
        .with_prompt(question)
        .allow_empty(true)
        .interact_text()
        .map_err(|error| Error::of(Kind::Interrupted(2), "interrupted").because(error.to_string()).fix(AGAIN))?;
    Ok(typed.trim() == name)
}
