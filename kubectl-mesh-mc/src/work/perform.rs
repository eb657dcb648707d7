//! Performs one step: a single exhaustive match.

use std::sync::Arc;

use mesh_shared::cluster::carry_out::carry_out;
use mesh_shared::cluster::probe;
use mesh_shared::cluster::wait;
use mesh_shared::cluster::wait::Progress;
use mesh_shared::engine::execute::{Doing, Done, Given};
use mesh_shared::engine::steps::Made;
use mesh_shared::model::istio::east_west_gateway;
use mesh_shared::model::kube::write::Write;
use mesh_shared::model::names::ClusterName;
use mesh_shared::model::pki::chain::Certificate;
use mesh_shared::plugin::error::{Error, Result};

use super::certificates;
use super::certificates::WantedIntermediate;
use super::environment::{Environment, MemberCluster};
use super::remote_access;
use super::remote_access::Credential;
use super::tasks::{Action, GatewayAddresses, NewKey, Probe, Step, Task, Wait, Work};
use super::verify;

/// Performs a step.
///
/// # Errors
/// The step's error, with the cluster's context in its place.
pub async fn perform(doing: Doing<'_, Work>, environment: &Environment) -> Result<Done> {
    match &doing.step.action {
        Action::Write(write) => {
            let (_, member) = own(doing.step, environment)?;
            self::write(write, member, environment).await
        }
        Action::Wait(wait) => {
            let (_, member) = own(doing.step, environment)?;
            self::wait(wait, member, environment, doing.progress).await
        }
        Action::Task(task) => self::task(task, &doing, environment).await,
    }
}

async fn write(write: &Write, member: &MemberCluster, environment: &Environment) -> Result<Done> {
    let written = carry_out(&member.cluster, write, &environment.manager).await;
    let place = |error: Error| if error.place.is_some() { error } else { error.at(write.object().to_string()) };
    written.map_err(place).map(|_| Done::wrote())
}

async fn wait(
    wait: &Wait,
    MemberCluster { cluster, sail_api, .. }: &MemberCluster,
    environment: &Environment,
    progress: Progress<'_>,
) -> Result<Done> {
    let (namespace, deadline) = (environment.system_namespace.as_str(), environment.deadline);
    match wait {
        Wait::Cni => wait::cni(cluster, sail_api, deadline, progress).await?,
        Wait::ControlPlane { name } => wait::control_plane(cluster, name, sail_api, deadline, progress).await?,
        Wait::Injection { revision } => wait::injection(cluster, namespace, revision.as_deref(), deadline).await?,
        Wait::Gateway => {
            wait::deployment_available(cluster, namespace, east_west_gateway::NAME, deadline, progress).await?;
        }
        Wait::GatewayAddress { gateways } => {
            let known = gateways.iter().flat_map(|gateway| gateway.addresses.clone()).collect::<Vec<_>>();
            let pending =
                gateways.iter().find(|gateway| gateway.is_pending).and_then(|gateway| gateway.object.as_ref());
            let addresses = match pending.filter(|_| known.is_empty()) {
                Some(service) => wait::gateway_address(cluster, &service.namespace, &service.name, deadline).await?,
                None => known,
            };
            return Ok(Done::made(GatewayAddresses(addresses)));
        }
        Wait::ReaderAccount { name } => wait::service_account(cluster, namespace, name, deadline).await?,
        Wait::Token { secret } => {
            return Ok(Done::made(wait::token_filled(cluster, namespace, secret, deadline).await?));
        }
    }
    Ok(Done::default())
}

async fn task(
    task: &Task,
    Doing { step, given, progress }: &Doing<'_, Work>,
    environment: &Environment,
) -> Result<Done> {
    let here = || own(step, environment);
    match task {
        Task::RemoveLeftoverProbes { namespaces } => {
            for namespace in namespaces {
                probe::remove(&here()?.1.cluster, namespace).await?;
            }
            Ok(Done::default())
        }
        Task::StartProbe => {
            let cluster = &here()?.1.cluster;
            let Environment { run, probe_image, deadline, .. } = environment;
            let namespace = probe::start(cluster, run.id(), probe_image, *deadline).await?;
            Ok(Done::made(Probe(namespace)).and_wrote(true))
        }
        Task::RemoveProbe { probe } => {
            probe::remove(&here()?.1.cluster, &given.of(*probe)?.0).await?;
            Ok(Done::default())
        }
        Task::ProveAddresses { probe, peers } => {
            let probe = given.of(*probe)?;
            Ok(Done::made(remote_access::prove_addresses(environment, here()?.1, &probe, peers).await?))
        }
        Task::SettleAddresses { wanted, proofs } => {
            let proofs = proofs.iter().map(|(reader, tries)| Ok((reader, given.of(*tries)?)));
            Ok(Done::made(remote_access::settle(wanted, &proofs.collect::<Result<Vec<_>>>()?)?))
        }
        Task::ProveToken { peer, probe, access } => {
            let (addresses, token) = (given.of(access.addresses)?, given.of(access.token)?);
            let (probe, credential) = (given.of(*probe)?, Credential::of(peer, &addresses, &token)?);
            let (name, member) = here()?;
            remote_access::prove_token(environment, name, member, &probe, credential).await?;
            Ok(Done::default())
        }
        Task::WriteRemoteSecret { peer, access, over } => {
            let (addresses, token) = (given.of(access.addresses)?, given.of(access.token)?);
            let credential = Credential::of(peer, &addresses, &token)?;
            remote_access::write_remote_secret(environment, here()?.1, credential, over.as_deref()).await?;
            Ok(Done::wrote())
        }
        Task::VerifyDiscovery { peers } => {
            let (name, member) = here()?;
            verify::discovery(environment, name, member, &gateways(peers, given)?, *progress).await?;
            Ok(Done::default())
        }
        Task::VerifyGateways { probe, peers } => {
            let (name, member) = here()?;
            let probe = given.of(*probe)?;
            verify::gateways(environment, name, member, &probe, &gateways(peers, given)?).await?;
            Ok(Done::default())
        }
        Task::MakeKey { algorithm } => Ok(Done::made(NewKey::new(certificates::make_key(*algorithm).await?))),
        Task::MakeRoot { key, algorithm } => {
            let key = given.of(*key)?.take();
            let (root, new) = certificates::make_root(&environment.kept, key, *algorithm).await?;
            Ok(Done::made(root).and_wrote(new))
        }
        Task::IssueIntermediate { root, key, algorithm, uid } => {
            let root = root.map(|root| given.of(root)).transpose()?;
            let key = key.map(|key| given.of(key)).transpose()?.and_then(|key| key.take());
            let wanted = WantedIntermediate {
                cluster: here()?.0,
                uid,
                namespace: &environment.system_namespace,
                algorithm: *algorithm,
            };
            let (issued, new) = certificates::issue_intermediate(&environment.kept, wanted, root, key).await?;
            Ok(Done::made(issued).and_wrote(new))
        }
        Task::VerifyRoot { config_map, roots, intermediate } => {
            let (name, member) = here()?;
            let issued = intermediate.map(|intermediate| given.of(intermediate)).transpose()?;
            let roots: Vec<Certificate> = issued.iter().map(|issued| &issued.root).chain(roots).cloned().collect();
            certificates::verify_root(environment, name, member, config_map, &roots, *progress).await?;
            Ok(Done::default())
        }
        Task::CreateCacerts { intermediate, beside, namespace } => {
            let (name, member) = here()?;
            let issued = given.of(*intermediate)?;
            let new = certificates::create_cacerts(environment, name, member, namespace, &issued, beside).await?;
            Ok(Done::default().and_wrote(new))
        }
    }
}

fn own<'a>(step: &'a Step, environment: &'a Environment) -> Result<(&'a ClusterName, &'a MemberCluster)> {
    let name = step.cluster.as_ref().ok_or_else(|| Error::failed("the plan has a step without a cluster").report())?;
    Ok((name, environment.member(name)?))
}

/// The peers, with the gateway addresses that earlier steps found.
fn gateways<'a>(
    peers: &'a [(ClusterName, Made<GatewayAddresses>)],
    given: &Given,
) -> Result<Vec<(&'a ClusterName, Arc<GatewayAddresses>)>> {
    peers.iter().map(|(peer, addresses)| Ok((peer, given.of(*addresses)?))).collect()
}
