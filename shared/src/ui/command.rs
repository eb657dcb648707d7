//! How a command of either plugin begins and ends.

use std::process::ExitCode;

use clap::Parser;

use super::terminal::Terminal;
use super::{help, hint};
use crate::error::{Error, Result};

/// Runs what the command line says, and ends with the code that it gives; an error has its own ([`crate::error::Error::exit_code`]).
pub fn run<C: Parser>(execute: impl FnOnce(C, Terminal) -> Result<u8>) -> ExitCode {
    let terminal = Terminal::detect();
    let parsed = help::shaped(C::command()).try_get_matches().and_then(|matches| C::from_arg_matches(&matches));
    let command = match parsed {
        Ok(command) => command,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    match execute(command, terminal) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            terminal.say(&hint::render(&error, terminal));
            ExitCode::from(error.exit_code())
        }
    }
}

/// Runs what waits for clusters to its end.
///
/// # Errors
/// The work's own, or where this machine gives no threads.
pub fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::failed("the asynchronous runtime does not start").because(error.to_string()))?
        .block_on(work)
}
