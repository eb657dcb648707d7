//! Which context of the kubeconfig leads to which registered cluster, and whether the members found are distinct.

use crate::model::istio::remote_secret::reading::RegisteredCluster;
use crate::model::kube::context_entry::ContextEntry;
use crate::model::names::ClusterName;
use crate::plugin::error::{Error, Result};

/// A peer and the context that reaches it, so far matched by address or authority only: its own name must confirm it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// The name under which it is registered.
    pub name: String,
    /// The context.
    pub context: String,
}

/// Returns a context for every cluster that the remote secrets of `begin` register, except `own`, the cluster itself,
/// which istiod ignores as well.
///
/// An address says more than an authority, which several clusters may share. If several contexts reach one cluster as
/// different users, the one with `begin`'s user is taken: the others may be other people's.
///
/// # Errors
/// A refusal that names every cluster without exactly one context, with what is known of it.
pub fn contexts_of_peers(
    registered: &[RegisteredCluster],
    own: &ClusterName,
    entries: &[ContextEntry],
    begin: &ContextEntry,
) -> Result<Vec<Peer>> {
    let mut peers: Vec<Peer> = Vec::new();
    let mut missing = Vec::new();
    for cluster in registered.iter().filter(|cluster| cluster.cluster != own.as_str()) {
        // istiod ignores a second Secret for the same name too.
        if peers.iter().any(|peer| peer.name == cluster.cluster) {
            continue;
        }
        match context_of(cluster, entries, begin) {
            Ok(context) if peers.iter().any(|peer| peer.context == context) => {
                missing
                    .push((cluster, format!("{}: context {context} already leads to another peer", describe(cluster))));
            }
            Ok(context) => peers.push(Peer { name: cluster.cluster.clone(), context: context.to_owned() }),
            Err(why) => missing.push((cluster, why)),
        }
    }
    if registered.iter().all(|cluster| cluster.cluster == own.as_str()) {
        return Err(Error::refused(format!("{own} knows no peers"))
            .at(format!("context {}", begin.context))
            .because("no remote secret exists in istiod's namespace")
            .fix("name the mesh's clusters: --contexts A,B,…"));
    }
    let Some((first, _)) = missing.first() else { return Ok(peers) };
    let names: Vec<&str> = missing.iter().map(|(cluster, _)| cluster.cluster.as_str()).collect();
    let known: Vec<&str> =
        std::iter::once(begin.context.as_str()).chain(peers.iter().map(|peer| peer.context.as_str())).collect();
    let wanted: Vec<String> = names.iter().map(|name| format!("CONTEXT-OF-{}", name.to_uppercase())).collect();
    Err(Error::refused(format!("no context is known for {}", names.join(", ")))
        .at(format!("context {}, Secret {}", begin.context, first.secret))
        .because(missing.iter().map(|(_, why)| why.clone()).collect::<Vec<_>>().join("\n"))
        .fix(format!("name the mesh's clusters: --contexts {},{}", known.join(","), wanted.join(","))))
}

/// # Errors
/// Says why there is no single context.
fn context_of<'a>(
    cluster: &RegisteredCluster,
    entries: &'a [ContextEntry],
    begin: &ContextEntry,
) -> std::result::Result<&'a str, String> {
    let server = cluster.server.as_deref().map(normal);
    let by_server: Vec<&ContextEntry> =
        entries.iter().filter(|entry| server.as_ref().is_some_and(|server| normal(&entry.server) == *server)).collect();
    let by_authority = || -> Vec<&ContextEntry> {
        entries.iter().filter(|entry| cluster.server_ca.is_some_and(|ca| entry.authorities.contains(&ca))).collect()
    };
    let found = if by_server.is_empty() { by_authority() } else { by_server };
    let described = describe(cluster);
    let mut servers: Vec<String> = found.iter().map(|entry| normal(&entry.server)).collect();
    servers.sort();
    servers.dedup();
    match (found.as_slice(), servers.as_slice()) {
        ([], _) => Err(format!("{described}: no cluster in the kubeconfig has that address or authority")),
        ([one], _) => Ok(&one.context),
        (_, [_, _, ..]) => {
            Err(format!("{described}: several clusters in the kubeconfig have that authority ({})", listed(&found)))
        }
        (several, _) => {
            // Contexts with the same cluster and user differ only in their namespace, which does not matter here.
            let one_user = several.iter().all(|entry| entry.user == several[0].user);
            let own = several.iter().find(|entry| one_user || entry.user == begin.user);
            own.map(|entry| entry.context.as_str()).ok_or_else(|| {
                format!("{described}: contexts {} lead there, none as user {}", listed(several), begin.user)
            })
        }
    }
}

fn describe(cluster: &RegisteredCluster) -> String {
    let server = cluster.server.as_deref().unwrap_or("an unknown address");
    let authority = cluster.server_ca.map(|ca| format!(", authority {ca}")).unwrap_or_default();
    format!("{} is registered at {server}{authority}", cluster.cluster)
}

fn listed(entries: &[&ContextEntry]) -> String {
    entries.iter().map(|entry| entry.context.as_str()).collect::<Vec<_>>().join(", ")
}

/// An address normalised: lower case, without the default port and a trailing slash.
fn normal(server: &str) -> String {
    let lower = server.trim_end_matches('/').to_ascii_lowercase();
    lower
        .strip_prefix("https://")
        .and_then(|rest| rest.strip_suffix(":443"))
        .map_or(lower.clone(), |rest| format!("https://{rest}"))
}

/// What distinguishes one member from another.
#[derive(Debug, Clone, Copy)]
pub struct Identity<'a> {
    /// Its context.
    pub context: &'a str,
    /// UID of its kube-system namespace.
    pub uid: &'a str,
    /// Its name in the mesh.
    pub name: &'a str,
}

/// # Errors
/// A refusal if two contexts lead to one cluster, or two clusters have the same name.
pub fn distinct(members: &[Identity<'_>]) -> Result<()> {
    for (index, member) in members.iter().enumerate() {
        for earlier in &members[..index] {
            if earlier.uid == member.uid {
                return Err(Error::refused(format!(
                    "contexts {} and {} are one cluster",
                    earlier.context, member.context
                ))
                .because(format!("namespace kube-system has the UID {} in both", member.uid))
                .fix("name each cluster by one context"));
            }
            if earlier.name == member.name {
                return Err(Error::refused(format!(
                    "the clusters of contexts {} and {} are both called {}",
                    earlier.context, member.context, member.name
                ))
                .because("each istiod takes the other cluster for its own, so they are not a mesh")
                .fix("name clusters of one mesh: --contexts A,B,…"));
            }
        }
    }
    Ok(())
}

/// Checks that a context leads to the peer that it was taken for.
///
/// # Errors
/// A refusal if the cluster has another name.
pub fn confirmed(peer: &Peer, name: &ClusterName, begin: &str) -> Result<()> {
    if peer.name == name.as_str() {
        return Ok(());
    }
    Err(Error::refused(format!("context {} leads to cluster {name}, not to {}", peer.context, peer.name))
        .at(format!("context {}", peer.context))
        .because(format!(
            "{begin} registers a cluster {} at that address or with that authority, but istiod there is called {name}",
            peer.name
        ))
        .fix("name the mesh's clusters: --contexts A,B,…"))
}

#[cfg(test)]
mod tests {
    use crate::model::pki::chain::Fingerprint;

    use super::*;

    fn entry(context: &str, cluster: &str, user: &str, server: &str, authority: &str) -> ContextEntry {
        let authorities = vec![Fingerprint::of(authority.as_bytes())];
        ContextEntry {
            context: context.into(),
            cluster: cluster.into(),
            user: user.into(),
            server: server.into(),
            authorities,
        }
    }

    fn registered(cluster: &str, server: &str, authority: &str) -> RegisteredCluster {
        RegisteredCluster {
            secret: format!("istio-remote-secret-{cluster}"),
            cluster: cluster.into(),
            server: Some(server.into()),
            server_ca: Some(Fingerprint::of(authority.as_bytes())),
            authorities: Vec::new(),
            token: None,
            faults: Vec::new(),
        }
    }

    fn found(entries: &[ContextEntry], registered: &[RegisteredCluster]) -> Result<Vec<String>> {
        let own = ClusterName::new("east").unwrap();
        let peers = contexts_of_peers(registered, &own, entries, &entries[0])?;
        Ok(peers.into_iter().map(|peer| format!("{}={}", peer.name, peer.context)).collect())
    }

    fn east() -> ContextEntry {
        entry("e", "east-api", "me", "https://127.0.0.1:1", "ca-east")
    }

    #[test]
    fn a_peer_is_found_by_its_address() {
        let entries = [east(), entry("w", "west-api", "me", "https://API.west.example.com/", "another")];
        let peer = registered("west", "https://api.west.example.com:443", "ca-west");
        assert_eq!(found(&entries, &[peer]).unwrap(), ["west=w"]);
    }

    #[test]
    fn a_peer_is_found_by_its_authority_where_the_address_is_another() {
        let entries = [east(), entry("w", "west-api", "me", "https://127.0.0.1:2", "ca-west")];
        assert_eq!(found(&entries, &[registered("west", "https://10.0.2.11:6443", "ca-west")]).unwrap(), ["west=w"]);
    }

    #[test]
    fn an_authority_of_several_clusters_says_nothing() {
        let entries = [
            east(),
            entry("w", "west-api", "me", "https://127.0.0.1:2", "ca"),
            entry("n", "north-api", "me", "https://127.0.0.1:3", "ca"),
        ];
        let error = found(&entries, &[registered("west", "https://10.0.2.11:6443", "ca")]).unwrap_err();
        assert_eq!(error.what, "no context is known for west");
        assert!(error.why.unwrap().ends_with("several clusters in the kubeconfig have that authority (w, n)"));
        assert_eq!(error.remedy, ["name the mesh's clusters: --contexts e,CONTEXT-OF-WEST"]);
    }

    #[test]
    fn of_several_contexts_of_a_cluster_the_current_users_is_taken() {
        let west = |context: &str, user: &str| entry(context, "west-api", user, "https://127.0.0.1:2", "ca-west");
        let peer = registered("west", "https://10.0.2.11:6443", "ca-west");
        let entries = [east(), west("w-admin", "admin"), west("w-me", "me"), west("w-me-2", "me")];
        assert_eq!(found(&entries, std::slice::from_ref(&peer)).unwrap(), ["west=w-me"]);
        let error = found(&[east(), west("w-a", "a"), west("w-b", "b")], std::slice::from_ref(&peer)).unwrap_err();
        assert!(error.why.unwrap().ends_with("contexts w-a, w-b lead there, none as user me"));
        // As one gets them from a login per project.
        assert_eq!(found(&[east(), west("w-1", "a"), west("w-2", "a")], &[peer]).unwrap(), ["west=w-1"]);
    }

    #[test]
    fn two_peers_are_never_one_context() {
        let entries = [east(), entry("w", "west-api", "me", "https://127.0.0.1:2", "ca")];
        let peers =
            [registered("west", "https://10.0.2.11:6443", "ca"), registered("old", "https://10.0.9.9:6443", "ca")];
        let error = found(&entries, &peers).unwrap_err();
        assert!(error.why.unwrap().ends_with("context w already leads to another peer"));
    }

    #[test]
    fn what_cannot_be_matched_is_told_with_what_is_known() {
        let entries = [east(), entry("w", "west-api", "me", "https://127.0.0.1:2", "ca-west")];
        let peers = [
            registered("west", "https://127.0.0.1:2", "ca-west"),
            registered("north", "https://10.0.3.1:6443", "ca-north"),
        ];
        let error = found(&entries, &peers).unwrap_err();
        assert_eq!(error.place.as_deref(), Some("context e, Secret istio-remote-secret-north"));
        assert!(error.why.unwrap().starts_with("north is registered at https://10.0.3.1:6443, authority "));
        assert_eq!(error.remedy, ["name the mesh's clusters: --contexts e,w,CONTEXT-OF-NORTH"]);
    }

    #[test]
    fn the_clusters_own_name_is_no_peer() {
        let error = found(&[east()], &[registered("east", "https://127.0.0.1:1", "ca-east")]).unwrap_err();
        assert_eq!(error.what, "east knows no peers");
    }

    #[test]
    fn a_context_of_another_cluster_is_not_confirmed() {
        let peer = Peer { name: "west".into(), context: "w".into() };
        assert!(confirmed(&peer, &ClusterName::new("west").unwrap(), "e").is_ok());
        let error = confirmed(&peer, &ClusterName::new("north").unwrap(), "e").unwrap_err();
        assert_eq!(error.what, "context w leads to cluster north, not to west");
    }

    #[test]
    fn one_cluster_twice_and_one_name_twice_are_refused() {
        let member = |context, uid, name| Identity { context, uid, name };
        assert!(distinct(&[member("e", "1", "east"), member("w", "2", "west")]).is_ok());
        let twice = distinct(&[member("e", "1", "east"), member("w", "1", "east")]).unwrap_err();
        assert_eq!(twice.what, "contexts e and w are one cluster");
        let named = distinct(&[member("e", "1", "east"), member("w", "2", "east")]).unwrap_err();
        assert_eq!(named.what, "the clusters of contexts e and w are both called east");
    }
}
