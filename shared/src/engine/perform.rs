//! Does one step: a single exhaustive match.

use std::sync::Arc;

use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;

use super::event::Event;
use super::world::{Handle, World};
use super::{GO_ON, remote_access, trust, verify};
use crate::cluster::{apply, probe, wait};
use crate::engine::action::Action;
use crate::engine::steps::{Step, StepId};
use crate::model::istio::gateway;
use crate::model::kube::object::ObjectKey;
use crate::model::names::ClusterName;
use crate::plugin::error::{Error, Kind, Result};

/// Something that now stands because of this run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// In which cluster; none for the CA folder.
    pub cluster: Option<ClusterName>,
    /// What, such as `Secret istio-system/cacerts`.
    pub what: String,
    /// Whether it goes again at the end of the run.
    pub passing: bool,
}

/// Does a step and returns what it wrote. What only waits ends at once when `cancel` says so; a write never does.
///
/// # Errors
/// What the step met, with the cluster's context in its place.
pub async fn perform(
    id: StepId,
    step: &Step,
    world: &World,
    events: &UnboundedSender<Event>,
    cancel: &CancellationToken,
) -> Result<Vec<Written>> {
    let work = act(id, step, world, events);
    let result = if step.action.writes() {
        work.await
    } else {
        tokio::select! {
            result = work => result,
            () = cancel.cancelled() => Err(Error::of(Kind::Interrupted(15), "stopped").fix(GO_ON)),
        }
    };
    let wrote = result?;
    let what = step.action.title();
    let passing = matches!(step.action, Action::StartProbe);
    Ok(if wrote { vec![Written { cluster: step.cluster.clone(), what, passing }] } else { Vec::new() })
}

/// Whether anything stands now that did not stand before.
#[expect(clippy::too_many_lines, reason = "one exhaustive match, an arm per action, each a call")]
async fn act(id: StepId, step: &Step, world: &World, events: &UnboundedSender<Event>) -> Result<bool> {
    let progress = move |text: String| {
        let _ = events.send(Event::Waiting(id, text));
    };
    let here = || own(step, world);
    let namespace = world.system_namespace.as_str();
    let deadline = world.deadline;
    match &step.action {
        Action::RemoveLeftoverProbes { namespaces } => {
            for namespace in namespaces {
                probe::remove(&here()?.1.cluster, namespace).await?;
            }
            Ok(false)
        }
        Action::StartProbe => {
            let (name, member) = here()?;
            let namespace = probe::namespace(world.run.id());
            // Noted before it is written, so that whatever ends the run removes it.
            world.board.notes().probes.insert(name.clone(), namespace);
            probe::start(&member.cluster, world.run.id(), &world.probe_image, deadline).await?;
            Ok(true)
        }
        Action::ProveAddresses { peers } => {
            let (name, member) = here()?;
            remote_access::prove_addresses(world, name, member, peers).await.map(|()| false)
        }
        Action::SettleAddresses { wanted } => remote_access::settle(world, wanted).map(|()| false),
        Action::MakeKey { algorithm } => {
            trust::make_key(world, step.cluster.as_ref(), *algorithm).await.map(|()| false)
        }
        Action::MakeRoot { algorithm } => trust::make_root(world, *algorithm).await,
        Action::IssueIntermediate { algorithm, uid } => {
            let (name, _) = here()?;
            trust::issue_intermediate(world, name, uid, *algorithm).await
        }
        Action::CreateCacerts { namespace } => {
            let (name, member) = here()?;
            trust::create_cacerts(world, name, member, namespace).await
        }
        Action::Apply { manifest } => {
            apply::apply(&here()?.1.cluster, manifest, &world.manager)
                .await
                .map_err(|error| failing(error, manifest))?;
            Ok(true)
        }
        Action::AwaitCni { .. } => {
            let (_, member) = here()?;
            wait::cni(&member.cluster, &member.sail_api, deadline, &progress).await.map(|()| false)
        }
        Action::AwaitControlPlane { name } => {
            let (_, member) = here()?;
            wait::control_plane(&member.cluster, name, &member.sail_api, deadline, &progress).await.map(|()| false)
        }
        Action::AwaitInjection { revision } => {
            let (_, member) = here()?;
            wait::injection(&member.cluster, namespace, revision.as_deref(), deadline).await.map(|()| false)
        }
        Action::AwaitGateway => {
            let (_, member) = here()?;
            wait::deployment_available(&member.cluster, namespace, gateway::NAME, deadline, &progress)
                .await
                .map(|()| false)
        }
        Action::AwaitGatewayAddress => {
            let (name, member) = here()?;
            let addresses = wait::gateway_address(&member.cluster, namespace, gateway::NAME, deadline).await?;
            world.board.notes().gateways.insert(name.clone(), addresses);
            Ok(false)
        }
        Action::AwaitReaderAccount { name } => {
            let (_, member) = here()?;
            wait::service_account(&member.cluster, namespace, name, deadline).await.map(|()| false)
        }
        Action::AwaitToken { secret } => {
            let (name, member) = here()?;
            let token = wait::token_filled(&member.cluster, namespace, secret, deadline).await?;
            world.board.notes().tokens.insert(name.clone(), Arc::new(token));
            Ok(false)
        }
        Action::ProveToken { peer } => {
            let (name, member) = here()?;
            remote_access::prove_token(world, name, member, peer).await.map(|()| false)
        }
        Action::WriteRemoteSecret { peer } => {
            let (_, member) = here()?;
            remote_access::write_remote_secret(world, member, peer).await.map(|()| true)
        }
        Action::VerifyDiscovery { peers } => {
            let (name, member) = here()?;
            verify::discovery(world, name, member, peers, &progress).await.map(|()| false)
        }
        Action::VerifyGateways { peers } => {
            let (name, member) = here()?;
            verify::gateways(world, name, member, peers).await.map(|()| false)
        }
        Action::RemoveProbe => {
            let (name, member) = here()?;
            let namespace = world.board.notes().probes.get(name).cloned();
            if let Some(namespace) = namespace {
                probe::remove(&member.cluster, &namespace).await?;
                world.board.notes().probes.remove(name);
            }
            Ok(false)
        }
    }
}

fn own<'a>(step: &'a Step, world: &'a World) -> Result<(&'a ClusterName, &'a Handle)> {
    let name = step.cluster.as_ref().ok_or_else(|| Error::failed("the plan has a step without a cluster").report())?;
    Ok((name, world.member(name)?))
}

fn failing(error: Error, manifest: &serde_json::Value) -> Error {
    if error.place.is_some() { error } else { error.at(ObjectKey::of(manifest).to_string()) }
}
