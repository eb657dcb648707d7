//! `kubectl mesh-mc join`.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures::future::join_all;
use mesh_shared::cluster::context::{Cluster, all_of, connect};
use mesh_shared::cluster::observe::{RemoteTokens, Scope, observe};
use mesh_shared::cluster::probe;
use mesh_shared::cluster::probe::ProbeImage;
use mesh_shared::cluster::token_check::check;
use mesh_shared::machine::clock;
use mesh_shared::model::istio::east_west_gateway;
use mesh_shared::model::istio::remote_secret::standing::TokenAnswer;
use mesh_shared::model::kube::object_key::ObjectKey;
use mesh_shared::model::pki::chain::Fingerprint;
use mesh_shared::model::seen::observed_cluster::ObservedCluster;
use mesh_shared::plugin::error::{Error, Result};
use mesh_shared::plugin::finding::codes::observation;
use mesh_shared::plugin::finding::{Finding, Verb};
use mesh_shared::plugin::terminal::Terminal;
use mesh_shared::plugin::terminal::prompt;
use mesh_shared::session::Session;

use super::arguments::add_given_address;
use crate::join::arguments::JoinArguments;
use crate::join::members;
use crate::join::members::mesh_id;
use crate::join::permissions;
use crate::join::plan::{JoinPlan, plan};
use crate::join::prechecks::Tries;
use crate::join::request::JoinRequest;
use crate::join::trust::kept_nowhere;
use crate::join::{manifests, prechecks, words};
use crate::keep::ca_folder;
use crate::keep::run_lock::{Run, has_ended};
use crate::work::environment::{Environment, MemberCluster};
use crate::work::opened_ca_folder::KeptCertificates;
use crate::work::run::{RunEnd, run};

/// Brings the contexts into one mesh: observe, plan, show, confirm, execute, report.
///
/// # Errors
/// A refusal before anything was written, or a failure with what was written and how to go on.
pub async fn join(arguments: JoinArguments, session: &Session) -> Result<()> {
    let Some(join) = prepare(&arguments, session).await.map_err(Error::before_any_write)? else { return Ok(()) };
    let end = run(&join.plan.steps, &join.environment, session.terminal).await;
    finish(&join, end, session.terminal)
}

/// How long an API server may fail before there is a plan, unless one request may take less.
const BEFORE_THE_PLAN: Duration = Duration::from_secs(10);

/// A join that may begin.
struct Join {
    plan: JoinPlan,
    observed: Vec<ObservedCluster>,
    environment: Environment,
    /// When it began for the user: with the answer, or with the first request if nothing is asked.
    begun: Instant,
}

/// Observes, plans, shows and asks. Returns none if the plan was only to be shown. Writes nothing.
async fn prepare(arguments: &JoinArguments, session: &Session) -> Result<Option<Join>> {
    let terminal = session.terminal;
    let request = arguments.request(session.manager)?;
    let clusters = connect(&session.connection, &arguments.contexts).await?;
    let begun = Instant::now();
    let bearing = |cluster: &Cluster| {
        let patience = cluster.request_timeout().min(BEFORE_THE_PLAN);
        cluster.within(tokio::time::Instant::now() + patience).bearing_gaps()
    };
    let clusters: Vec<Cluster> = clusters.iter().map(bearing).collect();
    let observed = observe_all(&clusters, &request).await?;
    let folder = ca_folder(arguments, &request, &observed)?;
    let folder_seen = folder.as_deref().map(|folder| ca_folder::observe(folder, clock::now()));
    let mut plan = plan(&request, &observed, folder_seen.as_ref())?;
    let folder = folder.unwrap_or_default();
    let pull_secret = arguments.image_pull_secret.as_ref();
    let shown = arguments.output.is_some() || arguments.consent.only_shows();
    let tries = if shown { Tries::ControlPlanes } else { Tries::All };
    let mut found = prechecks::findings(&plan, &clusters, &observed, &request, pull_secret, tries).await?;
    if !shown {
        found.extend(kept_nowhere(&plan.trust, arguments.ca_dir.is_some(), terminal.asks));
    }
    found.extend(clusters.iter().flat_map(gaps));
    found.refuse(Verb::Join)?;
    plan.findings.extend(found);
    let overview = words::overview(&plan, &observed);
    if arguments.output.is_some() {
        let manifests = manifests::render(&plan, &request, &folder, arguments)?;
        terminal.data(&manifests);
        return Ok(None);
    }
    if arguments.consent.only_shows() {
        terminal.data(&format!("{overview}\n{}\nNothing was written: --dry-run=client.\n", words::steps(&plan)));
        return Ok(None);
    }
    let changes = plan.steps.changes();
    if changes > 0 {
        terminal.say(&overview);
        prompt::consent(terminal, arguments.consent.yes, &words::question(changes), prompt::LOOK)?;
    }
    let begun = if changes > 0 { Instant::now() } else { begun };
    let environment = environment(&plan, &clusters, &request, arguments, folder)?;
    Ok(Some(Join { plan, observed, environment, begun }))
}

/// What could not be read of a cluster, and is not needed for the plan.
fn gaps(cluster: &Cluster) -> Vec<Finding> {
    let found = |error: Error| {
        let Error { what, why, .. } = error;
        let why = why.map(|why| format!(": {why}")).unwrap_or_default();
        observation::NOT_READ
            .found(format!("not looked at in {}: {what}{why}", cluster.context))
            .context(&cluster.context)
            .as_documented()
    };
    cluster.gaps().into_iter().map(found).collect()
}

/// The CA folder: the one given, else that of the mesh; none if the mesh is unknown.
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
        wanted: vec![
            ObjectKey::new("Namespace", "", system),
            ObjectKey::new("Namespace", "", &request.cni_namespace),
            ObjectKey::new("ServiceAccount", system, east_west_gateway::NAME),
            ObjectKey::new("Service", system, east_west_gateway::NAME),
            ObjectKey::new("Deployment", system, east_west_gateway::NAME),
        ],
    };
    let asked = join_all(clusters.iter().map(|cluster| observe(cluster, &scope))).await;
    let explained = asked.into_iter().map(|seen| seen.map_err(|error| permissions::JOIN.explain(error)));
    let (mut observed, tokens): (Vec<_>, Vec<_>) = all_of(explained)?.into_iter().unzip();
    check_tokens(clusters, request, &mut observed, &tokens).await;
    for (cluster, seen) in clusters.iter().zip(&mut observed) {
        add_given_address(request, cluster, seen);
        seen.probes.note_ended_runs(|namespace| probe::run_id(namespace).is_some_and(has_ended));
    }
    Ok(observed)
}

/// Asks each peer's API server, at the kubeconfig's address, whether it knows the tokens that the others have for it. A
/// place that refuses the peer's own present token as well takes no such tokens, and says nothing.
async fn check_tokens(
    clusters: &[Cluster],
    request: &JoinRequest,
    observed: &mut [ObservedCluster],
    tokens: &[RemoteTokens],
) {
    let names: Vec<_> = observed.iter().map(|seen| members::name(request, seen).ok()).collect();
    let asked = tokens.iter().enumerate().flat_map(|(reader, tokens)| {
        let names = &names;
        tokens.0.iter().filter_map(move |(name, token)| {
            let peer = names.iter().position(|peer| peer.as_ref().is_some_and(|peer| peer.as_str() == name))?;
            (peer != reader).then_some((reader, peer, name, token))
        })
    });
    let answers = join_all(asked.map(|(reader, peer, name, token)| async move {
        (reader, peer, name, Fingerprint::of(token.reveal().as_bytes()), check(&clusters[peer], token).await)
    }));
    for (reader, peer, name, token, answer) in answers.await {
        let is_present = observed[peer].access.reader_token == Some(token);
        let answer = match answer {
            TokenAnswer::Refused if is_present => TokenAnswer::NotKnown("it refuses the present token too".to_owned()),
            other => other,
        };
        observed[reader].access.token_answers.insert(name.clone(), answer);
    }
}

fn environment(
    plan: &JoinPlan,
    clusters: &[Cluster],
    request: &JoinRequest,
    arguments: &JoinArguments,
    ca_folder: std::path::PathBuf,
) -> Result<Environment> {
    let deadline = tokio::time::Instant::now() + arguments.timeout;
    let members: BTreeMap<_, _> = plan
        .members
        .iter()
        .zip(clusters)
        .map(|(member, cluster)| {
            let sail_api = plan.control_planes.get(&member.name).map(|plane| plane.api.clone()).unwrap_or_default();
            (
                member.name.clone(),
                MemberCluster { cluster: cluster.within(deadline), network: member.network.clone(), sail_api },
            )
        })
        .collect();
    Ok(Environment {
        members,
        kept: KeptCertificates::at(ca_folder, deadline),
        system_namespace: request.system_namespace.clone(),
        manager: request.managed_by.to_owned(),
        probe_image: ProbeImage {
            image: arguments.probe_image.clone(),
            pull_secret: arguments.image_pull_secret.clone(),
        },
        run: Run::begin()?,
        deadline,
    })
}

fn finish(
    Join { plan, observed, begun, .. }: &Join,
    RunEnd { outcome, left }: RunEnd,
    terminal: Terminal,
) -> Result<()> {
    let mut failures = outcome.failures.into_iter();
    match failures.next() {
        None => {
            terminal.say(&words::end(plan, observed, begun.elapsed()));
            if let Some(line) = words::root_kept(plan, &outcome.written) {
                terminal.say(&line);
            }
            Ok(())
        }
        Some(error) => {
            let error = Error { also: failures.map(Error::on_the_way).collect(), ..error.on_the_way() };
            Err(words::with_what_was_written(error, &plan.steps, &outcome.written, &left))
        }
    }
}
