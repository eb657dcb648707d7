//! Tries targets, all at once, each within its timeout.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustls::client::WebPkiServerVerifier;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};

use crate::line::{Answer, Bearer, Kind, Outcome, Stage, Target};

/// A status line is not longer than this.
const STATUS_LINE: usize = 8 << 10;

/// Tries every target and emits each answer as soon as it is known; returns when all are.
///
/// A target that is still being tried when its time is over is answered with the stage that it has reached: a name may
/// take longer to resolve than anyone wants to wait, and nothing can stop that.
pub fn reach(targets: Vec<Target>, mut emit: impl FnMut(&Answer)) {
    let start = Instant::now();
    let (sender, news) = channel();
    let mut open = BTreeMap::new();
    for (number, target) in targets.into_iter().enumerate() {
        let timeout = Duration::from_millis(target.timeout_ms);
        open.insert(number, Open { id: target.id.clone(), timeout, stage: Stage::Resolve });
        let progress = Progress { number, sender: sender.clone() };
        thread::spawn(move || {
            let outcome = attempt(&target, start, &progress);
            progress.tell(News::Done(outcome));
        });
    }
    drop(sender);
    while let Some(next) = open.values().map(|target| target.timeout).min() {
        match news.recv_timeout(next.saturating_sub(start.elapsed())) {
            Ok((number, News::Stage(stage))) => {
                open.entry(number).and_modify(|target| target.stage = stage);
            }
            Ok((number, News::Done(outcome))) => {
                if let Some(target) = open.remove(&number) {
                    emit(&Answer { id: target.id, outcome });
                }
            }
            Err(ended) => {
                let now = start.elapsed();
                let threads_are_gone = ended == RecvTimeoutError::Disconnected;
                open.retain(|_, target| {
                    let waits = target.timeout > now && !threads_are_gone;
                    if !waits {
                        emit(&target.late());
                    }
                    waits
                });
            }
        }
    }
}

/// A target that has no answer yet.
struct Open {
    id: String,
    timeout: Duration,
    stage: Stage,
}

impl Open {
    fn late(&self) -> Answer {
        let reason = format!("no answer within {} ms", self.timeout.as_millis());
        Answer { id: self.id.clone(), outcome: Outcome::Error { stage: self.stage, reason } }
    }
}

enum News {
    Stage(Stage),
    Done(Outcome),
}

struct Progress {
    number: usize,
    sender: Sender<(usize, News)>,
}

impl Progress {
    /// Ignores errors: when the time is over no one listens any more, as it should be.
    fn tell(&self, news: News) {
        let _ = self.sender.send((self.number, news));
    }
}

struct Failure {
    stage: Stage,
    reason: String,
}

fn at(stage: Stage) -> impl Fn(&dyn std::fmt::Display) -> Failure {
    move |reason| Failure { stage, reason: reason.to_string() }
}

fn attempt(target: &Target, start: Instant, progress: &Progress) -> Outcome {
    let deadline = start + Duration::from_millis(target.timeout_ms);
    match answered(target, deadline, progress) {
        Ok((http_status, peer)) => {
            Outcome::Ok { http_status, peer, millis: u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX) }
        }
        Err(Failure { stage, reason }) => Outcome::Error { stage, reason },
    }
}

fn answered(target: &Target, deadline: Instant, progress: &Progress) -> Result<(Option<u16>, Option<String>), Failure> {
    let addresses: Vec<_> = target.address.to_socket_addrs().map_err(|error| at(Stage::Resolve)(&error))?.collect();
    progress.tell(News::Stage(Stage::Connect));
    let connection = connect(&addresses, deadline)?;
    match &target.kind {
        Kind::Tcp => Ok((None, None)),
        Kind::Http { path } => {
            progress.tell(News::Stage(Stage::Http));
            Ok((Some(get(connection, &target.address, path, None)?), None))
        }
        Kind::Tls { ca_pem, server_name } => {
            progress.tell(News::Stage(Stage::Tls));
            let stream = handshake(connection, ca_pem, name(target, server_name.as_deref()))?;
            Ok((None, fingerprint(&stream.conn)))
        }
        Kind::Https { ca_pem, server_name, path, bearer } => {
            progress.tell(News::Stage(Stage::Tls));
            let stream = handshake(connection, ca_pem, name(target, server_name.as_deref()))?;
            let peer = fingerprint(&stream.conn);
            progress.tell(News::Stage(Stage::Http));
            Ok((Some(get(stream, &target.address, path, bearer.as_ref())?), peer))
        }
    }
}

/// Connects to the first address that accepts; if none does, returns the last one's error.
fn connect(addresses: &[SocketAddr], deadline: Instant) -> Result<TcpStream, Failure> {
    let failed = at(Stage::Connect);
    let mut last = failed(&"the name has no address");
    for address in addresses {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        match TcpStream::connect_timeout(address, left) {
            Ok(connection) => {
                let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
                connection.set_read_timeout(Some(left)).map_err(|error| failed(&error))?;
                connection.set_write_timeout(Some(left)).map_err(|error| failed(&error))?;
                return Ok(connection);
            }
            Err(error) => last = failed(&format!("{address}: {error}")),
        }
    }
    Err(last)
}

/// The name expected in the certificate: `server_name`, else the host of the address.
fn name<'a>(target: &'a Target, server_name: Option<&'a str>) -> &'a str {
    server_name.unwrap_or_else(|| host(&target.address))
}

fn host(address: &str) -> &str {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

fn handshake(
    mut connection: TcpStream,
    ca_pem: &str,
    name: &str,
) -> Result<StreamOwned<ClientConnection, TcpStream>, Failure> {
    let failed = at(Stage::Tls);
    let name = ServerName::try_from(name.to_owned()).map_err(|error| failed(&error))?;
    let config = trusting(ca_pem)?;
    let mut tls = ClientConnection::new(Arc::new(config), name).map_err(|error| failed(&error))?;
    while tls.is_handshaking() {
        if tls.complete_io(&mut connection).map_err(|error| failed(&error))? == (0, 0) {
            return Err(failed(&"the connection was closed"));
        }
    }
    Ok(StreamOwned::new(tls, connection))
}

/// A client that only trusts these authorities.
fn trusting(ca_pem: &str) -> Result<ClientConfig, Failure> {
    let failed = at(Stage::Tls);
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(ca_pem.as_bytes()) {
        let certificate = certificate.map_err(|error| failed(&format!("the given authority: {error}")))?;
        roots.add(certificate).map_err(|error| failed(&format!("the given authority: {error}")))?;
    }
    let provider = Arc::new(provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
        .build()
        .map_err(|error| failed(&format!("the given authority: {error}")))?;
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(&error))?
        .with_webpki_verifier(verifier)
        .with_no_client_auth())
}

fn provider() -> CryptoProvider {
    aws_lc_rs::default_provider()
}

/// SHA-256 of the peer's certificate, computed with the hash of a cipher suite to keep the probe small.
fn fingerprint(connection: &ClientConnection) -> Option<String> {
    let certificate = connection.peer_certificates()?.first()?;
    let suite = aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256.tls13()?;
    let digest = suite.common.hash_provider.hash(certificate);
    Some(digest.as_ref().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

/// Sends one request and returns the status of its answer, whatever that is.
fn get(mut stream: impl Read + Write, host: &str, path: &str, bearer: Option<&Bearer>) -> Result<u16, Failure> {
    let failed = at(Stage::Http);
    let request = request(host, path, bearer)
        .ok_or_else(|| failed(&"the path or the token has a character that is not allowed in a request"))?;
    stream.write_all(request.as_bytes()).and_then(|()| stream.flush()).map_err(|error| failed(&error))?;
    let line = first_line(&mut stream).map_err(|error| failed(&error))?;
    status(&line).ok_or_else(|| failed(&"the answer is not HTTP"))
}

fn request(host: &str, path: &str, bearer: Option<&Bearer>) -> Option<String> {
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
    if !path.starts_with('/') || ![host, path].into_iter().chain(bearer.map(Bearer::token)).all(plain) {
        return None;
    }
    let who = bearer.map(|bearer| format!("Authorization: Bearer {}\r\n", bearer.token())).unwrap_or_default();
    let version = env!("CARGO_PKG_VERSION");
    Some(format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: mesh-probe/{version}\r\nAccept: */*\r\nConnection: close\r\n{who}\r\n"
    ))
}

fn first_line(stream: &mut impl Read) -> io::Result<String> {
    let mut line = Vec::new();
    let mut piece = [0; 512];
    while !line.contains(&b'\n') && line.len() < STATUS_LINE {
        match stream.read(&mut piece)? {
            0 => break,
            read => line.extend_from_slice(&piece[..read]),
        }
    }
    let end = line.iter().position(|byte| *byte == b'\n').unwrap_or(line.len());
    Ok(String::from_utf8_lossy(&line[..end]).trim_end().to_owned())
}

fn status(line: &str) -> Option<u16> {
    let mut words = line.split(' ');
    words.next()?.strip_prefix("HTTP/1.")?;
    words.next()?.parse().ok().filter(|status| (100..1000).contains(status))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// A server on a port of its own that reads one request and writes `answer`.
    fn server(answer: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        thread::spawn(move || {
            for mut connection in listener.incoming().flatten() {
                let _ = connection.read(&mut [0; 4096]);
                let _ = connection.write_all(answer.as_bytes());
            }
        });
        address
    }

    fn target(id: &str, address: &str, kind: Kind) -> Target {
        Target { id: id.into(), address: address.into(), timeout_ms: 2000, kind }
    }

    fn outcomes(targets: Vec<Target>) -> BTreeMap<String, Outcome> {
        let mut outcomes = BTreeMap::new();
        reach(targets, |answer| assert!(outcomes.insert(answer.id.clone(), answer.outcome.clone()).is_none()));
        outcomes
    }

    fn stage(outcome: &Outcome) -> Option<Stage> {
        match outcome {
            Outcome::Ok { .. } => None,
            Outcome::Error { stage, .. } => Some(*stage),
        }
    }

    #[test]
    fn any_status_is_an_answer() {
        let address = server("HTTP/1.1 403 Forbidden\r\n\r\n");
        let outcomes = outcomes(vec![target("a", &address, Kind::Http { path: "/version".into() })]);
        assert!(matches!(outcomes["a"], Outcome::Ok { http_status: Some(403), peer: None, .. }), "{outcomes:?}");
    }

    #[test]
    fn each_failure_names_the_stage_it_came_to() {
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let tls = |ca: &str| Kind::Tls { ca_pem: ca.into(), server_name: None };
        let outcomes = outcomes(vec![
            target("resolve", "no-such-name.invalid:1", Kind::Tcp),
            target("connect", &closed, Kind::Tcp),
            target("no authority", &server("hello"), tls("")),
            target("http", &server("hello\n"), Kind::Http { path: "/".into() }),
            target("tcp", &server(""), Kind::Tcp),
        ]);
        assert_eq!(stage(&outcomes["resolve"]), Some(Stage::Resolve));
        assert_eq!(stage(&outcomes["connect"]), Some(Stage::Connect));
        assert_eq!(stage(&outcomes["no authority"]), Some(Stage::Tls));
        assert_eq!(stage(&outcomes["http"]), Some(Stage::Http));
        assert_eq!(stage(&outcomes["tcp"]), None);
    }

    #[test]
    fn a_server_that_is_silent_is_given_up_in_time() {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = silent.local_addr().unwrap().to_string();
        let start = Instant::now();
        let mut quick = target("a", &address, Kind::Http { path: "/".into() });
        quick.timeout_ms = 100;
        let outcomes = outcomes(vec![quick]);
        assert_eq!(stage(&outcomes["a"]), Some(Stage::Http));
        assert!(start.elapsed() < Duration::from_secs(2));
    }

    #[test]
    fn the_host_of_an_address_has_no_port_and_no_brackets() {
        assert_eq!(host("api.example.com:6443"), "api.example.com");
        assert_eq!(host("[fd00::1]:6443"), "fd00::1");
        assert_eq!(host("10.0.0.1:6443"), "10.0.0.1");
    }

    #[test]
    fn a_token_cannot_add_a_header() {
        assert_eq!(request("h", "/", Some(&Bearer::new("a\r\nX: y"))), None);
        assert_eq!(request("h", "/a b", None), None);
        assert!(
            request("h", "/", Some(&Bearer::new("a.b-c"))).unwrap().contains("\r\nAuthorization: Bearer a.b-c\r\n\r\n")
        );
    }

    #[test]
    fn only_http_has_a_status() {
        assert_eq!(status("HTTP/1.1 200 OK"), Some(200));
        assert_eq!(status("HTTP/1.0 401 Unauthorized"), Some(401));
        assert_eq!(status("SSH-2.0-OpenSSH_9.2"), None);
        assert_eq!(status("HTTP/1.1 20000 OK"), None);
    }
}
