//! A cluster for tests: its API server is a function from a request to an answer.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Request, Response};
use http_body_util::BodyExt;
use kube::Client;
use kube::client::Body;
use serde_json::Value;

use super::context::Cluster;

/// The time by the clock of that API server.
pub(super) const DATE: &str = "Wed, 25 Nov 2026 03:04:05 GMT";

/// What was asked: method, path with query, body.
pub(super) type Asked = (String, String, Value);

/// An answer: status and body, or a connection that breaks.
pub(super) enum Answer {
    Status(u16, Value),
    Later(u64, u16, Value),
    Break,
    /// What rustls says if a server ends the connection without a `close_notify`, as one that is killed does.
    Cut,
    Never,
}

/// A cluster whose API server gives these answers in turn, and what it was asked.
pub(super) fn answering(answers: impl IntoIterator<Item = Answer>) -> (Cluster, Arc<Mutex<Vec<Asked>>>) {
    let answers = Arc::new(Mutex::new(answers.into_iter().collect::<std::collections::VecDeque<_>>()));
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = asked.clone();
    let service = tower::service_fn(move |request: Request<Body>| {
        let (answers, seen) = (answers.clone(), seen.clone());
        async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
            let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
            seen.lock().unwrap().push((parts.method.to_string(), parts.uri.to_string(), body));
            let answer = answers.lock().unwrap().pop_front().unwrap();
            let respond = |status: u16, retry_after: Option<u64>, body: Value| {
                let mut response = Response::builder().status(status).header("Date", DATE);
                if let Some(seconds) = retry_after {
                    response = response.header("Retry-After", seconds);
                }
                response.body(Body::from(body.to_string().into_bytes()))
            };
            match answer {
                Answer::Status(status, body) => Ok(respond(status, None, body).unwrap()),
                Answer::Later(seconds, status, body) => Ok(respond(status, Some(seconds), body).unwrap()),
                Answer::Break => Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset)),
                Answer::Cut => Err(std::io::Error::new(
                    std::io::ErrorKind::UnexpectedEof,
                    "peer closed connection without sending TLS close_notify: https://docs.rs/rustls/latest/rustls/manual",
                )),
                Answer::Never => std::future::pending().await,
            }
        }
    });
    let limit = Duration::from_millis(300);
    (Cluster::of_client(Client::new(service, "default"), "east", "https://10.0.0.1:6443", "test/1", limit), asked)
}
