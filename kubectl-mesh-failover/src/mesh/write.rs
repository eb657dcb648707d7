//! How every verb writes: permissions, show, confirm, carry out.

use futures::future::try_join_all;
use mesh_shared::cluster::access_review::{Needed, must_be_allowed};
use mesh_shared::cluster::carry_out::carry_out as carry_out_one;
use mesh_shared::cluster::write::create_strict_dry_run;
use mesh_shared::engine::execute::{AfterFailure, Doing, Done, Outcome, execute};
use mesh_shared::engine::steps::{Writes, WritesAlone};
use mesh_shared::plugin::error::{Error, Kind, Result};
use mesh_shared::plugin::terminal::Terminal;
use mesh_shared::plugin::terminal::prompt;
use tokio::sync::mpsc;

use super::arguments::WriteArguments;
use super::observe::Member;
use super::proposal::Proposal;
use crate::mesh::permissions;
use crate::mesh::write_words;
use crate::plugin_identity::MANAGER;

/// Whether a verb may proceed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consent {
    /// Make the writes.
    Given,
    /// The plan was shown, or the manifests printed: nothing else is wanted.
    Shown,
}

/// Refuses what the user may not do; prints manifests or the plan if that is wanted; else shows the plan and asks,
/// once. A proposal without changes needs no question.
///
/// # Errors
/// A refusal if permissions are missing, if there is no terminal to ask on, and if the answer is no.
pub async fn consent(
    proposal: &Proposal,
    members: &[Member],
    arguments: &WriteArguments,
    terminal: Terminal,
) -> Result<Consent> {
    allowed(proposal, members).await.map_err(Error::before_any_write)?;
    ask(proposal, members, arguments, terminal)
}

/// As [`consent`], and before the question each API server strictly validates every object that will exist. Needs the
/// right to create such objects.
///
/// # Errors
/// A refusal as of [`consent`], and one with the API server's own words.
pub async fn consent_if_valid(
    proposal: &Proposal,
    members: &[Member],
    arguments: &WriteArguments,
    terminal: Terminal,
) -> Result<Consent> {
    allowed(proposal, members).await.map_err(Error::before_any_write)?;
    let checks = proposal.manifests.iter().filter_map(|(cluster, manifest)| {
        let member = members.iter().find(|member| member.seen.membership.name == *cluster)?;
        Some(create_strict_dry_run(&member.cluster, manifest, MANAGER))
    });
    try_join_all(checks).await.map_err(|error| proposal.granted_by.explain(error).before_any_write())?;
    ask(proposal, members, arguments, terminal)
}

fn ask(proposal: &Proposal, members: &[Member], arguments: &WriteArguments, terminal: Terminal) -> Result<Consent> {
    if let Some(format) = arguments.output {
        terminal.data(&write_words::manifests(proposal, members, format));
        return Ok(Consent::Shown);
    }
    if arguments.consent.only_shows() {
        let changes = write_words::table(&proposal.changes);
        terminal.data(&format!("{}\n{changes}\nNothing was written: --dry-run=client.\n", proposal.overview));
        return Ok(Consent::Shown);
    }
    if proposal.changes.is_empty() {
        return Ok(Consent::Given);
    }
    terminal.say(&proposal.overview);
    prompt::consent(terminal, arguments.consent.yes, &write_words::question(proposal.changes.len()), prompt::LOOK)?;
    Ok(Consent::Given)
}

/// Makes the writes: those of one cluster in their order up to the first that fails, those of several clusters at once.
///
/// # Errors
/// The first failure, with what was written in spite of it. [`Kind::Conflict`] if the only cause is that someone else
/// changed an object since it was read: then observe and plan again.
pub async fn carry_out(changes: &Writes, members: &[Member]) -> Result<()> {
    let perform = async |doing: Doing<'_, WritesAlone>| {
        let of_step = |member: &&Member| doing.step.cluster.as_ref() == Some(&member.seen.membership.name);
        let member = members.iter().find(of_step);
        let member = member.ok_or_else(|| Error::failed("a write is for no cluster of the mesh").report())?;
        carry_out_one(&member.cluster, doing.step.write(), MANAGER).await.map(|_| Done::wrote())
    };
    let outcome = execute(changes, perform, AfterFailure::GoOn, &|_| {}, &mut mpsc::unbounded_channel().1).await;
    failure(changes, outcome).map_or(Ok(()), Err)
}

fn failure(changes: &Writes, outcome: Outcome) -> Option<Error> {
    let mut failures = outcome.failures;
    // A retry may get past a conflict, but not past any other failure.
    let worst = failures.iter().position(|error| error.kind != Kind::Conflict).unwrap_or_default();
    if failures.is_empty() {
        return None;
    }
    let error = failures.swap_remove(worst);
    let error = if error.kind == Kind::Conflict { error } else { error.on_the_way() };
    let written = changes.iter().filter(|(id, _)| outcome.written.contains(id));
    let written: Vec<String> = written
        .filter_map(|(_, change)| Some(format!("{} in {}", change.write().object(), change.cluster.as_ref()?)))
        .collect();
    Some(if written.is_empty() { error } else { error.fix(format!("written so far: {}", written.join(", "))) })
}

async fn allowed(proposal: &Proposal, members: &[Member]) -> Result<()> {
    let needed = members.iter().map(|member| Needed {
        cluster: &member.cluster,
        accesses: permissions::needed(&proposal.changes, &member.seen.membership.name),
        file: proposal.granted_by,
    });
    must_be_allowed(&needed.collect::<Vec<_>>(), "this").await
}

#[cfg(test)]
mod tests {
    use mesh_shared::model::kube::object_key::ObjectKey;
    use mesh_shared::model::kube::write::Write;
    use mesh_shared::model::names::ClusterName;

    use super::*;

    fn conflict() -> Error {
        Error::of(Kind::Conflict, "changed meanwhile").fix("run the same command again")
    }

    /// A plan of two writes, and an outcome in which those of these indices were made.
    fn outcome(made: &[usize], failures: Vec<Error>) -> (Writes, Outcome) {
        let mut changes = Writes::default();
        for name in ["east", "west"] {
            let object = ObjectKey::new("Gateway", "istio-system", "a");
            let write = Write::Delete {
                api_version: "networking.istio.io/v1".into(),
                object,
                uid: "u".into(),
                resource_version: None,
            };
            changes.write(&ClusterName::new(name).unwrap(), write, "");
        }
        let ids: Vec<_> = changes.iter().map(|(id, _)| id).collect();
        let written = made.iter().map(|index| ids[*index]).collect();
        (changes, Outcome { written, failures, ..Outcome::default() })
    }

    #[test]
    fn a_conflict_is_told_only_where_nothing_else_failed() {
        let down = Error::refused("cannot reach west").fix("check it");
        let (changes, both) = outcome(&[], vec![conflict(), down]);
        let error = failure(&changes, both).unwrap();
        assert_eq!((error.kind, error.what.as_str()), (Kind::Failed, "cannot reach west"));
        let (changes, alone) = outcome(&[], vec![conflict()]);
        assert_eq!(failure(&changes, alone).unwrap(), conflict());
        let (changes, none) = outcome(&[0, 1], Vec::new());
        assert_eq!(failure(&changes, none), None);
    }

    #[test]
    fn what_was_written_in_spite_of_a_failure_is_told_in_the_order_of_the_plan() {
        let (changes, outcome) = outcome(&[1, 0], vec![conflict()]);
        let told = failure(&changes, outcome).unwrap().remedy;
        let line = "written so far: Gateway istio-system/a in east, Gateway istio-system/a in west";
        assert_eq!(told.last().map(String::as_str), Some(line));
    }
}
