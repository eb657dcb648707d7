//! How a command of either plugin begins and ends.

use std::process::ExitCode;

use clap::Parser;

use super::hint;
use super::terminal::Terminal;
use crate::error::Result;

/// Runs what the command line says. Exit codes: 0 done, 1 refused or failed, 2 command line, 128 + signal interrupted.
pub fn run<C: Parser>(execute: impl FnOnce(C, Terminal) -> Result<()>) -> ExitCode {
    let terminal = Terminal::detect();
    let command = match C::try_parse() {
        Ok(command) => command,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    match execute(command, terminal) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            terminal.say(&hint::render(&error, terminal));
            ExitCode::from(error.exit_code())
        }
    }
}
