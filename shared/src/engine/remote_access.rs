//! Proves at which address each API server is reached, and writes the credentials by which it is read.

use std::sync::Arc;
use std::time::Duration;

use mesh_probe::line::{Answer, Bearer, Kind, Outcome, Target};
use tokio::time::Instant;

use super::world::{Handle, Tried, World};
use crate::cluster::{apply, probe};
use crate::engine::action::{PeerAddresses, WantedAddress};
use crate::model::istio::manifest::to_manifest;
use crate::model::istio::remote_secret;
use crate::model::istio::remote_secret::ReaderCredential;
use crate::model::names::ClusterName;
use crate::model::seen::cluster::ApiAddress;
use crate::plugin::error::{Error, Result};

/// How long a probe tries one address.
const PER_ADDRESS: Duration = Duration::from_secs(5);

/// Tries every address of every peer at once and notes what came of it.
pub(super) async fn prove_addresses(
    world: &World,
    name: &ClusterName,
    member: &Handle,
    peers: &[PeerAddresses],
) -> Result<()> {
    let tried: Vec<(&ClusterName, &ApiAddress)> =
        peers.iter().flat_map(|peer| peer.addresses.iter().map(move |address| (&peer.peer, address))).collect();
    let targets =
        tried.iter().enumerate().map(|(index, (_, address))| target(index, address, "/version", None)).collect();
    let answers = ask(world, name, member, targets).await?;
    let mut notes = world.board.notes();
    for (index, (peer, address)) in tried.iter().enumerate() {
        let fault = match answers.iter().find(|answer| answer.id == index.to_string()).map(|answer| &answer.outcome) {
            Some(Outcome::Ok { .. }) => None,
            Some(Outcome::Error { stage, reason }) => Some(format!("{stage}: {reason}")),
            None => Some("the probe did not answer".into()),
        };
        let tried = Tried { address: (*address).clone(), fault };
        notes.tried.entry((name.clone(), (*peer).clone())).or_default().push(tried);
    }
    Ok(())
}

/// The first address of each cluster that everybody who needs it has proved. Where nobody proved anything (`--no-probe`), the
/// first that is known.
pub(super) fn settle(world: &World, wanted: &[WantedAddress]) -> Result<()> {
    let mut notes = world.board.notes();
    for want in wanted {
        let tries: Vec<&Vec<Tried>> =
            want.by.iter().filter_map(|reader| notes.tried.get(&(reader.clone(), want.cluster.clone()))).collect();
        let chosen = match tries.first() {
            None => want.addresses.first().cloned(),
            Some(first) => first
                .iter()
                .map(|tried| &tried.address)
                .find(|address| {
                    tries.iter().all(|tries| tries.iter().any(|t| t.address == **address && t.fault.is_none()))
                })
                .cloned(),
        };
        let Some(chosen) = chosen else {
            let all: Vec<String> = want
                .by
                .iter()
                .flat_map(|reader| {
                    let tries = notes.tried.get(&(reader.clone(), want.cluster.clone())).into_iter().flatten();
                    tries.filter_map(move |tried| {
                        Some(format!(
                            "from {reader} to {} ({}): {}",
                            tried.address.url,
                            tried.address.source,
                            tried.fault.as_ref()?
                        ))
                    })
                })
                .collect();
            return Err(Error::failed(format!("peers do not reach the API server of {}", want.cluster))
                .because(all.join("\n"))
                .fix(format!(
                    "name the address at which peers reach it: --api-server {}=https://HOST:PORT",
                    want.cluster
                ))
                .fix("or open the way: istiod of every peer watches that API server"));
        };
        notes.settled.insert(want.cluster.clone(), chosen);
    }
    Ok(())
}

/// Asks the peer's API server with the reader's token, from where istiod will: a list that only a known reader may see.
pub(super) async fn prove_token(world: &World, name: &ClusterName, member: &Handle, peer: &ClusterName) -> Result<()> {
    let (address, reader) = credential(world, peer)?;
    let request = target(0, &address, "/api/v1/namespaces?limit=1", Some(Bearer::new(reader.token.reveal())));
    let answers = ask(world, name, member, vec![request]).await?;
    let fault = match answers.first().map(|answer| &answer.outcome) {
        Some(Outcome::Ok { http_status: Some(200), .. }) => return Ok(()),
        Some(Outcome::Ok { http_status, .. }) => format!("HTTP status {}", http_status.unwrap_or_default()),
        Some(Outcome::Error { stage, reason }) => format!("{stage}: {reason}"),
        None => "the probe did not answer".into(),
    };
    Err(Error::failed(format!("the reader's token of {peer} does not work from {name}"))
        .at(format!("{} ({})", address.url, address.source))
        .because(fault)
        .fix("istiod would be held back by it for 30 s at every start, so that it was not written; run the join again"))
}

/// Writes the Secret by which istiod of `member` reads the peer.
pub(super) async fn write_remote_secret(world: &World, member: &Handle, peer: &ClusterName) -> Result<()> {
    let (address, reader) = credential(world, peer)?;
    let secret = remote_secret::remote_secret(
        peer,
        &world.system_namespace,
        &address.url,
        address.ca_pem.as_bytes(),
        &reader.token,
        &world.manager,
    );
    apply::apply(&member.cluster, &to_manifest("v1", "Secret", &secret), &world.manager).await.map(|_| ())
}

fn credential(world: &World, peer: &ClusterName) -> Result<(ApiAddress, Arc<ReaderCredential>)> {
    let notes = world.board.notes();
    let missing =
        |what: &str| Error::failed(format!("{what} of {peer} was not found out before it was needed")).report();
    let address = notes.settled.get(peer).cloned().ok_or_else(|| missing("the API address"))?;
    let reader = notes.tokens.get(peer).cloned().ok_or_else(|| missing("the reader's token"))?;
    Ok((address, reader))
}

fn target(index: usize, address: &ApiAddress, path: &str, bearer: Option<Bearer>) -> Target {
    let host = address.url.trim_start_matches("https://").trim_end_matches('/');
    let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    Target {
        id: index.to_string(),
        address: if has_port { host.to_owned() } else { format!("{host}:443") },
        timeout_ms: u64::try_from(PER_ADDRESS.as_millis()).unwrap_or(5000),
        kind: Kind::Https { ca_pem: address.ca_pem.clone(), server_name: None, path: path.to_owned(), bearer },
    }
}

pub(super) async fn ask(
    world: &World,
    name: &ClusterName,
    member: &Handle,
    targets: Vec<Target>,
) -> Result<Vec<Answer>> {
    let namespace = world.board.notes().probes.get(name).cloned();
    let namespace = namespace.ok_or_else(|| Error::failed(format!("no probe runs in {name}")).report())?;
    let deadline = (Instant::now() + PER_ADDRESS * 3).min(world.deadline.max(Instant::now() + PER_ADDRESS));
    probe::reach(&member.cluster, &namespace, &targets, deadline).await
}
