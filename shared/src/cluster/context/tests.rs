//! What users read when an API server cannot be reached, on real sockets.

use std::io::Write;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use super::*;
use crate::cluster::request::Call;

/// A context `east` for this address that only trusts the given authority.
async fn cluster(server: &str, authority: &str, limit: Duration) -> Cluster {
    use base64::Engine;
    let ca = base64::engine::general_purpose::STANDARD.encode(authority);
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let text = format!(
        "apiVersion: v1\nkind: Config\nclusters:\n- name: a\n  cluster: {{server: '{server}', certificate-authority-data: {ca}}}\n\
         users:\n- name: b\n  user: {{token: t}}\ncontexts:\n- name: east\n  context: {{cluster: a, user: b}}\n"
    );
    file.write_all(text.as_bytes()).unwrap();
    let connection = Connection {
        kubeconfig: Some(file.path().to_owned()),
        request_timeout: Some(limit),
        user_agent: "test/1".into(),
        ..Connection::default()
    };
    connect(&connection, &["east".into()]).await.unwrap().remove(0)
}

fn authority() -> (String, CertificateDer<'static>, PrivateKeyDer<'static>) {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let params = rcgen::CertificateParams::new(vec!["127.0.0.1".into()]).unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    (certificate.pem(), certificate.der().clone(), private)
}

async fn fault(server: &str, ca: &str) -> Error {
    let cluster = cluster(server, ca, Duration::from_millis(500)).await;
    cluster.must(Call::get("/version")).await.unwrap_err()
}

#[tokio::test]
async fn nobody_at_the_address_is_unreachable_and_the_address_is_named() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let error = fault(&format!("https://127.0.0.1:{port}"), &authority().0).await;
    assert_eq!(error.what, "cannot reach the API server of east");
    assert_eq!(error.place, Some(format!("context east, https://127.0.0.1:{port}")));
    assert!(error.why.as_ref().unwrap().contains("refused"), "{error:?}");
}

#[tokio::test]
async fn an_address_that_takes_connections_and_says_nothing_ends_at_the_deadline() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let error = fault(&format!("https://{}", listener.local_addr().unwrap()), &authority().0).await;
    assert!(error.what.contains("API server of east"), "{error:?}");
    assert!(error.place.as_ref().unwrap().contains("https://127.0.0.1:"), "{error:?}");
}

#[tokio::test]
async fn a_certificate_of_another_authority_is_told_as_that() {
    let (_, certificate, key) = authority();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let versions = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(versions.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut server = rustls::ServerConnection::new(config.clone()).unwrap();
            let _ = server.complete_io(&mut stream.unwrap());
        }
    });
    let error = fault(&format!("https://{address}"), &authority().0).await;
    assert_eq!(error.what, "the certificate of east's API server comes from an unknown authority", "{error:?}");
}

#[tokio::test]
async fn a_host_that_no_server_knows_is_unreachable() {
    let error = fault("https://no-such-host.invalid:6443", &authority().0).await;
    assert!(error.what.contains("API server of east") && error.exit_code() == 1, "{error:?}");
}

/// A context whose credentials come from a plugin that runs this script.
async fn by_plugin(script: &str) -> Result<Vec<Cluster>> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let text = serde_json::json!({
        "apiVersion": "v1", "kind": "Config",
        "clusters": [{"name": "a", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "b", "user": {"exec": {
            "apiVersion": "client.authentication.k8s.io/v1", "command": "sh", "args": ["-c", script], "interactiveMode": "Never",
        }}}],
        "contexts": [{"name": "east", "context": {"cluster": "a", "user": "b"}}],
    });
    file.write_all(text.to_string().as_bytes()).unwrap();
    let connection =
        Connection { kubeconfig: Some(file.path().to_owned()), user_agent: "test/1".into(), ..Connection::default() };
    connect(&connection, &["east".into()]).await
}

#[tokio::test]
async fn a_plugin_gives_the_credentials() {
    let credential =
        r#"{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"t"}}"#;
    assert_eq!(by_plugin(&format!("echo '{credential}'")).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_plugin_that_fails_is_a_refusal_of_that_context() {
    let error = by_plugin("echo not logged in >&2; exit 3").await.unwrap_err();
    assert_eq!((error.what.as_str(), error.exit_code()), ("no credentials for east", 1));
    assert_eq!(error.place.as_deref(), Some("context east"));
}
