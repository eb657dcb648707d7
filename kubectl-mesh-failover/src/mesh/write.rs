//! How every verb writes: permissions, show, confirm, carry out.

use futures::future::{join_all, try_join_all};
use mesh_shared::cluster::access_review::{Needed, must_be_allowed};
use mesh_shared::cluster::apply::create_strict_dry_run;
use mesh_shared::cluster::carry_out::carry_out as carry_out_one;
use mesh_shared::model::kube::write::Change;
use mesh_shared::plugin::error::{Error, Kind, Result};
use mesh_shared::plugin::terminal::Terminal;
use mesh_shared::plugin::terminal::prompt;

use super::arguments::WriteArguments;
use super::observe::Member;
use super::proposal::Proposal;
use crate::identity::MANAGER;
use crate::mesh::permissions;
use crate::mesh::write_words;

/// Whether a verb may go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consent {
    /// The writes are to be made.
    Given,
    /// The plan was shown, or the manifests printed: that was all.
    Shown,
}

/// Refuses what the user may not do; prints manifests or the plan where that is wanted; else shows the plan and asks, once.
/// A proposal without changes needs no question.
///
/// # Errors
/// A refusal where permissions are missing, where nobody can be asked, and where the answer is no.
pub async fn consent(
    proposal: &Proposal,
    members: &[Member],
    arguments: &WriteArguments,
    terminal: Terminal,
) -> Result<Consent> {
    allowed(proposal, members).await?;
    ask(proposal, members, arguments, terminal)
}

/// As [`consent`], and before the question every object that will stand is looked at by its API server, strictly. Needs the right
/// to create such objects.
///
/// # Errors
/// A refusal as of [`consent`], and one with the API server's own words.
pub async fn consent_if_valid(
    proposal: &Proposal,
    members: &[Member],
    arguments: &WriteArguments,
    terminal: Terminal,
) -> Result<Consent> {
    allowed(proposal, members).await?;
    let checks = proposal.manifests.iter().filter_map(|(cluster, manifest)| {
        let member = members.iter().find(|member| member.seen.name == *cluster)?;
        Some(create_strict_dry_run(&member.cluster, manifest, MANAGER))
    });
    try_join_all(checks).await.map_err(|error| proposal.granted_by.explain(error))?;
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

/// Makes the writes.
///
/// # Errors
/// The first failure, with what was written in spite of it. [`Kind::Conflict`] where somebody else changed an object since it
/// was read: observe and plan again.
pub async fn carry_out(changes: &[Change], members: &[Member]) -> Result<()> {
    let runs = members.iter().map(|member| in_one_cluster(changes, member));
    let (mut written, mut failure) = (Vec::new(), None::<Error>);
    for (done, result) in join_all(runs).await {
        written.extend(done);
        match (&failure, result) {
            (None, Err(error)) => failure = Some(error),
            // A conflict may pass when it is tried again; what else there is may not.
            (Some(first), Err(error)) if first.kind == Kind::Conflict => failure = Some(error),
            _ => {}
        }
    }
    let Some(error) = failure else { return Ok(()) };
    let kind = if error.kind == Kind::Conflict { Kind::Conflict } else { Kind::Failed };
    let error = Error { kind, ..error };
    Err(if written.is_empty() { error } else { error.fix(format!("written so far: {}", written.join(", "))) })
}

async fn in_one_cluster(changes: &[Change], member: &Member) -> (Vec<String>, Result<()>) {
    let mut done = Vec::new();
    for change in changes.iter().filter(|change| change.cluster == member.seen.name) {
        match carry_out_one(&member.cluster, &change.write, MANAGER).await {
            Ok(_) => done.push(format!("{} in {}", change.write.object(), change.cluster)),
            Err(error) => return (done, Err(error)),
        }
    }
    (done, Ok(()))
}

async fn allowed(proposal: &Proposal, members: &[Member]) -> Result<()> {
    let needed = members.iter().map(|member| Needed {
        cluster: &member.cluster,
        accesses: permissions::needed(&proposal.changes, &member.seen.name),
        file: proposal.granted_by,
    });
    must_be_allowed(&needed.collect::<Vec<_>>(), "this").await
}
