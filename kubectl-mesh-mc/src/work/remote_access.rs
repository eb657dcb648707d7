//! Proves at which address each API server is reached, and writes the credentials by which it is read.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use mesh_probe::line::{Answer, Bearer, Kind, Outcome, Target};
use mesh_shared::cluster::{probe, write};
use mesh_shared::model::istio::manifest::to_manifest;
use mesh_shared::model::istio::remote_secret;
use mesh_shared::model::istio::remote_secret::ReaderCredential;
use mesh_shared::model::names::ClusterName;
use mesh_shared::model::seen::access::ApiAddress;
use mesh_shared::plugin::error::{Error, Result};
use tokio::time::Instant;

use super::environment::{Environment, MemberCluster};
use super::tasks::{PeerAddresses, Probe, Settled, Tried, Tries, WantedAddress};

/// How long a probe tries one address.
const PER_ADDRESS: Duration = Duration::from_secs(5);

/// Tries every address of every peer at once, and returns the result of each.
pub(super) async fn prove_addresses(
    environment: &Environment,
    member: &MemberCluster,
    probe: &Probe,
    peers: &[PeerAddresses],
) -> Result<Tries> {
    let asked: Vec<(&ClusterName, &ApiAddress)> =
        peers.iter().flat_map(|peer| peer.addresses.iter().map(move |address| (&peer.peer, address))).collect();
    let targets =
        asked.iter().enumerate().map(|(index, (_, address))| target(index, address, "/version", None)).collect();
    let answers = ask(environment, member, probe, targets).await?;
    let tried = asked.iter().enumerate().map(|(index, (peer, address))| {
        let fault = match answers.iter().find(|answer| answer.id == index.to_string()).map(|answer| &answer.outcome) {
            Some(Outcome::Ok { .. }) => None,
            Some(Outcome::Error { stage, reason }) => Some(format!("{stage}: {reason}")),
            None => Some("the probe did not answer".into()),
        };
        ((*peer).clone(), Tried { address: (*address).clone(), fault })
    });
    Ok(Tries(tried.collect()))
}

/// The first address of each cluster that every reader has proved; if none was tried (`--no-probe`), the first known.
///
/// # Errors
/// If no address of a cluster was proved by all, with each failure.
pub(super) fn settle(wanted: &[WantedAddress], proofs: &[(&ClusterName, Arc<Tries>)]) -> Result<Settled> {
    let mut settled = BTreeMap::new();
    for want in wanted {
        let of_reader = |reader| {
            let (_, tries) = proofs.iter().find(|(by, _)| *by == reader)?;
            Some((reader, tries.of(&want.cluster).collect::<Vec<_>>()))
        };
        let tries: Vec<(&ClusterName, Vec<&Tried>)> =
            want.by.iter().filter_map(of_reader).filter(|(_, tries)| !tries.is_empty()).collect();
        let proved = |address: &&ApiAddress| {
            tries.iter().all(|(_, tries)| tries.iter().any(|tried| tried.address == **address && tried.fault.is_none()))
        };
        let chosen = match tries.first() {
            None => want.addresses.first(),
            Some((_, first)) => first.iter().map(|tried| &tried.address).find(proved),
        };
        let Some(chosen) = chosen else {
            let failed = tries.iter().flat_map(|(reader, tries)| {
                tries.iter().filter_map(move |Tried { address, fault }| {
                    Some(format!("from {reader} to {} ({}): {}", address.url, address.source, fault.as_ref()?))
                })
            });
            return Err(Error::failed(format!("peers do not reach the API server of {}", want.cluster))
                .because(failed.collect::<Vec<_>>().join("\n"))
                .fix(format!(
                    "name the address at which peers reach it: --api-server {}=https://HOST:PORT",
                    want.cluster
                ))
                .fix("or allow that traffic: istiod of every peer watches that API server"));
        };
        settled.insert(want.cluster.clone(), chosen.clone());
    }
    Ok(Settled(settled))
}

/// How a peer's API server is read.
#[derive(Clone, Copy)]
pub(super) struct Credential<'a> {
    peer: &'a ClusterName,
    address: &'a ApiAddress,
    reader: &'a ReaderCredential,
}

impl<'a> Credential<'a> {
    /// The credential of a peer, with the address settled for it.
    ///
    /// # Errors
    /// If no address was settled for the peer, which is a bug.
    pub(super) fn of(peer: &'a ClusterName, settled: &'a Settled, reader: &'a ReaderCredential) -> Result<Self> {
        let address = settled.0.get(peer).ok_or_else(|| {
            Error::failed(format!("no API address of {peer} was settled, and the plan reads it")).report()
        })?;
        Ok(Self { peer, address, reader })
    }
}

/// Asks the peer's API server with the reader's token, from where istiod will: a list that only a known reader may see.
pub(super) async fn prove_token(
    environment: &Environment,
    name: &ClusterName,
    member: &MemberCluster,
    probe: &Probe,
    Credential { peer, address, reader }: Credential<'_>,
) -> Result<()> {
    let request = target(0, address, "/api/v1/namespaces?limit=1", Some(Bearer::new(reader.token.reveal())));
    let answers = ask(environment, member, probe, vec![request]).await?;
    let fault = match answers.first().map(|answer| &answer.outcome) {
        Some(Outcome::Ok { http_status: Some(200), .. }) => return Ok(()),
        Some(Outcome::Ok { http_status, .. }) => format!("HTTP status {}", http_status.unwrap_or_default()),
        Some(Outcome::Error { stage, reason }) => format!("{stage}: {reason}"),
        None => "the probe did not answer".into(),
    };
    Err(Error::failed(format!("the reader's token of {peer} does not work from {name}"))
        .at(format!("{} ({})", address.url, address.source))
        .because(fault)
        .fix("it would hold istiod back for 30 s at every start, so it was not written; run the join again"))
}

/// Writes the Secret by which istiod of `member` reads the peer. One with another resource version than `over` is left
/// alone.
pub(super) async fn write_remote_secret(
    environment: &Environment,
    member: &MemberCluster,
    Credential { peer, address, reader }: Credential<'_>,
    over: Option<&str>,
) -> Result<()> {
    let secret = remote_secret::remote_secret(
        peer,
        &environment.system_namespace,
        &address.url,
        address.ca_pem.as_bytes(),
        &reader.token,
        &environment.manager,
    );
    let mut manifest = to_manifest("v1", "Secret", &secret);
    if let Some(version) = over {
        manifest["metadata"]["resourceVersion"] = version.into();
    }
    write::apply(&member.cluster, &manifest, &environment.manager).await.map(|_| ())
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

/// What the probe of a cluster answers.
pub(super) async fn ask(
    environment: &Environment,
    member: &MemberCluster,
    probe: &Probe,
    targets: Vec<Target>,
) -> Result<Vec<Answer>> {
    let deadline = (Instant::now() + PER_ADDRESS * 3).min(environment.deadline.max(Instant::now() + PER_ADDRESS));
    probe::reach(&member.cluster, &probe.0, &targets, deadline).await
}

#[cfg(test)]
mod tests {
    use mesh_shared::model::seen::access::AddressSource;

    use super::*;

    fn name(text: &str) -> ClusterName {
        ClusterName::new(text).unwrap()
    }

    fn address(url: &str) -> ApiAddress {
        ApiAddress { url: url.into(), ca_pem: String::new(), source: AddressSource::Endpoint }
    }

    fn wanted() -> WantedAddress {
        WantedAddress {
            cluster: name("east"),
            by: vec![name("west"), name("north")],
            addresses: vec![address("https://a"), address("https://b")],
        }
    }

    /// Tries of east's two addresses, by whether each was reached.
    fn tries(reached: [bool; 2]) -> Arc<Tries> {
        let tried = wanted().addresses.into_iter().zip(reached).map(|(address, reached)| {
            (name("east"), Tried { address, fault: (!reached).then(|| "connect: refused".to_owned()) })
        });
        Arc::new(Tries(tried.collect()))
    }

    #[test]
    fn the_first_address_that_every_reader_proved_is_taken() {
        let (west, north) = (name("west"), name("north"));
        let settled = settle(&[wanted()], &[(&west, tries([true, true])), (&north, tries([false, true]))]).unwrap();
        assert_eq!(settled.0[&name("east")].url, "https://b");
    }

    #[test]
    fn without_probes_the_first_address_that_is_known_is_taken() {
        assert_eq!(settle(&[wanted()], &[]).unwrap().0[&name("east")].url, "https://a");
    }

    #[test]
    fn where_readers_prove_different_addresses_each_failure_is_told() {
        let (west, north) = (name("west"), name("north"));
        let error = settle(&[wanted()], &[(&west, tries([true, false])), (&north, tries([false, true]))]).unwrap_err();
        assert_eq!(error.what, "peers do not reach the API server of east");
        let why = error.why.unwrap();
        assert!(why.contains("from west to https://b") && why.contains("from north to https://a"), "{why}");
    }
}
