//! The remote secrets by which other clusters are read, and the account by which others read this one.

use k8s_openapi::api::core::v1::Secret;
use serde_json::Value;

use crate::model::istio::remote_secret::{LABEL, reader_credential, reading};
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
        server: found.iter().find_map(|cluster| cluster.server.clone()),
        server_ca: found.iter().find_map(|cluster| cluster.server_ca),
        clusters: found.into_iter().map(|cluster| cluster.cluster).collect(),
        fault,
    })
}

/// The reader account that the control plane's chart made: it keeps its label even if its name was changed.
pub(super) fn reader_account(accounts: &[Value]) -> Option<String> {
    let name = |account: &Value| account["metadata"]["name"].as_str().map(str::to_owned);
    let labelled = accounts.iter().find(|account| account["metadata"]["labels"]["app"] == "istio-reader");
    labelled.or_else(|| accounts.iter().find(|account| account["metadata"]["name"] == READER)).and_then(name)
}

/// Whether the token controller has filled this Secret.
pub(super) fn is_filled(secret: &Value) -> bool {
    serde_json::from_value::<Secret>(secret.clone()).is_ok_and(|secret| reader_credential(&secret).is_some())
}

#[cfg(test)]
mod tests {
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
}
