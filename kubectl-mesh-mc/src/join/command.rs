//! `kubectl mesh-mc join`.

use std::collections::BTreeMap;
use std::time::Instant;

use futures::future::try_join_all;
use mesh_shared::cluster::context::{Cluster, connect};
use mesh_shared::cluster::observe::{Scope, observe};
use mesh_shared::cluster::probe;
use mesh_shared::cluster::probe::ProbeImage;
use mesh_shared::engine::execute::{Outcome, execute};
use mesh_shared::engine::progress;
use mesh_shared::engine::world::{Board, Handle, World};
use mesh_shared::machine::run_lock::{Run, has_ended};
use mesh_shared::machine::{ca_folder, clock, signal_listener};
use mesh_shared::model::istio::gateway;
use mesh_shared::model::kube::object::ObjectKey;
use mesh_shared::model::seen::cluster::ObservedCluster;
use mesh_shared::plugin::error::{Error, Kind, Result};
use mesh_shared::plugin::finding::Verb;
use mesh_shared::plugin::terminal::Terminal;
use mesh_shared::plugin::terminal::prompt;
use mesh_shared::session::Session;

use super::arguments::add_given_address;
use crate::join::arguments::JoinArguments;
use crate::join::members::mesh_id;
use crate::join::permissions;
use crate::join::plan::{JoinPlan, plan};
use crate::join::request::JoinRequest;
use crate::join::{manifests, permission_check, words};

/// Brings the contexts into one mesh: observe, plan, show, confirm, execute, tell.
///
/// # Errors
/// A refusal before anything was written, or a failure with what was written and how to go on.
pub async fn join(arguments: JoinArguments, session: &Session) -> Result<()> {
    let terminal = session.terminal;
    let request = arguments.request(session.manager)?;
    let clusters = connect(&session.connection, &arguments.contexts).await?;
    let begun = Instant::now();
    let observed = observe_all(&clusters, &request).await?;
    let folder = ca_folder(&arguments, &request, &observed)?;
    let folder_seen = folder.as_deref().map(|folder| ca_folder::observe(folder, clock::now()));
    let plan = plan(&request, &observed, folder_seen.as_ref())?;
    let folder = folder.unwrap_or_default();
    let pull_secret = arguments.image_pull_secret.as_ref();
    permission_check::findings(&plan, &clusters, &observed, &request, pull_secret).await?.refuse(Verb::Join)?;
    let overview = words::overview(&plan, &observed);
    if arguments.output.is_some() {
        let manifests = manifests::render(&plan, &request, &folder, &arguments)?;
        terminal.data(&manifests);
        return Ok(());
    }
    if arguments.consent.only_shows() {
        terminal.data(&format!("{overview}\n{}\nNothing was written: --dry-run=client.\n", words::steps(&plan)));
        return Ok(());
    }
    let changes = plan.steps.changes();
    if changes > 0 {
        terminal.say(&overview);
        prompt::consent(terminal, arguments.consent.yes, &words::question(changes), prompt::LOOK)?;
    }
    let begun = if changes > 0 { Instant::now() } else { begun };
    let world = world(&plan, &clusters, &request, &arguments, folder)?;
    let outcome = run(&plan, &world, terminal).await;
    finish(&plan, outcome, &observed, begun, terminal)
}

/// The CA folder: the one that is named, else that of the mesh; none where it is not known which mesh that is.
fn ca_folder(
    arguments: &JoinArguments,
    request: &JoinRequest,
    observed: &[ObservedCluster],
) -> Result<Option<std::path::PathBuf>> {
    match &arguments.ca_dir {
        Some(folder) => Ok(Some(folder.clone())),
        None => mesh_id(request, observed).ok().map(|mesh| ca_folder::default_path(&mesh)).transpose(),
    }
}

async fn observe_all(clusters: &[Cluster], request: &JoinRequest) -> Result<Vec<ObservedCluster>> {
    let system = request.system_namespace.as_str();
    let scope = Scope {
        system_namespace: system.to_owned(),
        cni_namespace: request.cni_namespace.clone(),
        gateway_name: gateway::NAME.to_owned(),
        wanted: vec![
            ObjectKey::new("Namespace", "", system),
            ObjectKey::new("Namespace", "", &request.cni_namespace),
            ObjectKey::new("ServiceAccount", system, gateway::NAME),
            ObjectKey::new("Service", system, gateway::NAME),
            ObjectKey::new("Deployment", system, gateway::NAME),
        ],
    };
    let asked = try_join_all(clusters.iter().map(|cluster| observe(cluster, &scope))).await;
    let mut observed = asked.map_err(|error| permissions::JOIN.explain(error))?;
    for (cluster, seen) in clusters.iter().zip(&mut observed) {
        add_given_address(request, cluster, seen);
        seen.note_ended_runs(|namespace| probe::run_id(namespace).is_some_and(has_ended));
    }
    Ok(observed)
}

fn world(
    plan: &JoinPlan,
    clusters: &[Cluster],
    request: &JoinRequest,
    arguments: &JoinArguments,
    ca_folder: std::path::PathBuf,
) -> Result<World> {
    let members: BTreeMap<_, _> = plan
        .members
        .iter()
        .zip(clusters)
        .map(|(member, cluster)| {
            let sail_api = plan.control_planes.get(&member.name).map(|plane| plane.api.clone()).unwrap_or_default();
            (member.name.clone(), Handle { cluster: cluster.clone(), network: member.network.clone(), sail_api })
        })
        .collect();
    Ok(World {
        members,
        mesh: plan.mesh.clone(),
        ca_folder,
        system_namespace: request.system_namespace.clone(),
        manager: request.managed_by.to_owned(),
        probe_image: ProbeImage {
            image: arguments.probe_image.clone(),
            pull_secret: arguments.image_pull_secret.clone(),
        },
        run: Run::begin()?,
        deadline: tokio::time::Instant::now() + arguments.timeout,
        board: Board::default(),
    })
}

async fn run(plan: &JoinPlan, world: &World, terminal: Terminal) -> Outcome {
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
    let quiet = plan.steps.changes() == 0;
    let work = async {
        let outcome = execute(&plan.steps, world, &sender, signal_listener::first()).await;
        drop(sender);
        outcome
    };
    if quiet {
        // Nothing is changed, so that there is nothing to follow; the events are dropped unread.
        let mut receiver = receiver;
        let (outcome, ()) = tokio::join!(work, async move { while receiver.recv().await.is_some() {} });
        return outcome;
    }
    let (outcome, ()) = tokio::join!(work, progress::show(terminal, &plan.steps, receiver));
    outcome
}

fn finish(
    plan: &JoinPlan,
    outcome: Outcome,
    observed: &[ObservedCluster],
    begun: Instant,
    terminal: Terminal,
) -> Result<()> {
    match outcome.result {
        Ok(()) => {
            terminal.say(&words::end(plan, observed, begun.elapsed()));
            Ok(())
        }
        Err(error) => {
            let error =
                if matches!(error.kind, Kind::Interrupted(_)) { error } else { Error { kind: Kind::Failed, ..error } };
            Err(words::with_what_was_written(error, &outcome.written))
        }
    }
}
