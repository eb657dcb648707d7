//! Remote secrets, by which one cluster's istiod reads the API server of another, as `istioctl create-remote-secret`
//! writes them (istio/istio istioctl/pkg/multicluster/remote_secret.go).

pub mod reading;
pub mod rotation;
pub mod standing;

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::json;
use zeroize::Zeroizing;

use crate::model::kube::managed_by::MANAGED_BY;
use crate::model::names::ClusterName;
use crate::plugin::yaml;

/// Label by which istiod finds remote secrets in its own namespace; its value is `"true"`.
pub const LABEL: &str = "istio/multiCluster";

/// Annotation with the name of the remote cluster.
pub const CLUSTER_ANNOTATION: &str = "networking.istio.io/cluster";

const PREFIX: &str = "istio-remote-secret-";
const SERVICE_ACCOUNT_ANNOTATION: &str = "kubernetes.io/service-account.name";

/// A bearer token. It has no `Debug`, `Display` or `Serialize`, and its bytes are wiped when it is dropped.
pub struct Token(Zeroizing<String>);

impl Token {
    /// The token, for the two places it may go to: a remote secret and a probe's standard input.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// What the token controller put into a reader's token Secret.
pub struct ReaderCredential {
    /// The CA of the API server according to the cluster; a proxy that terminates TLS has another.
    pub ca_pem: Vec<u8>,
    /// Never expires.
    pub token: Token,
}

/// Name of the remote secret for a cluster.
pub fn secret_name(cluster: &ClusterName) -> String {
    format!("{PREFIX}{cluster}")
}

/// The Secret by which an istiod in `namespace` reads the cluster with this name at this address.
///
/// The name must be the remote control plane's `multiCluster.clusterName`: istiod ignores a Secret with its own name,
/// and endpoints of a cluster under another name find no gateway.
pub fn remote_secret(
    cluster: &ClusterName,
    namespace: &str,
    server: &str,
    ca_pem: &[u8],
    token: &Token,
    managed_by: &str,
) -> Secret {
    let kubeconfig = kubeconfig(cluster.as_str(), server, ca_pem, token);
    Secret {
        metadata: ObjectMeta {
            name: Some(secret_name(cluster)),
            namespace: Some(namespace.into()),
            annotations: Some(BTreeMap::from([(CLUSTER_ANNOTATION.into(), cluster.to_string())])),
            labels: Some(BTreeMap::from([(LABEL.into(), "true".into()), (MANAGED_BY.into(), managed_by.into())])),
            ..ObjectMeta::default()
        },
        data: Some(BTreeMap::from([(cluster.to_string(), ByteString(kubeconfig.into_bytes()))])),
        ..Secret::default()
    }
}

/// Name of the Secret that the token controller fills for a reader account.
pub fn reader_token_name(service_account: &str) -> String {
    format!("{service_account}-istio-remote-secret-token")
}

/// The Secret that the token controller fills with a token that never expires: one from the TokenRequest API would
/// expire, and endpoints would silently freeze.
pub fn reader_token_secret(service_account: &str, namespace: &str, managed_by: &str) -> Secret {
    Secret {
        metadata: ObjectMeta {
            name: Some(reader_token_name(service_account)),
            namespace: Some(namespace.into()),
            annotations: Some(BTreeMap::from([(SERVICE_ACCOUNT_ANNOTATION.into(), service_account.into())])),
            labels: Some(BTreeMap::from([(MANAGED_BY.into(), managed_by.into())])),
            ..ObjectMeta::default()
        },
        type_: Some("kubernetes.io/service-account-token".into()),
        ..Secret::default()
    }
}

/// The credential in a reader's token Secret, or none until the controller has filled it.
pub fn reader_credential(secret: &Secret) -> Option<ReaderCredential> {
    let data = secret.data.as_ref()?;
    let ca_pem = data.get("ca.crt").filter(|value| !value.0.is_empty())?.0.clone();
    let token = data.get("token").filter(|value| !value.0.is_empty())?;
    let token = Zeroizing::new(std::str::from_utf8(&token.0).ok()?.to_owned());
    Some(ReaderCredential { ca_pem, token: Token(token) })
}

/// The kubeconfig, with its fields in istioctl's order.
fn kubeconfig(name: &str, server: &str, ca_pem: &[u8], token: &Token) -> String {
    yaml::document(&json!({
        "apiVersion": "v1",
        "clusters": [{
            "cluster": { "certificate-authority-data": STANDARD.encode(ca_pem), "server": server },
            "name": name,
        }],
        "contexts": [{ "context": { "cluster": name, "user": name }, "name": name }],
        "current-context": name,
        "kind": "Config",
        "users": [{ "name": name, "user": { "token": token.reveal() } }],
    }))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    const CA: &[u8] = b"caData";

    fn token(text: &str) -> Token {
        Token(Zeroizing::new(text.into()))
    }

    fn secret(name: &str) -> Secret {
        let name = ClusterName::new(name).unwrap();
        remote_secret(&name, "istio-system", "https://10.0.0.1:6443", CA, &token("token"), "kubectl-mesh-mc")
    }

    fn kubeconfig_of(secret: &Secret, name: &str) -> String {
        String::from_utf8(secret.data.as_ref().unwrap()[name].0.clone()).unwrap()
    }

    /// As istioctl prints it (its own test, remote_secret_test.go), but with `data` for `stringData`, as the API server
    /// stores it.
    #[test]
    fn it_is_what_istioctl_writes_but_for_our_label() {
        let secret = secret("east");
        let mut value = serde_json::to_value(&secret).unwrap();
        value["metadata"]["labels"].as_object_mut().unwrap().remove("app.kubernetes.io/managed-by").unwrap();
        value.as_object_mut().unwrap().remove("data");
        assert_eq!(
            value,
            json!({
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {
                    "annotations": {"networking.istio.io/cluster": "east"},
                    "labels": {"istio/multiCluster": "true"},
                    "name": "istio-remote-secret-east",
                    "namespace": "istio-system",
                },
            })
        );
        let golden = "\
apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: Y2FEYXRh
    server: https://10.0.0.1:6443
  name: east
contexts:
- context:
    cluster: east
    user: east
  name: east
current-context: east
kind: Config
users:
- name: east
  user:
    token: token
";
        assert_eq!(kubeconfig_of(&secret, "east"), golden);
    }

    #[test]
    fn names_that_yaml_would_not_read_as_text_are_quoted() {
        for name in ["on", "no", "y", "true", "null", "123", "0x1f", "1e3", "0b1", "007", "2001-01-01"] {
            let text = kubeconfig_of(&secret(name), name);
            assert!(text.contains(&format!("current-context: \"{name}\"\n")), "{text}");
            assert_eq!(text.matches(&format!("\"{name}\"")).count(), 6, "{text}");
            let value: Value = serde_yaml::from_str(&text).unwrap();
            assert_eq!(value["current-context"], name);
        }
    }

    #[test]
    fn the_readers_secret_waits_for_its_token() {
        let mut secret = reader_token_secret("istio-reader-service-account", "istio-system", "kubectl-mesh-mc");
        assert_eq!(
            serde_json::to_value(&secret).unwrap(),
            json!({
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {
                    "annotations": {"kubernetes.io/service-account.name": "istio-reader-service-account"},
                    "labels": {"app.kubernetes.io/managed-by": "kubectl-mesh-mc"},
                    "name": "istio-reader-service-account-istio-remote-secret-token",
                    "namespace": "istio-system",
                },
                "type": "kubernetes.io/service-account-token",
            })
        );
        assert!(reader_credential(&secret).is_none());
        let data = [("ca.crt", "CA"), ("token", "abc")].map(|(key, text)| (key.into(), ByteString(text.into())));
        secret.data = Some(data.into());
        let credential = reader_credential(&secret).unwrap();
        assert_eq!((credential.ca_pem.as_slice(), credential.token.reveal()), (&b"CA"[..], "abc"));
    }
}
