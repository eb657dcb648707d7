//! Answers kubectl's completion helper while a line is typed.

pub mod names;

use std::path::PathBuf;

use clap::Command;
use futures::future::join;

use crate::cluster::completion::names::{Place, names};
use crate::cluster::context::{Connection, contexts, users};
use crate::machine::shell::shell;
use crate::model::names::ClusterName;
use crate::plugin::completion::answer::{Directive, render};
use crate::plugin::completion::line::{Candidate, Line, Wanted, read};
use crate::plugin::completion::shell::Shell;
use crate::plugin::completion::subject::{Live, Names, Subject, Tail};

/// The answer for the last of these words. It leaves out clusters that do not answer: a line that is being typed is no
/// place for errors.
///
/// `subject` says what the value of an argument is, `own` gives the plugin's own names ([`Names::Own`]).
pub async fn answer(
    words: &[String],
    command: Command,
    subject: fn(&Line) -> Option<Subject>,
    own: fn() -> Vec<String>,
    connection: Connection,
) -> String {
    let line = read(command, words);
    let shell = shell();
    let (mut candidates, directive) = match &line.wanted {
        Wanted::OneOf(candidates) => (candidates.clone(), Directive::Candidates),
        Wanted::File => (Vec::new(), Directive::Files),
        Wanted::Folder => (Vec::new(), Directive::Folders),
        Wanted::Value(_) => match subject(&line) {
            None => (Vec::new(), Directive::Candidates),
            Some(Subject::Words(words)) => {
                let all = words.iter().map(|word| Candidate { text: (*word).into(), about: String::new() });
                (all.collect(), Directive::Candidates)
            }
            Some(subject) => {
                let part = subject.part(&line.word, shell.is_none_or(Shell::completes_halves));
                // Both halves may need the same names, which are asked for once.
                let second = match part.tail {
                    Tail::Another(names) if part.names != Some(names) => Some(names),
                    _ => None,
                };
                let (names, others) =
                    join(found(part.names, &line, own, &connection), found(second, &line, own, &connection)).await;
                let directive = if part.goes_on(&names) { Directive::NoSpace } else { Directive::Candidates };
                let others = if second.is_some() { &others } else { &names };
                (part.candidates(&names, others), directive)
            }
        },
    };
    candidates.extend(line.or_verbs.iter().cloned());
    render(&candidates, &line, directive, shell)
}

async fn found(wanted: Option<Names>, line: &Line, own: fn() -> Vec<String>, connection: &Connection) -> Vec<String> {
    let Some(wanted) = wanted else { return Vec::new() };
    let connection = given(line, connection.clone());
    match wanted {
        Names::Contexts => contexts(&connection).map(|(all, _)| all).unwrap_or_default(),
        Names::Users => users(&connection).unwrap_or_default(),
        Names::Own => own(),
        Names::Joining => {
            let names = line.all("contexts").iter().filter_map(|context| ClusterName::from_context(context).ok());
            names.map(|name| name.to_string()).collect()
        }
        Names::Live(wanted) => names(&place(wanted, line, connection), wanted).await,
    }
}

fn place(wanted: Live, line: &Line, connection: Connection) -> Place {
    let own = |id: &str| line.last(id).map(ToOwned::to_owned);
    // The client of a drill is in the service's namespace unless the line says otherwise.
    let of_service = || line.last("service").and_then(|service| service.split('.').nth(1)).map(ToOwned::to_owned);
    let namespace = match wanted {
        Live::Workloads => own("from_namespace").or_else(|| own("namespace")).or_else(of_service),
        _ => own("namespace"),
    };
    Place {
        connection,
        contexts: line.all("contexts").to_vec(),
        context: own("context"),
        namespace,
        system_namespace: own("istio_namespace").unwrap_or("istio-system".into()),
    }
}

/// The connection that the flags before the cursor describe.
fn given(line: &Line, connection: Connection) -> Connection {
    let own = |id: &str| line.last(id).map(ToOwned::to_owned);
    Connection {
        kubeconfig: own("kubeconfig").map(PathBuf::from),
        user: own("user"),
        as_user: own("as_user"),
        as_groups: line.all("as_groups").to_vec(),
        as_uid: own("as_uid"),
        insecure_skip_tls_verify: line.given.contains_key("insecure_skip_tls_verify"),
        ..connection
    }
}
