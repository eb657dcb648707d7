//! The remote secrets by which other clusters are read, and the account by which others read this one.

use k8s_openapi::api::core::v1::Secret;
use serde_json::Value;

use super::RemoteTokens;
use crate::model::istio::remote_secret::{LABEL, reader_credential, reading};
use crate::model::kube::managed_by::{MANAGED_BY, MESH_MC};
use crate::model::pki::chain::Fingerprint;
use crate::model::seen::access::RemoteSecretFound;

/// The account's name, unless the chart sets another.
const READER: &str = "istio-reader-service-account";

/// Reads a remote secret; none for any other Secret.
pub(super) fn remote_secret(secret: &Value) -> Option<RemoteSecretFound> {
    if secret["metadata"]["labels"][LABEL] != "true" {
        return None;
    }
    let name = secret["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let found =
        serde_json::from_value::<Secret>(secret.clone()).map(|secret| reading::read(&secret)).unwrap_or_default();
    let faults: Vec<String> = found.iter().flat_map(|cluster| cluster.faults.iter().cloned()).collect();
    let fault = if found.is_empty() {
        Some("it registers no cluster".to_owned())
    } else {
        (!faults.is_empty()).then(|| faults.join("; "))
    };
    Some(RemoteSecretFound {
        secret: name,
        resource_version: secret["metadata"]["resourceVersion"].as_str().unwrap_or_default().to_owned(),
        ours: secret["metadata"]["labels"][MANAGED_BY] == MESH_MC,
        clusters: found,
        fault,
    })
}

/// The reader account that the control plane's chart made: it keeps its label even if its name was changed.
pub(super) fn reader_account(accounts: &[Value]) -> Option<String> {
    let name = |account: &Value| account["metadata"]["name"].as_str().map(str::to_owned);
    let labelled = accounts.iter().find(|account| account["metadata"]["labels"]["app"] == "istio-reader");
    labelled.or_else(|| accounts.iter().find(|account| account["metadata"]["name"] == READER)).and_then(name)
}

/// The token with which the token controller has filled this Secret, as its fingerprint.
pub(super) fn filled(secret: &Value) -> Option<Fingerprint> {
    let credential = reader_credential(&serde_json::from_value::<Secret>(secret.clone()).ok()?)?;
    Some(Fingerprint::of(credential.token.reveal().as_bytes()))
}

/// The tokens of all remote secrets among these Secrets.
pub(super) fn tokens(secrets: &[Value]) -> RemoteTokens {
    let remote = secrets.iter().filter(|secret| secret["metadata"]["labels"][LABEL] == "true");
    let read = remote.filter_map(|secret| serde_json::from_value::<Secret>(secret.clone()).ok());
    RemoteTokens(read.flat_map(|secret| reading::tokens(&secret)).collect())
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde_json::json;

    use super::*;

    #[test]
    fn the_reader_is_found_under_another_name_by_its_label() {
        let account = |name: &str, app: &str| json!({"metadata": {"name": name, "labels": {"app": app}}});
        assert_eq!(
            reader_account(&[account("default", ""), account("reader-2", "istio-reader")]).as_deref(),
            Some("reader-2")
        );
        assert_eq!(reader_account(&[account(READER, "x")]).as_deref(), Some(READER));
        assert_eq!(reader_account(&[account("default", "")]), None);
    }

    #[test]
    fn only_a_secret_with_istios_label_registers_clusters() {
        assert_eq!(remote_secret(&json!({"metadata": {"name": "cacerts"}})), None);
        let empty = json!({"metadata": {"name": "istio-remote-secret-west", "labels": {"istio/multiCluster": "true"}}});
        assert_eq!(remote_secret(&empty).unwrap().fault.as_deref(), Some("it registers no cluster"));
    }

    #[test]
    fn of_several_clusters_in_one_secret_each_has_its_own_address() {
        let kubeconfig = |server: &str| {
            STANDARD.encode(format!(
                "{{clusters: [{{name: a, cluster: {{server: '{server}'}}}}], contexts: [{{name: a, context: {{cluster: a, user: a}}}}], current-context: a, users: [{{name: a, user: {{token: '{server}'}}}}]}}"
            ))
        };
        let secret = json!({
            "metadata": {"name": "all", "resourceVersion": "7", "labels": {LABEL: "true", MANAGED_BY: MESH_MC}},
            "data": {"north": kubeconfig("https://north"), "west": kubeconfig("https://west")},
        });
        let found = remote_secret(&secret).unwrap();
        assert!(found.ours && found.resource_version == "7");
        let servers: Vec<_> = found.clusters.iter().map(|cluster| cluster.server.as_deref().unwrap()).collect();
        assert_eq!(servers, ["https://north", "https://west"]);
        let tokens = tokens(&[secret]).0;
        assert_eq!(
            tokens.iter().map(|(name, token)| (name.as_str(), token.reveal())).collect::<Vec<_>>(),
            [("north", "https://north"), ("west", "https://west")]
        );
    }
}
