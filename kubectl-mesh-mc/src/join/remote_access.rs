//! Which cluster still has to be given access to which other's API server, and at which addresses that is tried.

use mesh_shared::model::names::ClusterName;
use mesh_shared::model::seen::cluster::{ApiAddress, ObservedCluster, RemoteSecretFound};
use mesh_shared::plugin::error::{Error, Result};

use super::members::Member;

/// Access that is missing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RemoteAccessPlan {
    /// Reader and the peer that it is to read.
    pub missing: Vec<(ClusterName, ClusterName)>,
    /// What should be known before saying yes.
    pub notes: Vec<String>,
}

impl RemoteAccessPlan {
    /// The peers that a cluster is still to read.
    pub fn peers_of(&self, reader: &ClusterName) -> Vec<&ClusterName> {
        self.missing.iter().filter(|(of, _)| of == reader).map(|(_, peer)| peer).collect()
    }

    /// The clusters that are still to read a peer.
    pub fn readers_of(&self, peer: &ClusterName) -> Vec<&ClusterName> {
        self.missing.iter().filter(|(_, of)| of == peer).map(|(reader, _)| reader).collect()
    }
}

/// Every ordered pair of members between which no remote secret stands.
///
/// # Errors
/// A refusal where a member's name is registered for another API server, where a remote secret stands that istiod does not
/// use, and where no address of a cluster is known.
pub(super) fn remote_access(members: &[Member], observed: &[ObservedCluster]) -> Result<RemoteAccessPlan> {
    let mut plan = RemoteAccessPlan::default();
    for (reader, seen) in members.iter().zip(observed) {
        for (peer, peer_seen) in members.iter().zip(observed).filter(|(peer, _)| peer.name != reader.name) {
            match seen.remote_secrets.iter().find(|secret| registers(secret, &peer.name)) {
                Some(secret) => fits(secret, reader, peer, peer_seen)?,
                None => plan.missing.push((reader.name.clone(), peer.name.clone())),
            }
        }
        plan.notes.extend(strangers(reader, seen, members));
    }
    for (peer, seen) in members.iter().zip(observed) {
        if !plan.readers_of(&peer.name).is_empty() && seen.api_addresses.is_empty() {
            return Err(Error::refused(format!(
                "no address is known at which peers reach the API server of {}",
                peer.name
            ))
            .at(format!("context {}", peer.context))
            .because("the kubeconfig names a loopback address, and EndpointSlice default/kubernetes gives no other")
            .fix(format!("name one: --api-server {}=https://HOST:PORT", peer.name)));
        }
    }
    Ok(plan)
}

fn registers(secret: &RemoteSecretFound, peer: &ClusterName) -> bool {
    secret.clusters.iter().any(|cluster| cluster == peer.as_str())
}

fn fits(secret: &RemoteSecretFound, reader: &Member, peer: &Member, peer_seen: &ObservedCluster) -> Result<()> {
    let place = format!("Secret {}, context {}", secret.secret, reader.context);
    if let Some(fault) = &secret.fault {
        return Err(Error::refused(format!(
            "the remote secret by which {} reads {} is not usable",
            reader.name, peer.name
        ))
        .at(place)
        .because(fault.clone())
        .fix("delete that Secret and join again"));
    }
    let known = |address: &ApiAddress| secret.server.as_deref() == Some(address.url.as_str());
    let same_authority = peer_seen.authorities.iter().any(|fingerprint| Some(fingerprint) == secret.server_ca.as_ref());
    if peer_seen.api_addresses.iter().any(known) || same_authority {
        return Ok(());
    }
    Err(Error::refused(format!("{} already reads another cluster under the name {}", reader.name, peer.name))
        .at(place)
        .because(format!(
            "it leads to {}, whose certificate authority is not that of context {}",
            secret.server.as_deref().unwrap_or("an unknown address"),
            peer.context
        ))
        .fix(format!("give the new cluster another name: --cluster-name '{}=NAME'", peer.context))
        .fix("or delete that Secret where the old cluster is gone"))
}

fn strangers(reader: &Member, seen: &ObservedCluster, members: &[Member]) -> Option<String> {
    let others: Vec<&str> = seen
        .remote_secrets
        .iter()
        .flat_map(|secret| secret.clusters.iter().map(String::as_str))
        .filter(|cluster| !members.iter().any(|member| member.name.as_str() == *cluster))
        .collect();
    (!others.is_empty()).then(|| {
        format!(
            "{} also reads {}, which no context names here: they will not know the new members",
            reader.name,
            others.join(", ")
        )
    })
}
