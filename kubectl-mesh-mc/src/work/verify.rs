//! Verifies that the mesh works.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use mesh_probe::line::{Kind, Outcome, Target};
use mesh_shared::cluster::istiod;
use mesh_shared::cluster::istiod::Replica;
use mesh_shared::model::istio::network_gateway::GatewayAddress;
use mesh_shared::model::istio::remote_secret::secret_name;
use mesh_shared::model::names::ClusterName;
use mesh_shared::plugin::error::{Error, Result};

use super::environment::{Environment, MemberCluster};
use super::remote_access::ask;
use super::tasks::{GatewayAddresses, Probe};

/// The pause before istiod or a gateway is asked again; each is twice as long as the last.
const PAUSE: Duration = Duration::from_millis(150);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Peers, and where their gateways are.
type Peers<'a> = &'a [(&'a ClusterName, Arc<GatewayAddresses>)];

/// Waits until every ready istiod has each peer synced and the peer's gateway among its networks.
pub(super) async fn discovery(
    environment: &Environment,
    name: &ClusterName,
    member: &MemberCluster,
    peers: Peers<'_>,
    progress: &(dyn Fn(String) + Send + Sync),
) -> Result<()> {
    let Environment { system_namespace, deadline, .. } = environment;
    let mut pause = PAUSE;
    loop {
        let replicas = istiod::replicas(&member.cluster, system_namespace, *deadline).await?;
        let Some(missing) = first_missing(environment, &replicas, peers)? else { return Ok(()) };
        progress(missing.what.clone());
        if tokio::time::Instant::now() + pause > *deadline {
            return Err(not_seen(name, &member.cluster.context, system_namespace, &missing));
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// What an istiod does not have yet.
struct Missing<'a> {
    what: String,
    /// The peer, if it is about one.
    peer: Option<&'a ClusterName>,
}

/// The error if that lasts, with the Secret by which the peer is read and what to do about it.
fn not_seen(name: &ClusterName, context: &str, namespace: &str, missing: &Missing<'_>) -> Error {
    let error = Error::failed(format!("the control plane of {name} does not see every peer"))
        .at(format!("context {context}, istiod in {namespace}"))
        .because(missing.what.clone());
    let kubectl = format!("kubectl --context {context} -n {namespace}");
    match missing.peer {
        None => error.fix(format!("see why it is not ready: {kubectl} get pods -l app=istiod")),
        Some(peer) => error
            .fix(format!("search its log for the reason: {kubectl} logs -l app=istiod --tail=-1 | grep {peer}"))
            .fix(format!(
                "it reads {peer} by Secret {}: run the join again, which checks its address, authority and token",
                secret_name(peer)
            ))
            .fix(format!(
                "if those are right, istiod may have given up: {kubectl} rollout restart deployment -l app=istiod"
            )),
    }
}

fn first_missing<'a>(environment: &Environment, replicas: &[Replica], peers: Peers<'a>) -> Result<Option<Missing<'a>>> {
    let of_peer = |what: String, peer: &'a ClusterName| Ok(Some(Missing { what, peer: Some(peer) }));
    if replicas.is_empty() {
        return Ok(Some(Missing { what: "no istiod is ready".into(), peer: None }));
    }
    // What an istiod without a debug port knows cannot be asked.
    for replica in replicas.iter().filter(|replica| !replica.is_silent) {
        for (peer, addresses) in peers {
            let state = replica.clusters.iter().find(|cluster| cluster.cluster == peer.as_str());
            match state {
                None => return of_peer(format!("{} does not know {peer}", replica.pod), peer),
                Some(state) if state.state != "synced" => {
                    return of_peer(format!("{} has {peer} {}", replica.pod, state.state), peer);
                }
                Some(_) => {}
            }
            let network = &environment.member(peer)?.network;
            if !replica.gateways.iter().any(|gateway| gateway.network == network.as_str()) {
                let unresolved = to_resolve(&addresses.0);
                return of_peer(format!("{} knows no gateway of {network}{unresolved}", replica.pod), peer);
            }
        }
    }
    Ok(None)
}

/// Names the host names among a gateway's addresses: istiod knows such a gateway only once it has resolved them,
/// through its own pod's DNS (istio/istio pilot/pkg/model/network.go).
fn to_resolve(addresses: &[GatewayAddress]) -> String {
    let names: Vec<&str> = addresses
        .iter()
        .map(|address| address.host.as_str())
        .filter(|address| address.parse::<IpAddr>().is_err())
        .collect();
    if names.is_empty() { String::new() } else { format!(", and has to resolve {} first", names.join(", ")) }
}

/// Asks each peer's gateways whether they are reached from this cluster's network, at all their addresses.
pub(super) async fn gateways(
    environment: &Environment,
    name: &ClusterName,
    member: &MemberCluster,
    probe: &Probe,
    peers: Peers<'_>,
) -> Result<()> {
    let asked: Vec<(&ClusterName, &GatewayAddress)> =
        peers.iter().flat_map(|(peer, addresses)| addresses.0.iter().map(move |address| (*peer, address))).collect();
    if asked.is_empty() {
        return Ok(());
    }
    let targets = || asked.iter().enumerate().flat_map(|(index, (_, address))| targets(index, address)).collect();
    // kube-proxy and clouds take a moment from a Service's address to its first packet.
    let mut pause = PAUSE;
    loop {
        let answers = ask(environment, member, probe, targets()).await?;
        let outcome = |id: String| answers.iter().find(|answer| answer.id == id).map(|answer| &answer.outcome);
        let fault = asked.iter().enumerate().find_map(|(index, (peer, address))| {
            let status = outcome(status_id(index));
            let why = reached(address.status_port.is_some(), status, outcome(data_id(index))).err()?;
            Some((*peer, *address, why))
        });
        let Some((peer, address, why)) = fault else { return Ok(()) };
        if tokio::time::Instant::now() + pause > environment.deadline {
            let ports: Vec<String> =
                address.status_port.into_iter().chain([address.port]).map(|port| port.to_string()).collect();
            return Err(Error::failed(format!("the gateway of {peer} does not answer from {name}"))
                .at(host_port(&address.host, address.status_port.unwrap_or(address.port)))
                .because(why)
                .fix(format!("allow traffic from the pods of {name} to that address: {}", ports.join(" and "))));
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

fn status_id(index: usize) -> String {
    format!("{index}-status")
}

fn data_id(index: usize) -> String {
    format!("{index}-data")
}

fn host_port(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// Its health, if the port for it is known, and its port for other networks.
fn targets(index: usize, address: &GatewayAddress) -> Vec<Target> {
    let target = |id: String, port: u16, kind: Kind| Target {
        id,
        address: host_port(&address.host, port),
        timeout_ms: 3000,
        kind,
    };
    let healthy = |port| target(status_id(index), port, Kind::Http { path: "/healthz/ready".into() });
    address.status_port.map(healthy).into_iter().chain([target(data_id(index), address.port, Kind::Tcp)]).collect()
}

/// Whether an address of a gateway is reached: it says that it is healthy, or takes connections from other networks.
/// Where it has no known port for its health, a refused connection shows that packets arrive; before anything is exposed
/// a gateway refuses, as it should.
///
/// # Errors
/// Why not.
fn reached(has_status: bool, status: Option<&Outcome>, data: Option<&Outcome>) -> std::result::Result<(), String> {
    let silent = || "the probe did not answer".to_owned();
    match (status, data) {
        (Some(Outcome::Ok { http_status: Some(200), .. }), _) | (_, Some(Outcome::Ok { .. })) => Ok(()),
        (_, Some(Outcome::Error { reason, .. })) if !has_status && reason.contains("refused") => Ok(()),
        (Some(Outcome::Ok { http_status, .. }), _) => Err(format!("HTTP status {}", http_status.unwrap_or_default())),
        (Some(Outcome::Error { stage, reason }), _) | (None, Some(Outcome::Error { stage, reason })) => {
            Err(format!("{stage}: {reason}"))
        }
        (None, None) => Err(silent()),
    }
}

#[cfg(test)]
mod tests {
    use mesh_probe::line::Stage;

    use super::*;

    #[test]
    fn a_gateway_that_has_a_name_is_said_to_wait_for_its_address() {
        let at = |host: &&str| GatewayAddress { host: (*host).to_owned(), port: 15443, status_port: None };
        let text = |addresses: &[&str]| to_resolve(&addresses.iter().map(at).collect::<Vec<_>>());
        assert_eq!(text(&["lb.east.example.com"]), ", and has to resolve lb.east.example.com first");
        assert_eq!(text(&["10.0.0.1", "fd00::1"]), "");
    }
    #[test]
    fn a_peer_that_is_not_seen_is_named_with_its_secret_and_the_lines_to_try() {
        let (east, west) = (ClusterName::new("east").unwrap(), ClusterName::new("west").unwrap());
        let missing = Missing { what: "istiod-1 has west timeout".into(), peer: Some(&west) };
        let error = not_seen(&east, "e", "istio-system", &missing);
        assert!(error.remedy[1].contains("Secret istio-remote-secret-west"), "{:?}", error.remedy);
        assert!(error.remedy[2].contains("kubectl --context e -n istio-system rollout restart"), "{:?}", error.remedy);
    }

    #[test]
    fn a_gateway_is_reached_by_its_health_or_by_its_port_for_other_networks() {
        let up = |http_status| Outcome::Ok { http_status, peer: None, millis: 1 };
        let down = |reason: &str| Outcome::Error { stage: Stage::Connect, reason: reason.to_owned() };
        let (healthy, open) = (up(Some(200)), up(None));
        let (refused, lost) = (down("connection refused"), down("timed out"));
        assert!(reached(true, Some(&healthy), Some(&refused)).is_ok(), "nothing is exposed yet");
        assert!(reached(true, Some(&lost), Some(&open)).is_ok(), "Istio's manual opens 15443 alone");
        assert!(reached(false, None, Some(&refused)).is_ok(), "packets arrive");
        assert!(reached(true, Some(&refused), Some(&refused)).is_err(), "no pod serves it");
        assert_eq!(reached(false, None, Some(&lost)).unwrap_err(), "connect: timed out");
        assert_eq!(reached(true, Some(&up(Some(503))), Some(&refused)).unwrap_err(), "HTTP status 503");
    }
}
