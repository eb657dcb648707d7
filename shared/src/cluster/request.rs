//! One request: its deadline, the retries of a read, and an answer that is JSON and clean.

use std::fmt;
use std::sync::PoisonError;
use std::time::Duration;

use http::{Method, Request, header};
use http_body_util::{BodyExt, Limited};
use jiff::Timestamp;
use kube::client::Body;
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout};
use zeroize::Zeroizing;

use super::api_fault::{Cause, Fault, clean_value};
use super::context::Cluster;
use crate::model::kube::kinds::Target;
use crate::plugin::error::{Error, Result};

/// No answer of an API server that we ask for comes close to this.
const LARGEST_ANSWER: usize = 64 << 20;
/// A refused connection may be an API server that is restarting: without a run's deadline it is tried this often.
const CONNECTION_ATTEMPTS: u32 = 3;
/// How long a read that only helps is waited for.
const HELP: Duration = Duration::from_secs(3);
/// The pauses between tries double up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

pub(crate) const JSON: &str = "application/json";
/// For lists of which only the metadata is needed.
pub(crate) const METADATA_LIST: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

/// A request before it is sent. Its body may hold a key or a token: it is not shown, and wiped when it is dropped.
#[derive(Clone)]
pub(crate) struct Call {
    method: Method,
    /// Path and query.
    path: String,
    /// What the path is about, if that is one object.
    target: Option<Target>,
    body: Option<Zeroizing<Vec<u8>>>,
    content_type: &'static str,
    accept: &'static str,
}

impl fmt::Debug for Call {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.method, self.path)
    }
}

impl Call {
    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path.into())
    }

    pub(crate) fn new(method: Method, path: String) -> Self {
        Self { method, path, target: None, body: None, content_type: JSON, accept: JSON }
    }

    pub(crate) fn about(mut self, target: &Target) -> Self {
        self.target = Some(target.clone());
        self
    }

    pub(crate) fn accepting(mut self, accept: &'static str) -> Self {
        self.accept = accept;
        self
    }

    pub(crate) fn with(mut self, content_type: &'static str, body: &Value) -> Self {
        self.content_type = content_type;
        self.body = Some(Zeroizing::new(serde_json::to_vec(body).unwrap_or_default()));
        self
    }

    /// The same, to be checked and not carried out.
    pub(crate) fn into_dry_run(mut self) -> Self {
        self.path.push_str(if self.path.contains('?') { "&dryRun=All" } else { "?dryRun=All" });
        self
    }

    /// `, Secret istio-system/cacerts`, or nothing if no object is meant.
    pub(crate) fn subject(&self) -> String {
        self.target.as_ref().map(|target| format!(", {}", target.key)).unwrap_or_default()
    }

    /// The object in words.
    pub(crate) fn object(&self) -> String {
        self.target.as_ref().map_or_else(|| self.resource(), |target| target.key.to_string())
    }

    /// `list secrets in istio-system`, or `get /version` for a path that is not a resource: RBAC's own verbs.
    pub(crate) fn describe(&self) -> String {
        let verb = match (&self.method, self.names_one()) {
            (&Method::GET, true) => "get",
            (&Method::GET, false) => "list",
            (&Method::PATCH, _) => "patch",
            (&Method::DELETE, _) => "delete",
            (&Method::POST, _) => "create",
            (&Method::PUT, _) => "update",
            _ => "ask for",
        };
        match self.namespace() {
            Some(namespace) => format!("{verb} {} in {namespace}", self.resource()),
            None => format!("{verb} {}", self.resource()),
        }
    }

    /// The path's segments after `/api/v1` or `/apis/<group>/<version>`; none if it names no resource.
    fn segments(&self) -> Vec<&str> {
        let path = self.path.split('?').next().unwrap_or_default();
        let mut segments = path.split('/').filter(|part| !part.is_empty());
        match segments.next() {
            Some("api") => segments.skip(1).collect(),
            Some("apis") => segments.skip(2).collect(),
            _ => Vec::new(),
        }
    }

    /// The namespace in its path.
    pub(crate) fn namespace(&self) -> Option<&str> {
        match self.segments().as_slice() {
            ["namespaces", namespace, _, ..] => Some(namespace),
            _ => None,
        }
    }

    fn names_one(&self) -> bool {
        match self.segments().as_slice() {
            ["namespaces", _, rest @ ..] if !rest.is_empty() => rest.len() > 1,
            segments => segments.len() != 1,
        }
    }

    fn resource(&self) -> String {
        let path = self.path.split('?').next().unwrap_or_default();
        let group = path.strip_prefix("/apis/").and_then(|rest| rest.split('/').next());
        let resource = match self.segments().as_slice() {
            ["namespaces", _, resource, ..] | [resource, ..] => (*resource).to_owned(),
            [] => return path.to_owned(),
        };
        group.map_or(resource.clone(), |group| format!("{resource}.{group}"))
    }

    fn request(&self) -> std::result::Result<Request<Body>, Fault> {
        let body = self.body.as_ref().map_or_else(Body::empty, |body| Body::from(body.to_vec()));
        Request::builder()
            .method(self.method.clone())
            .uri(&self.path)
            .header(header::ACCEPT, self.accept)
            .header(header::CONTENT_TYPE, self.content_type)
            .body(body)
            .map_err(|error| Fault::new(Cause::Unreadable, error.to_string()))
    }
}

impl Cluster {
    /// Sends it once, within the deadline of a request: returns the status code and the answer.
    pub(crate) async fn send(&self, call: &Call) -> std::result::Result<(u16, Value), Fault> {
        match self.send_if(call, || true).await {
            Some(answer) => answer,
            None => Err(Fault::new(Cause::Unreachable, "it was not sent")),
        }
    }

    /// The same, if it may still be sent when its turn comes; else none.
    pub(crate) async fn send_if(
        &self,
        call: &Call,
        may_be_sent: impl FnOnce() -> bool,
    ) -> Option<std::result::Result<(u16, Value), Fault>> {
        let request = match call.request() {
            Ok(request) => request,
            Err(fault) => return Some(Err(fault)),
        };
        // Never closed: it lives as long as the cluster does.
        let _lane = self.lanes.acquire().await;
        if !may_be_sent() {
            return None;
        }
        let answer = timeout(self.request_timeout, self.answer(request)).await;
        Some(answer.unwrap_or_else(|_| Err(Fault::new(Cause::TimedOut(self.request_timeout), "no answer"))))
    }

    async fn answer(&self, request: Request<Body>) -> std::result::Result<(u16, Value), Fault> {
        let response = self.client.send(request).await.map_err(|error| self.fault(&error))?;
        let (parts, body) = response.into_parts();
        let retry_after = parts
            .headers
            .get(header::RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.parse().ok())
            .map(Duration::from_secs);
        let bytes = Limited::new(body, LARGEST_ANSWER)
            .collect()
            .await
            .map_err(|error| Fault::new(Cause::Broken, error.to_string()))?
            .to_bytes();
        if !parts.status.is_success() {
            return Err(Fault::from_answer(parts.status.as_u16(), &bytes, retry_after));
        }
        let mut value = serde_json::from_slice(&bytes).map_err(|_| Fault::new(Cause::Unreadable, "it is not JSON"))?;
        clean_value(&mut value);
        Ok((parts.status.as_u16(), value))
    }

    /// Sends it, and again while the failure may be transient, until the run's deadline or within the cluster's patience.
    /// Only for reads, and for what may be sent twice.
    pub(crate) async fn read(&self, call: &Call) -> std::result::Result<Value, Fault> {
        let again = |fault: &Fault| fault.passes() || (self.tried_until().is_some() && fault.passes_in_time());
        self.patiently(call, again).await.map(|(_, value)| value)
    }

    /// Sends it once, and again only if the server certainly did nothing.
    pub(crate) async fn write(&self, call: &Call) -> std::result::Result<(u16, Value), Fault> {
        self.patiently(call, Fault::was_turned_away).await
    }

    async fn patiently(&self, call: &Call, again: impl Fn(&Fault) -> bool) -> std::result::Result<(u16, Value), Fault> {
        let patience = Instant::now() + self.patience;
        let mut pause = Duration::from_millis(50);
        let mut attempt = 1;
        loop {
            let until = self.tried_until();
            let fault = match self.send(call).await {
                Ok(answer) => return Ok(answer),
                Err(fault) => fault,
            };
            let wait = fault.retry_after.unwrap_or(pause).max(pause);
            let tired = until.is_none() && fault.code().is_none() && attempt >= CONNECTION_ATTEMPTS;
            if !again(&fault) || tired || Instant::now() + wait >= until.unwrap_or(patience) {
                return Err(fault);
            }
            sleep(wait).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
            attempt += 1;
        }
    }

    /// Reads, and turns a failure into an error.
    pub(crate) async fn must(&self, call: Call) -> Result<Value> {
        self.read(&call).await.map_err(|fault| fault.into_error(self, &call))
    }

    /// Reads what may be absent (404).
    pub(crate) async fn maybe(&self, call: Call) -> Result<Option<Value>> {
        match self.read(&call).await {
            Ok(value) => Ok(Some(value)),
            Err(fault) if fault.is_not_found() => Ok(None),
            Err(fault) => Err(fault.into_error(self, &call)),
        }
    }

    /// The API server's own clock, to the second: the header `Date` of an answer (RFC 9110 section 6.6.1), if it has
    /// one.
    pub(crate) async fn time(&self) -> Option<Timestamp> {
        let request = Call::get("/version").request().ok()?;
        let response = timeout(self.request_timeout, self.client.send(request)).await.ok()?.ok()?;
        let date = response.headers().get(header::DATE)?.to_str().ok()?;
        jiff::fmt::rfc2822::parse(date).ok().map(|date| date.timestamp())
    }

    /// Reads what only helps: none if it is absent or forbidden, and if it fails and the cluster bears gaps.
    pub(crate) async fn if_allowed(&self, call: Call) -> Result<Option<Value>> {
        let Some(gaps) = &self.gaps else { return self.if_there(&call).await };
        let mut brief = self.within(Instant::now() + HELP);
        brief.request_timeout = self.request_timeout.min(HELP);
        match brief.if_there(&call).await {
            Ok(found) => Ok(found),
            // Nothing else can be read without credentials either.
            Err(error) if error.what.starts_with("no credentials") => Err(error),
            Err(error) => {
                gaps.lock().unwrap_or_else(PoisonError::into_inner).push(error);
                Ok(None)
            }
        }
    }

    async fn if_there(&self, call: &Call) -> Result<Option<Value>> {
        match self.read(call).await {
            Ok(value) => Ok(Some(value)),
            Err(fault) if fault.is_not_found() || fault.is_forbidden() => Ok(None),
            Err(fault) => Err(fault.into_error(self, call)),
        }
    }
}

/// The items of a list.
pub(crate) fn items(list: Option<Value>) -> Vec<Value> {
    match list {
        Some(Value::Object(mut map)) => match map.remove("items") {
            Some(Value::Array(items)) => items,
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

/// The place of an error: the cluster and an object in it.
pub(crate) fn place(cluster: &Cluster, target: &str) -> String {
    format!("context {}, {target}", cluster.context)
}

/// The error of a path that cannot be built, with its cluster.
pub(crate) fn at_cluster(error: Error, cluster: &Cluster) -> Error {
    if error.place.is_some() { error } else { error.at(format!("context {}", cluster.context)) }
}

#[cfg(test)]
mod tests;
