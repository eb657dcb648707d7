//! The probe as a program: what goes in, what comes out, against real servers with certificates of their own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::format_collect)]

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use aws_lc_rs::digest::{SHA256, digest};
use mesh_probe::line::{Bearer, Kind, Outcome, Request, Stage, Target, read_answers};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

fn probe(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mesh-probe"));
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(arguments: &[&str], input: &str) -> std::process::Output {
    let mut child = probe(arguments).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn reach(targets: Vec<Target>) -> BTreeMap<String, Outcome> {
    let output = run(&["reach"], &serde_json::to_string(&Request { targets }).unwrap());
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let answers = read_answers(&String::from_utf8(output.stdout).unwrap()).unwrap();
    answers.into_iter().map(|answer| (answer.id, answer.outcome)).collect()
}

fn target(id: &str, address: &str, kind: Kind) -> Target {
    Target { id: id.into(), address: address.into(), timeout_ms: 5000, kind }
}

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn pem(&self) -> String {
        self.0.pem()
    }

    /// A server whose certificate is for `name`; it answers 401 and hands over every request it reads.
    fn serve(&self, name: &str) -> (String, CertificateDer<'static>, mpsc::Receiver<String>) {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec![name.into()]).unwrap().signed_by(&key, &self.0).unwrap();
        let der = certificate.der().clone();
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![der.clone()], PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())))
            .unwrap();
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (sender, requests) = mpsc::channel();
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let mut stream = StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), connection);
                let mut request = vec![0; 4096];
                let Ok(read) = stream.read(&mut request) else { continue };
                let _ = sender.send(String::from_utf8_lossy(&request[..read]).into_owned());
                let _ = stream.write_all(b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n");
            }
        });
        (address, der, requests)
    }
}

fn tls(ca_pem: &str, server_name: Option<&str>) -> Kind {
    Kind::Tls { ca_pem: ca_pem.into(), server_name: server_name.map(Into::into) }
}

fn stage(outcome: &Outcome) -> Option<Stage> {
    match outcome {
        Outcome::Ok { .. } => None,
        Outcome::Error { stage, .. } => Some(*stage),
    }
}

#[test]
fn a_certificate_is_verified_against_the_given_authority_and_the_address() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let (by_address, shown, _) = authority.serve("127.0.0.1");
    let (by_name, _, _) = authority.serve("api.east.example");
    let outcomes = reach(vec![
        target("address", &by_address, tls(&authority.pem(), None)),
        target("one of two", &by_address, tls(&[stranger.pem(), authority.pem()].concat(), None)),
        target("name", &by_name, tls(&authority.pem(), Some("api.east.example"))),
        target("wrong name", &by_name, tls(&authority.pem(), None)),
        target("stranger", &by_address, tls(&stranger.pem(), None)),
    ]);
    let fingerprint: String = digest(&SHA256, &shown).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(
        matches!(&outcomes["address"], Outcome::Ok { peer: Some(peer), http_status: None, .. } if *peer == fingerprint)
    );
    assert_eq!(
        ["one of two", "name", "wrong name", "stranger"].map(|id| stage(&outcomes[id])),
        [None, None, Some(Stage::Tls), Some(Stage::Tls)],
        "{outcomes:?}"
    );
}

#[test]
fn a_token_reaches_the_server_and_no_output() {
    let authority = Authority::new();
    let (address, _, requests) = authority.serve("127.0.0.1");
    let kind = Kind::Https {
        ca_pem: authority.pem(),
        server_name: None,
        path: "/version".into(),
        bearer: Some(Bearer::new("eyJ.s3cret")),
    };
    let request = serde_json::to_string(&Request { targets: vec![target("api", &address, kind)] }).unwrap();
    let output = run(&["reach"], &request);
    let printed = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(printed.contains("\"http_status\":401") && !printed.contains("s3cret"), "{printed}");
    let seen = requests.recv_timeout(Duration::from_secs(5)).unwrap();
    assert!(seen.starts_with("GET /version HTTP/1.1\r\n"), "{seen}");
    assert!(seen.contains("\r\nAuthorization: Bearer eyJ.s3cret\r\n"), "{seen}");
}

#[test]
fn a_broken_request_is_refused_without_showing_it() {
    let output = run(&["reach"], r#"{"targets":[{"id":"a","address":"a:1","timeout_ms":"s3cret"}]}"#);
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("line 1 column") && !said.contains("s3cret"), "{said}");
}

#[test]
fn waiting_ends_by_itself() {
    let start = Instant::now();
    assert!(run(&["wait", "--for", "1"], "").status.success());
    assert!(start.elapsed() >= Duration::from_secs(1));
    assert_eq!(run(&["wait", "--for", "ever"], "").status.code(), Some(2));
}
