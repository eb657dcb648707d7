//! The parts of istiod's mesh configuration by which clusters fit together.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

use super::discovery_selectors::DiscoverySelectors;
use super::trust_domain;
use super::trust_domain::TrustDomain;

/// What a mesh configuration (`meshConfig`) says of identities and of the namespaces that are looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct MeshSettings {
    /// `trustDomain` and what is accepted beside it.
    pub trust_domain: TrustDomain,
    /// `discoverySelectors`.
    pub discovery_selectors: DiscoverySelectors,
}

impl MeshSettings {
    /// Reads them, with Istio's defaults for what is not set.
    ///
    /// # Errors
    /// Why the configuration cannot be read.
    pub fn read(mesh: &Value) -> Result<Self, String> {
        let texts = |value: &Value| -> BTreeSet<String> {
            value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let authorities = mesh["caCertificates"].as_array().into_iter().flatten();
        let name = mesh["trustDomain"].as_str().filter(|name| !name.is_empty());
        Ok(Self {
            trust_domain: TrustDomain {
                name: name.unwrap_or(trust_domain::DEFAULT).to_owned(),
                aliases: texts(&mesh["trustDomainAliases"]),
                of_clients: authorities.flat_map(|authority| texts(&authority["trustDomains"])).collect(),
                any_client: false,
            },
            discovery_selectors: DiscoverySelectors::read(&mesh["discoverySelectors"])
                .map_err(|why| format!("discoverySelectors: {why}"))?,
        })
    }

    /// The same from the text of a ConfigMap's key `mesh`.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub fn of_yaml(text: &str) -> Result<Self, String> {
        Self::read(&serde_yaml::from_str(text).map_err(|error| error.to_string())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_set_has_istios_default() {
        assert_eq!(MeshSettings::of_yaml(""), Ok(MeshSettings::default()));
        assert_eq!(MeshSettings::default().trust_domain.name, "cluster.local");
        assert!(MeshSettings::default().discovery_selectors.select_all());
    }

    #[test]
    fn identities_and_selectors_are_read() {
        let text = "trustDomain: east.example\ntrustDomainAliases: [old]\ncaCertificates:\n- trustDomains: [guest]\n\
                    discoverySelectors:\n- matchLabels: {mesh: a}\n";
        let settings = MeshSettings::of_yaml(text).unwrap();
        assert!(settings.trust_domain.accepts_servers_of("old") && settings.trust_domain.accepts_clients_of("guest"));
        assert!(!settings.discovery_selectors.select(&[("mesh".to_owned(), "b".to_owned())].into()));
        assert!(MeshSettings::of_yaml("discoverySelectors: 7").is_err());
        assert!(MeshSettings::of_yaml("a: [").is_err());
    }
}
