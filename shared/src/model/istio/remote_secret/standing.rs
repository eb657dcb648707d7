//! Whether a remote secret still leads to the cluster that it names, and is let in there.

use serde::Serialize;

use super::reading::RegisteredCluster;
use crate::model::pki::chain::{Fingerprint, parse_bundle};
use crate::model::seen::access::RemoteAccess;

/// What the peer's API server said to the token of a remote secret, asked from this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TokenAnswer {
    /// It knows the token.
    Accepted,
    /// It does not.
    Refused,
    /// Nothing that says either.
    NotKnown(String),
}

/// What a remote secret is worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Address, authority and token are the peer's, as far as they are known.
    AsWanted,
    /// It is for the peer, and no longer fits it: what differs.
    Stale(Vec<String>),
    /// Neither address, authority nor token are the peer's.
    OfAnother,
}

/// Judges what one cluster has registered against what is known of the peer of that name.
pub fn judge(registered: &RegisteredCluster, peer: &RemoteAccess, answer: Option<&TokenAnswer>) -> Standing {
    let has_address = leads_to(registered, peer);
    let shares_authority = registered.authorities.iter().any(|one| peer.authorities.contains(one));
    let is_let_in = answer == Some(&TokenAnswer::Accepted);
    if !has_address && !shares_authority && !is_let_in {
        return Standing::OfAnother;
    }
    let mut differences = Vec::new();
    if !has_whole_authority(registered, peer) {
        differences.push(format!(
            "its certificate authority is {}, that of the API server is {}",
            shown(&registered.authorities),
            shown(&peer.authorities)
        ));
    }
    if answer == Some(&TokenAnswer::Refused) {
        differences.push("its token is refused by the API server".to_owned());
    }
    if differences.is_empty() { Standing::AsWanted } else { Standing::Stale(differences) }
}

/// Whether the address is one of those at which the peer is reached.
pub fn leads_to(registered: &RegisteredCluster, peer: &RemoteAccess) -> bool {
    let normal = |url: &str| url.trim_end_matches('/').trim_end_matches(":443").to_ascii_lowercase();
    let server = registered.server.as_deref().map(normal);
    peer.api_addresses.iter().any(|address| server.as_deref() == Some(normal(&address.url).as_str()))
}

/// Whether every certificate of the bundle that is right for some address is there: a part of one ends with the next
/// rotation. A kubeconfig without authority relies on istiod's own roots.
fn has_whole_authority(registered: &RegisteredCluster, peer: &RemoteAccess) -> bool {
    if registered.authorities.is_empty() || peer.authorities.is_empty() {
        return true;
    }
    let bundles: Vec<Vec<Fingerprint>> = peer
        .api_addresses
        .iter()
        .filter_map(|address| parse_bundle(address.ca_pem.as_bytes()).ok())
        .map(|bundle| bundle.iter().map(|certificate| certificate.fingerprint).collect())
        .filter(|bundle: &Vec<Fingerprint>| !bundle.is_empty())
        .collect();
    if bundles.is_empty() {
        return registered.authorities.iter().any(|one| peer.authorities.contains(one));
    }
    bundles.iter().any(|bundle| bundle.iter().all(|one| registered.authorities.contains(one)))
}

fn shown(fingerprints: &[Fingerprint]) -> String {
    fingerprints.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::pki::authority::tests::root;
    use crate::model::seen::access::{AddressSource, ApiAddress};

    const URL: &str = "https://west.example:6443";

    fn registered(server: &str, authorities: &[Fingerprint]) -> RegisteredCluster {
        RegisteredCluster {
            secret: "istio-remote-secret-west".into(),
            cluster: "west".into(),
            server: Some(server.into()),
            server_ca: authorities.first().copied(),
            authorities: authorities.to_vec(),
            token: Some(Fingerprint::of(b"token")),
            faults: Vec::new(),
        }
    }

    /// A peer with this bundle, and the fingerprints in it.
    fn peer(certificates: usize) -> (RemoteAccess, Vec<Fingerprint>) {
        let bundle: Vec<_> = (0..certificates).map(|_| root().certificate).collect();
        let authorities: Vec<Fingerprint> = bundle.iter().map(|certificate| certificate.fingerprint).collect();
        let ca_pem = bundle.iter().map(crate::model::pki::chain::Certificate::pem).collect();
        let address = ApiAddress { url: URL.into(), ca_pem, source: AddressSource::Endpoint };
        let access =
            RemoteAccess { api_addresses: vec![address], authorities: authorities.clone(), ..RemoteAccess::default() };
        (access, authorities)
    }

    fn differs(standing: &Standing) -> Vec<&str> {
        let Standing::Stale(differences) = standing else { return vec![] };
        let word = |text: &String| if text.contains("token") { "token" } else { "authority" };
        differences.iter().map(word).collect()
    }

    #[test]
    fn address_authority_and_token_of_the_peer_are_as_wanted() {
        let (west, authorities) = peer(1);
        let found = registered("https://West.example:6443/", &authorities);
        assert_eq!(judge(&found, &west, Some(&TokenAnswer::Accepted)), Standing::AsWanted);
        assert_eq!(judge(&found, &west, Some(&TokenAnswer::NotKnown("no".into()))), Standing::AsWanted);
        assert_eq!(judge(&registered(URL, &[]), &west, None), Standing::AsWanted, "istiod has roots of its own");
    }

    #[test]
    fn a_token_that_is_refused_makes_it_stale() {
        let (west, authorities) = peer(1);
        let found = judge(&registered(URL, &authorities), &west, Some(&TokenAnswer::Refused));
        assert_eq!(differs(&found), ["token"]);
    }

    #[test]
    fn an_authority_of_a_cluster_that_is_gone_makes_it_stale() {
        let (west, _) = peer(1);
        let found = judge(&registered(URL, &[Fingerprint::of(b"old")]), &west, Some(&TokenAnswer::Refused));
        assert_eq!(differs(&found), ["authority", "token"]);
    }

    #[test]
    fn a_part_of_an_authority_is_not_the_whole() {
        let (west, authorities) = peer(2);
        assert_eq!(differs(&judge(&registered(URL, &authorities[..1]), &west, None)), ["authority"]);
        assert_eq!(judge(&registered(URL, &authorities), &west, None), Standing::AsWanted);
    }

    #[test]
    fn an_unknown_address_is_the_peers_if_its_token_or_authority_is() {
        let (west, authorities) = peer(1);
        let other = "https://10.9.9.9:6443";
        assert_eq!(judge(&registered(other, &[Fingerprint::of(b"x")]), &west, None), Standing::OfAnother);
        assert_eq!(judge(&registered(other, &authorities), &west, None), Standing::AsWanted);
        assert_eq!(judge(&registered(other, &[]), &west, Some(&TokenAnswer::Accepted)), Standing::AsWanted);
    }
}
