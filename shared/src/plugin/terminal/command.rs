//! How a command of either plugin begins and ends.

use std::process::ExitCode;

use clap::Parser;

use super::Terminal;
use super::{error_message, help, usage};
use crate::plugin::error::{Error, Result};

/// Runs what the command line says, and ends with the code that it gives; an error has its own ([`crate::plugin::error::Error::exit_code`]).
pub fn run<C: Parser>(execute: impl FnOnce(C, Terminal) -> Result<u8>) -> ExitCode {
    let terminal = Terminal::detect();
    let line = help::shaped(C::command());
    let verb = usage::asked_for(&line, std::env::args_os().skip(1).filter_map(|word| word.into_string().ok()));
    let parsed = line.try_get_matches().and_then(|matches| C::from_arg_matches(&matches));
    let command = match parsed {
        Ok(command) => command,
        Err(answer) => {
            if let Some(error) = usage::explain(&answer, &verb) {
                return fail(&error, terminal);
            }
            let _ = answer.print();
            return ExitCode::from(u8::try_from(answer.exit_code()).unwrap_or(2));
        }
    };
    match execute(command, terminal) {
        Ok(code) => ExitCode::from(code),
        Err(error) => fail(&error, terminal),
    }
}

fn fail(error: &Error, terminal: Terminal) -> ExitCode {
    terminal.say(&error_message::render(error, terminal));
    ExitCode::from(error.exit_code())
}

/// Runs asynchronous work to its end.
///
/// # Errors
/// The work's own, or if no thread can be started.
pub fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| {
        Error::failed("the asynchronous runtime does not start")
            .because(error.to_string())
            .fix("end other programs, or allow more threads: ulimit -u")
    })?;
    let result = runtime.block_on(work);
    // A credential plugin that never ends holds a thread.
    runtime.shutdown_background();
    result
}
