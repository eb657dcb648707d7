//! `kubectl mesh-mc completion`, and the answers to kubectl's helper.

use clap::Command;
use mesh_shared::cluster::context::Connection;
use mesh_shared::completion::line::{Line, Wanted};
use mesh_shared::completion::subject::{Names, Subject};
use mesh_shared::error::Result;
use mesh_shared::machine::completion_helper::install;
use mesh_shared::run::complete::{Completed, answer};
use mesh_shared::ui::completion::{CompleteArguments, CompletionArguments, Task, installed};
use mesh_shared::ui::terminal::Terminal;

/// Puts the helper into place, or prints what a shell is to source. The exit code.
///
/// # Errors
/// Where the helper cannot be put into place, or the arguments do not fit together.
pub fn completion(arguments: &CompletionArguments, terminal: Terminal) -> Result<u8> {
    match arguments.task()? {
        Task::Install(folder) => terminal.say(&installed(&install("mesh_mc", folder)?)),
        Task::Print(line) => terminal.data(&format!("{line}\n")),
    }
    Ok(0)
}

/// Prints what may stand at the end of the words. The exit code.
///
/// # Errors
/// None: what cannot be found out is not offered.
pub async fn complete(
    arguments: &CompleteArguments,
    command: Command,
    connection: Connection,
    terminal: Terminal,
) -> Result<u8> {
    let completed = Completed { command, subject, records: None };
    terminal.data(&answer(&arguments.words, completed, connection).await);
    Ok(0)
}

/// What the value of an argument is, by its id.
fn subject(line: &Line) -> Option<Subject> {
    let Wanted::Value(argument) = &line.wanted else { return None };
    Some(match argument.as_str() {
        "contexts" => Subject::List(Names::Contexts),
        "user" => Subject::One(Names::Users),
        "mesh_id" => Subject::One(Names::Meshes),
        "cluster_names" => Subject::Key(Names::Contexts),
        "networks" | "api_servers" => Subject::Key(Names::Joining),
        _ => return None,
    })
}
