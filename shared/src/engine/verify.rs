//! Asks what was built whether it works.

use std::net::IpAddr;
use std::time::Duration;

use mesh_probe::line::{Kind, Outcome, Target};

use super::remote_access::ask;
use super::world::{Handle, World};
use crate::cluster::istiod;
use crate::cluster::istiod::Replica;
use crate::model::istio::gateway::STATUS_PORT;
use crate::model::names::ClusterName;
use crate::plugin::error::{Error, Result};

/// How often istiod is asked while it still gathers.
const PAUSE: Duration = Duration::from_millis(150);

/// Waits until every ready istiod has each peer synced and the peer's gateway among its networks.
pub(super) async fn discovery(
    world: &World,
    name: &ClusterName,
    member: &Handle,
    peers: &[ClusterName],
    progress: &(dyn Fn(String) + Send + Sync),
) -> Result<()> {
    loop {
        let replicas = istiod::replicas(&member.cluster, &world.system_namespace, world.deadline).await?;
        let Some(missing) = first_missing(world, &replicas, peers)? else { return Ok(()) };
        progress(missing.clone());
        if tokio::time::Instant::now() + PAUSE > world.deadline {
            return Err(Error::failed(format!("the control plane of {name} does not see every peer"))
                .at(format!("context {}, istiod in {}", member.cluster.context, world.system_namespace))
                .because(missing)
                .fix("look into istiod's log for the peer's name, then run the join again"));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn first_missing(world: &World, replicas: &[Replica], peers: &[ClusterName]) -> Result<Option<String>> {
    if replicas.is_empty() {
        return Ok(Some("no istiod is ready".into()));
    }
    for replica in replicas {
        for peer in peers {
            let state = replica.clusters.iter().find(|cluster| cluster.cluster == peer.as_str());
            match state {
                None => return Ok(Some(format!("{} does not know {peer}", replica.pod))),
                Some(state) if state.state != "synced" => {
                    return Ok(Some(format!("{} has {peer} {}", replica.pod, state.state)));
                }
                Some(_) => {}
            }
            let network = &world.member(peer)?.network;
            if !replica.gateways.iter().any(|gateway| gateway.network == network.as_str()) {
                let addresses = world.board.notes().gateways.get(peer).cloned().unwrap_or_default();
                return Ok(Some(format!("{} knows no gateway of {network}{}", replica.pod, to_resolve(&addresses))));
            }
        }
    }
    Ok(None)
}

/// The names among a gateway's addresses: istiod knows a gateway that has one only once it has resolved it, by the name service
/// of its own pod (istio/istio pilot/pkg/model/network.go).
fn to_resolve(addresses: &[String]) -> String {
    let names: Vec<&str> =
        addresses.iter().map(String::as_str).filter(|address| address.parse::<IpAddr>().is_err()).collect();
    if names.is_empty() { String::new() } else { format!(", and has to resolve {} for it", names.join(", ")) }
}

/// Asks each peer's gateway for its health from this cluster's network. Before anything is exposed 15443 is refused and that
/// is right; 15021 answers.
pub(super) async fn gateways(world: &World, name: &ClusterName, member: &Handle, peers: &[ClusterName]) -> Result<()> {
    let mut asked: Vec<(&ClusterName, String)> = Vec::new();
    for peer in peers {
        let addresses = world.board.notes().gateways.get(peer).cloned().unwrap_or_default();
        let first = addresses.into_iter().next();
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
        let answers = ask(world, name, member, targets()).await?;
        let fault = answers.iter().find_map(|answer| match &answer.outcome {
            Outcome::Ok { http_status: Some(200), .. } => None,
            Outcome::Ok { http_status, .. } => {
                Some((answer.id.clone(), format!("HTTP status {}", http_status.unwrap_or_default())))
            }
            Outcome::Error { stage, reason } => Some((answer.id.clone(), format!("{stage}: {reason}"))),
        });
        let Some((id, why)) = fault else { return Ok(()) };
        if tokio::time::Instant::now() + PAUSE > world.deadline {
            let index: usize = id.parse().unwrap_or_default();
            let (peer, address) =
                asked.get(index).map_or(("a peer", ""), |(peer, address)| (peer.as_str(), address.as_str()));
            return Err(Error::failed(format!("the gateway of {peer} does not answer from {name}"))
                .at(format!("http://{address}:{STATUS_PORT}/healthz/ready"))
                .because(why)
                .fix(format!("open the way from the pods of {name} to that address: ports {STATUS_PORT} and 15443")));
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
        assert_eq!(text(&["lb.east.example.com"]), ", and has to resolve lb.east.example.com for it");
        assert_eq!(text(&["10.0.0.1", "fd00::1"]), "");
    }
}
