//! The kubeconfig's contexts as entries: which address and which authority each leads to. No request is sent.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kube::config::Kubeconfig;

use super::{Connection, file, without_user};
use crate::model::kube::context_entry::ContextEntry;
use crate::model::pki::chain::{Fingerprint, parse_bundle};
use crate::plugin::error::Result;

/// All contexts that name a cluster entry, in the order of the kubeconfig, and the name of the current one.
///
/// # Errors
/// Where the kubeconfig is missing or broken.
pub fn entries(connection: &Connection) -> Result<(Vec<ContextEntry>, Option<String>)> {
    let kubeconfig = file::read(connection)?;
    let found = kubeconfig.contexts.iter().filter_map(|named| {
        let context = named.context.as_ref()?;
        let cluster = kubeconfig.clusters.iter().find(|cluster| cluster.name == context.cluster)?.cluster.as_ref()?;
        Some(ContextEntry {
            context: named.name.clone(),
            cluster: context.cluster.clone(),
            user: connection.user.clone().or_else(|| context.user.clone()).unwrap_or_default(),
            server: without_user(cluster.server.as_deref().unwrap_or_default()),
            authorities: authorities(cluster),
        })
    });
    let found = found.collect();
    Ok((found, current(&kubeconfig)))
}

fn current(kubeconfig: &Kubeconfig) -> Option<String> {
    kubeconfig.current_context.clone().filter(|name| !name.is_empty())
}

fn authorities(cluster: &kube::config::Cluster) -> Vec<Fingerprint> {
    let pem = match (&cluster.certificate_authority_data, &cluster.certificate_authority) {
        (Some(data), _) => STANDARD.decode(data.trim()).ok(),
        (None, Some(path)) => std::fs::read(path).ok(),
        (None, None) => None,
    };
    let certificates = pem.and_then(|pem| parse_bundle(&pem).ok()).unwrap_or_default();
    certificates.iter().map(|certificate| certificate.fingerprint).collect()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_context_leads_to_an_address_and_its_authorities() {
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        let certificate = rcgen::CertificateParams::new(vec!["a".into()]).unwrap().self_signed(&key).unwrap();
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: east\nclusters:\n- name: a\n  cluster: {{server: 'https://a:1', certificate-authority-data: {}}}\n\
             users: []\ncontexts:\n- name: east\n  context: {{cluster: a, user: b}}\n- name: broken\n  context: {{cluster: gone, user: b}}\n",
            STANDARD.encode(certificate.pem())
        );
        file.write_all(text.as_bytes()).unwrap();
        let mut connection = Connection { kubeconfig: Some(file.path().to_owned()), ..Connection::default() };
        let wanted = ContextEntry {
            context: "east".into(),
            cluster: "a".into(),
            user: "b".into(),
            server: "https://a:1".into(),
            authorities: vec![Fingerprint::of(certificate.der())],
        };
        assert_eq!(entries(&connection).unwrap(), (vec![wanted.clone()], Some("east".into())));
        connection.user = Some("c".into());
        assert_eq!(entries(&connection).unwrap().0, [ContextEntry { user: "c".into(), ..wanted }]);
    }
}
