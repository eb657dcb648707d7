//! Which clusters still need access to which peers' API servers, and whether an address of each is known.

use std::collections::BTreeMap;

use mesh_shared::model::istio::remote_secret::reading::RegisteredCluster;
use mesh_shared::model::istio::remote_secret::rotation::losses;
use mesh_shared::model::istio::remote_secret::standing::{Standing, judge, leads_to};
use mesh_shared::model::names::ClusterName;
use mesh_shared::model::seen::access::RemoteSecretFound;
use mesh_shared::plugin::finding::codes::access as codes;
use mesh_shared::plugin::finding::{Finding, Findings};
use mesh_shared::plugin::text;

use super::members::{Joining, Member, governing};

/// Access that is missing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RemoteAccessPlan {
    /// Each a reader and the peer that it has to read.
    pub missing: Vec<(ClusterName, ClusterName)>,
    /// Those of them for which a remote secret of ours exists that no longer fits, with its resource version.
    pub renewed: BTreeMap<(ClusterName, ClusterName), String>,
    /// Clusters that members read and that no context names, each with the members that read it.
    pub unnamed: BTreeMap<String, Vec<ClusterName>>,
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

/// Every ordered pair of members without a remote secret that works.
///
/// Findings: a member's name is registered for another API server, or a member under another name; a remote secret that
/// istiod does not use, or that no longer fits the peer; no address of a cluster is known.
pub(super) fn remote_access(joining: &[Joining<'_>], findings: &mut Findings) -> RemoteAccessPlan {
    let mut plan = RemoteAccessPlan::default();
    for reader in joining {
        for peer in joining.iter().filter(|peer| peer.member.name != reader.member.name) {
            let name = &peer.member.name;
            let mut all = reader.seen.access.remote_secrets.iter();
            let of_peer = all.find_map(|secret| Some((secret, registered(secret, name)?)));
            let pair = (reader.member.name.clone(), name.clone());
            match of_peer {
                Some((secret, found)) => {
                    let judged = judged(secret, found, reader, peer);
                    if judged.is_renewed {
                        plan.renewed.insert(pair.clone(), secret.resource_version.clone());
                        plan.missing.push(pair);
                    }
                    findings.extend(judged.findings);
                }
                None => match under_another_name(reader, peer, joining) {
                    Some(finding) => findings.push(finding),
                    None => plan.missing.push(pair),
                },
            }
        }
        for stranger in strangers(reader, joining) {
            plan.unnamed.entry(stranger.to_owned()).or_default().push(reader.member.name.clone());
        }
        findings.extend(reads_strangers(reader, joining));
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

fn registered<'a>(secret: &'a RemoteSecretFound, peer: &ClusterName) -> Option<&'a RegisteredCluster> {
    secret.clusters.iter().find(|cluster| cluster.cluster == peer.as_str())
}

/// What a remote secret for a peer comes to.
#[derive(Default)]
struct Judged {
    is_renewed: bool,
    findings: Vec<Finding>,
}

impl Judged {
    fn refused(finding: Finding) -> Self {
        Self { is_renewed: false, findings: vec![finding] }
    }
}

fn judged(secret: &RemoteSecretFound, found: &RegisteredCluster, reader: &Joining<'_>, peer: &Joining<'_>) -> Judged {
    let (to, from) = (&peer.member, &reader.member);
    let object = format!("Secret {}", secret.secret);
    if let Some(fault) = &secret.fault {
        let found = codes::SECRET_UNUSABLE
            .found(format!("the remote secret with which {} reads {} is unusable", from.name, to.name))
            .cluster(&from.name)
            .context(&from.context)
            .object(object)
            .because(fault.clone());
        return Judged::refused(found.fix("delete that Secret and join again"));
    }
    let answer = reader.seen.access.token_answers.get(to.name.as_str());
    match judge(found, &peer.seen.access, answer) {
        Standing::AsWanted => Judged::default(),
        Standing::OfAnother => Judged::refused(of_another(found, object, from, to)),
        Standing::Stale(differences) if secret.ours && secret.clusters.len() == 1 => {
            let renewed = codes::RENEWED
                .found(format!(
                    "the remote secret with which {} reads {} no longer fits and is renewed: {}",
                    from.name,
                    to.name,
                    differences.join("; ")
                ))
                .cluster(&from.name)
                .context(&from.context)
                .object(object)
                .as_documented();
            let loses = renewal_loses(reader, to);
            Judged { is_renewed: true, findings: std::iter::once(renewed).chain(loses).collect() }
        }
        Standing::Stale(differences) => {
            let found = codes::STALE_CREDENTIAL
                .found(format!(
                    "{} cannot read {}, or only until its istiod restarts: address, authority or token are not those of {}",
                    from.name, to.name, to.name
                ))
                .cluster(&from.name)
                .context(&from.context)
                .object(object)
                .because(differences.join("; "));
            let server = peer.seen.access.api_addresses.first().map_or("https://HOST:PORT", |at| at.url.as_str());
            Judged::refused(
                found
                    .fix(format!(
                        "renew it as it was made: istioctl create-remote-secret --context {} --name {} --server {server} | kubectl apply --context {} -f -",
                        to.context, to.name, from.context
                    ))
                    .fix(format!(
                        "or delete it and join again: kubectl --context {} delete secret -n {NAMESPACE} {}",
                        from.context, secret.secret
                    )),
            )
        }
    }
}

/// The namespace in lines to copy: the one that control planes govern.
const NAMESPACE: &str = "istio-system";

fn renewal_loses(reader: &Joining<'_>, peer: &Member) -> Option<Finding> {
    let istio = governing(reader.seen, NAMESPACE).ok().flatten()?;
    let version = istio.spec_text(&["version"])?;
    let losses = losses(version);
    if losses.is_empty() {
        return None;
    }
    let what: Vec<String> = losses.iter().map(|loss| format!("{} (istio/istio#{})", loss.what, loss.issue)).collect();
    let from = &reader.member;
    let found = codes::RENEWAL_LOSES
        .found(format!(
            "istiod {version} of {} {} when the credential of {} changes",
            from.name,
            text::list(&what),
            peer.name
        ))
        .cluster(&from.name)
        .context(&from.context);
    Some(found.fix(format!(
        "restart it after the join: kubectl --context {} -n {NAMESPACE} rollout restart deployment -l app=istiod",
        from.context
    )))
}

fn of_another(found: &RegisteredCluster, object: String, reader: &Member, peer: &Member) -> Finding {
    codes::NAME_OF_ANOTHER_CLUSTER
        .found(format!("{} already reads another cluster under the name {}", reader.name, peer.name))
        .cluster(&reader.name)
        .context(&reader.context)
        .object(object)
        .because(format!(
            "it leads to {}, whose certificate authority is not that of context {}",
            found.server.as_deref().unwrap_or("an unknown address"),
            peer.context
        ))
        .fix(format!("give the new cluster another name: --cluster-name '{}=NAME'", peer.context))
        .fix("or delete that Secret if the old cluster is gone")
}

/// A member that a reader has registered under the name of no member: by its address, or by its token.
fn under_another_name(reader: &Joining<'_>, peer: &Joining<'_>, joining: &[Joining<'_>]) -> Option<Finding> {
    let access = &peer.seen.access;
    let is_peer = |found: &&RegisteredCluster| {
        let has_its_token = found.token.is_some() && found.token == access.reader_token;
        is_stranger(&found.cluster, joining) && (leads_to(found, access) || has_its_token)
    };
    let found = reader.seen.access.remote_secrets.iter().flat_map(|secret| &secret.clusters).find(is_peer)?;
    let (from, to) = (&reader.member, &peer.member);
    Some(
        codes::UNDER_ANOTHER_NAME
            .found(format!("{} already reads {} under the name {}", from.name, to.name, found.cluster))
            .cluster(&from.name)
            .context(&from.context)
            .object(format!("Secret {}", found.secret))
            .because(format!(
                "the control plane there calls itself {}: registered a second time, each of its endpoints would be there twice",
                to.name
            ))
            .fix(format!(
                "delete that Secret and join again; until then {} does not know the endpoints of {}: kubectl --context {} delete secret -n {NAMESPACE} {}",
                from.name, to.name, from.context, found.secret
            )),
    )
}

fn is_stranger(cluster: &str, joining: &[Joining<'_>]) -> bool {
    !joining.iter().any(|one| one.member.name.as_str() == cluster)
}

/// The clusters that a member reads and that no context names.
fn strangers<'a>(reader: &'a Joining<'_>, joining: &[Joining<'_>]) -> Vec<&'a str> {
    let all = reader.seen.access.remote_secrets.iter().flat_map(|secret| &secret.clusters);
    all.map(|found| found.cluster.as_str()).filter(|cluster| is_stranger(cluster, joining)).collect()
}

fn reads_strangers(reader: &Joining<'_>, joining: &[Joining<'_>]) -> Option<Finding> {
    let others = strangers(reader, joining);
    (!others.is_empty()).then(|| {
        let what = format!(
            "{} also reads {}, which no context names here: they will not know the new members",
            reader.member.name,
            others.join(", ")
        );
        codes::STRANGER.found(what).cluster(&reader.member.name).context(&reader.member.context).as_documented()
    })
}
