//! Answers what kubectl's helper asks while a line is typed.

use std::path::PathBuf;

use clap::Command;

use crate::cluster::context::{Connection, contexts, users};
use crate::cluster::names::{Kind, Place, names};
use crate::completion::answer::{Directive, render};
use crate::completion::line::{Candidate, Line, Wanted, read};
use crate::completion::subject::{Names, Subject};
use crate::machine::ca_folder;
use crate::mesh::name::ClusterName;

/// What a plugin knows of its own command line.
pub struct Completed {
    /// Its command line.
    pub command: Command,
    /// What the value of an argument is, by verbs and the argument's id.
    pub subject: fn(&Line) -> Option<Subject>,
    /// Label and beginning of the names of the ConfigMaps that are drills' records.
    pub records: Option<(&'static str, &'static str)>,
}

/// The answer for the last of these words. Where clusters do not answer it is shorter: a line that is being typed is no place for
/// errors.
pub async fn answer(words: &[String], completed: Completed, connection: Connection) -> String {
    let line = read(completed.command, words);
    match &line.wanted {
        Wanted::OneOf(candidates) => render(candidates, &line.word, Directive::Candidates),
        Wanted::File => render(&[], "", Directive::Files),
        Wanted::Folder => render(&[], "", Directive::Folders),
        Wanted::Value(_) => match (completed.subject)(&line) {
            None => render(&[], "", Directive::Candidates),
            Some(Subject::Words(words)) => {
                let all: Vec<Candidate> =
                    words.iter().map(|word| Candidate { text: (*word).into(), about: String::new() }).collect();
                render(&all, &line.word, Directive::Candidates)
            }
            Some(subject) => {
                let part = subject.part(&line.word);
                let found = match part.names {
                    Some(names) => found(names, &line, connection, completed.records).await,
                    None => Vec::new(),
                };
                let directive = if subject.goes_on(&part) { Directive::NoSpace } else { Directive::Candidates };
                render(&part.candidates(&found), &line.word, directive)
            }
        },
    }
}

async fn found(
    wanted: Names,
    line: &Line,
    connection: Connection,
    records: Option<(&'static str, &'static str)>,
) -> Vec<String> {
    let connection = given(line, connection);
    let kind = match wanted {
        Names::Contexts => return contexts(&connection).map(|(all, _)| all).unwrap_or_default(),
        Names::Users => return users(&connection).unwrap_or_default(),
        Names::Meshes => return ca_folder::meshes().unwrap_or_default(),
        Names::Joining => {
            let names = line.all("contexts").iter().filter_map(|context| ClusterName::from_context(context).ok());
            return names.map(|name| name.to_string()).collect();
        }
        Names::Services => Kind::Services,
        Names::Workloads => Kind::Workloads,
        Names::Namespaces => Kind::Namespaces,
        Names::Clusters => Kind::Clusters,
        Names::Regions => Kind::Regions,
        Names::Drilled => match records {
            Some((label, prefix)) => Kind::ConfigMaps { label, prefix },
            None => return Vec::new(),
        },
    };
    names(&place(wanted, line, connection), kind).await
}

fn place(wanted: Names, line: &Line, connection: Connection) -> Place {
    let own = |id: &str| line.last(id).map(ToOwned::to_owned);
    let contexts = match line.all("contexts") {
        [] => own("context").into_iter().collect(),
        several => several.to_vec(),
    };
    // The client of a drill is in the service's namespace unless the line says otherwise.
    let of_service = || line.last("service").and_then(|service| service.split('.').nth(1)).map(ToOwned::to_owned);
    let namespace = match wanted {
        Names::Workloads => own("from_namespace").or_else(|| own("namespace")).or_else(of_service),
        _ => own("namespace"),
    };
    Place { connection, contexts, namespace, system_namespace: own("istio_namespace").unwrap_or("istio-system".into()) }
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
