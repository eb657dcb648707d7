//! Whether workloads of one cluster accept the identities of another's.
//!
//! A client expects a server under the trust domain of the client's own istiod or one of its aliases (istio/istio
//! pilot/pkg/model/push_context.go, `ServiceAccounts`, expanded by pkg/spiffe `ExpandWithTrustDomains`). A server accepts
//! clients of its own trust domain, of its aliases, and of the trust domains that its `caCertificates` name
//! (pilot/pkg/networking/plugin/authn/util.go, `TrustDomainsForValidation`).

use std::collections::BTreeSet;

/// What a control plane says of trust domains.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct TrustDomain {
    /// `trustDomain`, by default `cluster.local`.
    pub name: String,
    /// `trustDomainAliases`.
    pub aliases: BTreeSet<String>,
    /// `caCertificates[].trustDomains`: accepted from clients alone.
    pub of_clients: BTreeSet<String>,
    /// Whether servers take clients of every trust domain (`PILOT_SKIP_VALIDATE_TRUST_DOMAIN`).
    pub any_client: bool,
}

/// Istio's default (istio/istio pkg/config/constants/constants.go, `DefaultClusterLocalDomain`).
pub const DEFAULT: &str = "cluster.local";

impl Default for TrustDomain {
    fn default() -> Self {
        Self::named(DEFAULT)
    }
}

impl TrustDomain {
    /// One without aliases.
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), aliases: BTreeSet::new(), of_clients: BTreeSet::new(), any_client: false }
    }

    /// Whether clients here accept servers of a trust domain.
    pub fn accepts_servers_of(&self, name: &str) -> bool {
        self.name == name || self.aliases.contains(name)
    }

    /// Whether servers here accept clients of a trust domain.
    pub fn accepts_clients_of(&self, name: &str) -> bool {
        self.any_client || self.accepts_servers_of(name) || self.of_clients.contains(name)
    }

    /// The alias that is missing here so that traffic with another cluster passes in both directions; none where none is.
    pub fn lacks<'o>(&self, other: &'o Self) -> Option<&'o str> {
        let complete = self.accepts_servers_of(&other.name) && self.accepts_clients_of(&other.name);
        (!complete).then_some(other.name.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &str, aliases: &[&str]) -> TrustDomain {
        TrustDomain { aliases: aliases.iter().map(|alias| (*alias).to_owned()).collect(), ..TrustDomain::named(name) }
    }

    #[test]
    fn clusters_of_one_trust_domain_need_no_alias() {
        assert_eq!(TrustDomain::default().lacks(&with("cluster.local", &[])), None);
    }

    #[test]
    fn clusters_of_two_trust_domains_need_each_others_as_an_alias() {
        let (east, west) = (with("cluster.local", &[]), with("west.example", &["cluster.local"]));
        assert_eq!(east.lacks(&west), Some("west.example"));
        assert_eq!(west.lacks(&east), None);
        assert_eq!(with("cluster.local", &["west.example"]).lacks(&west), None);
    }

    #[test]
    fn accepting_clients_alone_does_not_let_clients_out() {
        let clients_only = TrustDomain { any_client: true, ..TrustDomain::default() };
        assert_eq!(clients_only.lacks(&with("west.example", &[])), Some("west.example"));
        assert!(clients_only.accepts_clients_of("west.example"));
        let of_ca = TrustDomain { of_clients: ["west.example".to_owned()].into(), ..TrustDomain::default() };
        assert!(of_ca.accepts_clients_of("west.example") && !of_ca.accepts_servers_of("west.example"));
    }
}
