//! `kubectl mesh-failover completion`, and the answers to kubectl's helper.

use clap::Command;
use mesh_shared::cluster::context::Connection;
use mesh_shared::completion::line::{Line, Wanted};
use mesh_shared::completion::subject::{Names, Subject};
use mesh_shared::error::Result;
use mesh_shared::machine::completion_helper::install;
use mesh_shared::run::complete::{Completed, answer};
use mesh_shared::ui::completion::{CompleteArguments, CompletionArguments, Task, installed};
use mesh_shared::ui::terminal::Terminal;

use crate::drill::record;

/// Puts the helper into place, or prints what a shell is to source. The exit code.
///
/// # Errors
/// Where the helper cannot be put into place, or the arguments do not fit together.
pub fn completion(arguments: &CompletionArguments, terminal: Terminal) -> Result<u8> {
    match arguments.task()? {
        Task::Install(folder) => terminal.say(&installed(&install("mesh_failover", folder)?)),
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
    let completed = Completed { command, subject, records: Some((record::LABEL, record::NAME_PREFIX)) };
    terminal.data(&answer(&arguments.words, completed, connection).await);
    Ok(0)
}

/// What the value of an argument is, by its id.
fn subject(line: &Line) -> Option<Subject> {
    let Wanted::Value(argument) = &line.wanted else { return None };
    Some(match argument.as_str() {
        "contexts" => Subject::List(Names::Contexts),
        "context" => Subject::One(Names::Contexts),
        "user" => Subject::One(Names::Users),
        "service" if line.verbs == ["drill", "recover"] => Subject::One(Names::Drilled),
        "service" | "confirm" => Subject::One(Names::Services),
        "namespace" | "from_namespace" | "istio_namespace" => Subject::One(Names::Namespaces),
        "from" => Subject::One(Names::Workloads),
        "cluster" | "from_cluster" => Subject::One(Names::Clusters),
        "clusters" => Subject::List(Names::Clusters),
        "failover" => Subject::Pairs(Names::Regions),
        "assignments" => Subject::Pair(Names::Clusters, Names::Regions),
        "fault" => Subject::Words(&["scale-to-zero", "upstream-errors"]),
        _ => return None,
    })
}
