//! Verifies that the mesh works.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use mesh_probe::line::{Kind, Outcome, Target};
use mesh_shared::cluster::istiod;
use mesh_shared::cluster::istiod::Replica;
use mesh_shared::model::istio::east_west_gateway::STATUS_PORT;
use mesh_shared::model::names::ClusterName;
use mesh_shared::plugin::error::{Error, Result};

use super::environment::{Environment, MemberCluster};
use super::remote_access::ask;
use super::tasks::{GatewayAddresses, Probe};

/// The pause before istiod or a gateway is asked again.
const PAUSE: Duration = Duration::from_millis(150);

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
    loop {
        let replicas = istiod::replicas(&member.cluster, system_namespace, *deadline).await?;
        let Some(missing) = first_missing(environment, &replicas, peers)? else { return Ok(()) };
        progress(missing.clone());
        if tokio::time::Instant::now() + PAUSE > *deadline {
            return Err(Error::failed(format!("the control plane of {name} does not see every peer"))
                .at(format!("context {}, istiod in {system_namespace}", member.cluster.context))
                .because(missing)
                .fix("search istiod's log for the peer's name, then run the join again"));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn first_missing(environment: &Environment, replicas: &[Replica], peers: Peers<'_>) -> Result<Option<String>> {
    if replicas.is_empty() {
        return Ok(Some("no istiod is ready".into()));
    }
    // What an istiod without a debug port knows cannot be asked.
    for replica in replicas.iter().filter(|replica| !replica.is_silent) {
        for (peer, addresses) in peers {
            let state = replica.clusters.iter().find(|cluster| cluster.cluster == peer.as_str());
            match state {
                None => return Ok(Some(format!("{} does not know {peer}", replica.pod))),
                Some(state) if state.state != "synced" => {
                    return Ok(Some(format!("{} has {peer} {}", replica.pod, state.state)));
                }
                Some(_) => {}
            }
            let network = &environment.member(peer)?.network;
            if !replica.gateways.iter().any(|gateway| gateway.network == network.as_str()) {
                let unresolved = to_resolve(&addresses.0);
                return Ok(Some(format!("{} knows no gateway of {network}{unresolved}", replica.pod)));
            }
        }
    }
    Ok(None)
}

/// Names the host names among a gateway's addresses: istiod knows such a gateway only once it has resolved them,
/// through its own pod's DNS (istio/istio pilot/pkg/model/network.go).
fn to_resolve(addresses: &[String]) -> String {
    let names: Vec<&str> =
        addresses.iter().map(String::as_str).filter(|address| address.parse::<IpAddr>().is_err()).collect();
    if names.is_empty() { String::new() } else { format!(", and has to resolve {} first", names.join(", ")) }
}

/// Asks each peer's gateway for its health from this cluster's network. Before anything is exposed, 15443
/// refuses, as it should, and 15021 answers.
pub(super) async fn gateways(
    environment: &Environment,
    name: &ClusterName,
    member: &MemberCluster,
    probe: &Probe,
    peers: Peers<'_>,
) -> Result<()> {
    let mut asked: Vec<(&ClusterName, &str)> = Vec::new();
    for (peer, addresses) in peers {
        let first = addresses.0.first();
        let address = first.ok_or_else(|| Error::failed(format!("the gateway of {peer} has no address")).report())?;
        asked.push((peer, address));
    }
    let targets = || {
        asked
            .iter()
            .enumerate()
            .map(|(index, (_, address))| Target {
                id: index.to_string(),
                address: if address.contains(':') {
                    format!("[{address}]:{STATUS_PORT}")
                } else {
                    format!("{address}:{STATUS_PORT}")
                },
                timeout_ms: 3000,
                kind: Kind::Http { path: "/healthz/ready".into() },
            })
            .collect()
    };
    // kube-proxy and clouds take a moment from a Service's address to its first packet.
    loop {
        let answers = ask(environment, member, probe, targets()).await?;
        let fault = answers.iter().find_map(|answer| match &answer.outcome {
            Outcome::Ok { http_status: Some(200), .. } => None,
            Outcome::Ok { http_status, .. } => {
                Some((answer.id.clone(), format!("HTTP status {}", http_status.unwrap_or_default())))
            }
            Outcome::Error { stage, reason } => Some((answer.id.clone(), format!("{stage}: {reason}"))),
        });
        let Some((id, why)) = fault else { return Ok(()) };
        if tokio::time::Instant::now() + PAUSE > environment.deadline {
            let index: usize = id.parse().unwrap_or_default();
            let (peer, address) = asked.get(index).map_or(("a peer", ""), |(peer, address)| (peer.as_str(), *address));
            return Err(Error::failed(format!("the gateway of {peer} does not answer from {name}"))
                .at(format!("http://{address}:{STATUS_PORT}/healthz/ready"))
                .because(why)
                .fix(format!("allow traffic from the pods of {name} to that address: ports {STATUS_PORT} and 15443")));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gateway_that_has_a_name_is_said_to_wait_for_its_address() {
        let text = |addresses: &[&str]| to_resolve(&addresses.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(text(&["lb.east.example.com"]), ", and has to resolve lb.east.example.com first");
        assert_eq!(text(&["10.0.0.1", "fd00::1"]), "");
    }
}
