//! `kubectl mesh-failover drill recover`: puts back what a drill left behind when its client died, from any machine.

use mesh_shared::plugin::arguments::ConsentArguments;
use mesh_shared::session::Session;
use std::time::Duration;

use clap::Args;
use futures::future::try_join_all;
use mesh_shared::cluster::access_review::{Needed, must_be_allowed};
use mesh_shared::cluster::connection_arguments::parse_duration;
use mesh_shared::cluster::context::{Cluster, Connection, connect, contexts};
use mesh_shared::cluster::lease::LeaseSeen;
use mesh_shared::cluster::{lease, write};
use mesh_shared::machine::{clock, lock_holder};
use mesh_shared::model::kube::kinds::Target;
use mesh_shared::model::names::service::ServiceName;
use mesh_shared::plugin::error::{Error, Result};
use mesh_shared::plugin::terminal::Terminal;
use mesh_shared::plugin::terminal::{help, prompt};
use tokio::time::Instant;

use crate::drill::fault_record::Record;
use crate::drill::fence::ChangeState;
use crate::drill::put_back::{abandoned, close, put_back};
use crate::drill::recording::{Left, PutBack};
use crate::drill::restore_outcome;
use crate::drill::words;
use crate::drill::{command_lines, lock, object_names, permissions};
use crate::mesh::arguments::MeshArguments;
use crate::mesh::arguments::ServiceArguments;
use crate::mesh::permissions::DRILL;

const EXAMPLES: &str = "\
# The drill failed east, and its client died
kubectl mesh-failover drill recover helloworld.sample --contexts east

# See what would be put back
kubectl mesh-failover drill recover helloworld.sample --contexts east \\
    --dry-run

# Someone scaled the workload in the meantime: keep that, and close the record
kubectl mesh-failover drill recover helloworld.sample --contexts east \\
    --keep-current";

const EXIT_CODES: &str = "\
0        put back, or nothing to put back
1        refused or failed
2        wrong command line
4        not everything was put back
128 + N  interrupted by signal N";

/// Put back what a drill left behind when its client died
///
/// Needs only the failed cluster: its context is given by --contexts, or is the current one. What others have changed
/// in the meantime is reported and left as it is.
#[derive(Debug, Args)]
#[command(after_long_help = help::ending(EXAMPLES, EXIT_CODES))]
pub struct RecoverArguments {
    #[command(flatten)]
    service: ServiceArguments,
    #[command(flatten)]
    consent: ConsentArguments,
    /// Take over from a client that still runs
    #[arg(long, help_heading = "Write")]
    force: bool,
    /// Keep others' changes and close the record
    ///
    /// What others have changed in the meantime stays as it is, and the drill's record is deleted.
    #[arg(long, help_heading = "Write")]
    keep_current: bool,
    /// How long to retry putting back
    ///
    /// If the cluster does not answer.
    #[arg(long, value_name = "DURATION", default_value = "2m", value_parser = parse_duration, help_heading = "Write")]
    restore_timeout: Duration,
}

/// Finds the record, shows what will be put back, asks, puts it back and closes the record. Returns the exit code.
///
/// # Errors
/// A refusal while the drill's client is running, or changes that could not be put back.
pub(super) async fn recover(arguments: &RecoverArguments, mesh: &MeshArguments, session: &Session) -> Result<u8> {
    let found = find_and_ask(arguments, mesh, session).await.map_err(Error::before_any_write)?;
    let Some(LeftOver { clusters, cluster, record, uid, states, alive }) = found else { return Ok(0) };
    if let Some(held) = alive {
        let target = lock::place(&record.service, &record.system_namespace)?;
        lease::take_over(&cluster, &target, &held, &lock_holder::name(&record.run)).await?;
    }
    let deadline = Instant::now() + arguments.restore_timeout;
    let all = put_back(&cluster, &record, &states, deadline, &|text| session.terminal.say(&text)).await;
    finish(arguments, &clusters, &cluster, (&record, &uid), &all, session.terminal).await
}

/// What a drill left behind, to be put back.
struct LeftOver {
    clusters: Vec<Cluster>,
    /// The one that was failed.
    cluster: Cluster,
    record: Record,
    /// The record's.
    uid: String,
    states: Vec<ChangeState>,
    /// The lease of a client that is still running.
    alive: Option<LeaseSeen>,
}

/// What to put back, with the user's consent; none if there is nothing, or it was only to be shown. Writes nothing.
async fn find_and_ask(
    arguments: &RecoverArguments,
    mesh: &MeshArguments,
    session: &Session,
) -> Result<Option<LeftOver>> {
    let service = arguments.service.name()?;
    let clusters = connect(&session.connection, &named(mesh, &session.connection)?).await?;
    let found = find(&clusters, &service).await.map_err(|error| DRILL.explain(error))?;
    let Some((cluster, record, uid)) = found else {
        nothing_elsewhere(&clusters, mesh, &service).await.map_err(|error| DRILL.explain(error))?;
        let all: Vec<&str> = clusters.iter().map(|cluster| cluster.context.as_str()).collect();
        session.terminal.say(&format!("No drill of {service} left anything behind in {}.", all.join(", ")));
        return Ok(None);
    };
    let accesses = permissions::recovering(&service, &record.system_namespace, &record.changed);
    let file = record.fault.kind().entry().permissions;
    must_be_allowed(&[Needed { cluster: &cluster, accesses, file }], "putting it back").await?;
    let target = lock::place(&service, &record.system_namespace)?;
    let held = lease::read(&cluster, &target).await?;
    let alive = held.as_ref().filter(|lease| lease.is_alive(clock::now()));
    if let Some(lease) = alive.filter(|_| !arguments.force) {
        return Err(words::lives(&service, &cluster.context, &lease.holder, lease.age(clock::now())));
    }
    let standing = standing(&cluster, &record).await?;
    session.terminal.say(&words::recovery(&record, &standing, &cluster.context));
    let states = abandoned(&record, cluster.request_timeout(), clock::now());
    let may_be_made = states.iter().any(|state| matches!(state, ChangeState::MayBeMade { .. }));
    if may_be_made && standing.iter().any(|one| one.restored) {
        session
            .terminal
            .say("A request of the drill may still be carried out: what is as before is watched for a minute or more.");
    }
    if arguments.consent.only_shows() {
        session.terminal.say("Nothing was changed: --dry-run=client.");
        return Ok(None);
    }
    let look = "see what would be put back: --dry-run";
    prompt::consent(session.terminal, arguments.consent.yes, "Put this back?", look)?;
    let alive = alive.cloned();
    Ok(Some(LeftOver { clusters, cluster, record, uid, states, alive }))
}

async fn finish(
    arguments: &RecoverArguments,
    clusters: &[Cluster],
    cluster: &Cluster,
    (record, uid): (&Record, &str),
    all: &[PutBack],
    terminal: Terminal,
) -> Result<u8> {
    terminal.data(&words::put_back(all));
    let whole = all.iter().all(|one| one.restored);
    // A change that is not settled is never dropped: only the record knows of it.
    let theirs = all.iter().all(|one| matches!(one.left, None | Some(Left::Theirs)));
    let may_close = whole || (theirs && arguments.keep_current);
    if !may_close {
        let line = command_lines::recover(&record.service, &cluster.context);
        let line = if theirs { format!("{line} --keep-current") } else { line };
        return Err(words::not_restored(all, &line));
    }
    close(cluster, record, uid).await?;
    for cluster in clusters {
        let target = lock::place(&record.service, &record.system_namespace)?;
        // A lease that cannot be deleted expires.
        if let Ok(Some(lease)) = lease::read(cluster, &target).await {
            let _ = write::delete(cluster, &target, Some(&lease.uid)).await;
        }
    }
    terminal.say(if whole {
        "Everything is as it was before the drill."
    } else {
        "The record is closed; others' changes are kept."
    });
    Ok(0)
}

fn named(mesh: &MeshArguments, connection: &Connection) -> Result<Vec<String>> {
    if !mesh.contexts.is_empty() {
        return Ok(mesh.contexts.clone());
    }
    let current = || contexts(connection).map(|(_, current)| current);
    let context = mesh.context.clone().map_or_else(current, |context| Ok(Some(context)))?;
    let context = context.ok_or_else(|| {
        Error::usage("no context is named, and the kubeconfig has no current one")
            .fix("name the failed cluster's: --contexts CONTEXT")
    })?;
    Ok(vec![context])
}

/// The record, in the cluster that has it.
async fn find(clusters: &[Cluster], service: &ServiceName) -> Result<Option<(Cluster, Record, String)>> {
    let key = object_names::record(service);
    let target = Target::new(&key.kind, &key.namespace, &key.name)?;
    let found = try_join_all(clusters.iter().map(|cluster| write::get(cluster, &target))).await?;
    for (cluster, object) in clusters.iter().zip(found) {
        if let Some(object) = object {
            let (record, uid) = Record::read(&object, &cluster.context)?;
            return Ok(Some((cluster.clone(), record, uid)));
        }
    }
    Ok(None)
}

/// Fails if there is a lease without a record: the record is in another cluster, so "nothing was left" would be wrong.
async fn nothing_elsewhere(clusters: &[Cluster], mesh: &MeshArguments, service: &ServiceName) -> Result<()> {
    let target = lock::place(service, &mesh.istio_namespace)?;
    for cluster in clusters {
        if lease::read(cluster, &target).await?.is_some() {
            return Err(Error::refused(format!(
                "a drill of {service} has a lock in {}, but failed another cluster",
                cluster.context
            ))
            .at(format!("context {}, {}", cluster.context, target.key))
            .fix("name the context of the cluster that it failed: --contexts CONTEXT"));
        }
    }
    Ok(())
}

/// The current state of what the drill changed.
async fn standing(cluster: &Cluster, record: &Record) -> Result<Vec<PutBack>> {
    let mut all = Vec::new();
    for changed in &record.changed {
        let live = write::get(cluster, &changed.target()?).await?;
        all.push(restore_outcome::told(record, changed, live.as_ref()));
    }
    Ok(all)
}
