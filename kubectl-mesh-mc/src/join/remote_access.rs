//! Which clusters still need access to which peers' API servers, and whether an address of each is known.

use mesh_shared::model::names::ClusterName;
use mesh_shared::model::seen::access::{ApiAddress, RemoteSecretFound};
use mesh_shared::model::seen::observed_cluster::ObservedCluster;
use mesh_shared::plugin::finding::codes::access as codes;
use mesh_shared::plugin::finding::{Finding, Findings};

use super::members::{Joining, Member};

/// Access that is missing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RemoteAccessPlan {
    /// Each a reader and the peer that it has to read.
    pub missing: Vec<(ClusterName, ClusterName)>,
}

impl RemoteAccessPlan {
    /// The peers that a cluster does not read yet.
    pub fn peers_of(&self, reader: &ClusterName) -> Vec<&ClusterName> {
        self.missing.iter().filter(|(of, _)| of == reader).map(|(_, peer)| peer).collect()
    }

    /// The clusters that do not read a peer yet.
    pub fn readers_of(&self, peer: &ClusterName) -> Vec<&ClusterName> {
        self.missing.iter().filter(|(_, of)| of == peer).map(|(reader, _)| reader).collect()
    }
}

/// Every ordered pair of members without a remote secret.
///
/// Findings: a member's name is registered for another API server; istiod does not use an existing remote secret; no
/// address of a cluster is known.
pub(super) fn remote_access(joining: &[Joining<'_>], findings: &mut Findings) -> RemoteAccessPlan {
    let mut plan = RemoteAccessPlan::default();
    for Joining { member: reader, seen } in joining {
        for peer in joining.iter().filter(|peer| peer.member.name != reader.name) {
            match seen.access.remote_secrets.iter().find(|secret| registers(secret, &peer.member.name)) {
                Some(secret) => findings.extend(misfit(secret, reader, &peer.member, peer.seen)),
                None => plan.missing.push((reader.name.clone(), peer.member.name.clone())),
            }
        }
        findings.extend(strangers(reader, seen, joining));
    }
    for Joining { member: peer, seen } in joining {
        if !plan.readers_of(&peer.name).is_empty() && seen.access.api_addresses.is_empty() {
            findings.push(
                codes::NO_ADDRESS
                    .found(format!("no address is known at which peers reach the API server of {}", peer.name))
                    .cluster(&peer.name)
                    .context(&peer.context)
                    .because(
                        "the kubeconfig names a loopback address, and EndpointSlice default/kubernetes gives no other",
                    )
                    .fix(format!("name one: --api-server {}=https://HOST:PORT", peer.name)),
            );
        }
    }
    plan
}

fn registers(secret: &RemoteSecretFound, peer: &ClusterName) -> bool {
    secret.clusters.iter().any(|cluster| cluster == peer.as_str())
}

fn misfit(secret: &RemoteSecretFound, reader: &Member, peer: &Member, peer_seen: &ObservedCluster) -> Option<Finding> {
    let object = format!("Secret {}", secret.secret);
    if let Some(fault) = &secret.fault {
        let found = codes::SECRET_UNUSABLE
            .found(format!("the remote secret with which {} reads {} is unusable", reader.name, peer.name))
            .cluster(&reader.name)
            .context(&reader.context)
            .object(object)
            .because(fault.clone());
        return Some(found.fix("delete that Secret and join again"));
    }
    let known = |address: &ApiAddress| secret.server.as_deref() == Some(address.url.as_str());
    let same_authority =
        peer_seen.access.authorities.iter().any(|fingerprint| Some(fingerprint) == secret.server_ca.as_ref());
    if peer_seen.access.api_addresses.iter().any(known) || same_authority {
        return None;
    }
    let found = codes::NAME_OF_ANOTHER_CLUSTER
        .found(format!("{} already reads another cluster under the name {}", reader.name, peer.name))
        .cluster(&reader.name)
        .context(&reader.context)
        .object(object)
        .because(format!(
            "it leads to {}, whose certificate authority is not that of context {}",
            secret.server.as_deref().unwrap_or("an unknown address"),
            peer.context
        ));
    Some(
        found
            .fix(format!("give the new cluster another name: --cluster-name '{}=NAME'", peer.context))
            .fix("or delete that Secret if the old cluster is gone"),
    )
}

fn strangers(reader: &Member, seen: &ObservedCluster, joining: &[Joining<'_>]) -> Option<Finding> {
    let others: Vec<&str> = seen
        .access
        .remote_secrets
        .iter()
        .flat_map(|secret| secret.clusters.iter().map(String::as_str))
        .filter(|cluster| !joining.iter().any(|one| one.member.name.as_str() == *cluster))
        .collect();
    (!others.is_empty()).then(|| {
        let what = format!(
            "{} also reads {}, which no context names here: they will not know the new members",
            reader.name,
            others.join(", ")
        );
        codes::STRANGER.found(what).cluster(&reader.name).context(&reader.context).as_documented()
    })
}
