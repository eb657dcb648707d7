//! How a request to an API server failed, as one value, and how that becomes an error.

use std::time::Duration;

use serde_json::Value;

use super::context::Cluster;
use super::credentials::{Credentials, Failure};
use super::denial::Denial;
use super::request::Call;
use crate::model::kube::rbac::ASK_FOR_IT;
use crate::plugin::error::{Error, Kind};
use crate::plugin::finding::codes::admission as codes;

/// Why a request failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cause {
    /// No connection: refused, no route, no such name.
    Unreachable,
    /// The deadline passed.
    TimedOut(Duration),
    /// The server's certificate comes from an authority that the kubeconfig does not name.
    UnknownAuthority,
    /// Any other failure of TLS.
    Tls,
    /// No credentials could be obtained: a credential plugin failed, a token file is gone. Holds what to do.
    Credentials(String),
    /// The connection broke after the request may have been sent.
    Broken,
    /// The API server answered with this status.
    Status(u16),
    /// The answer is not JSON, or larger than it may be.
    Unreadable,
}

/// One field that the API server names in `details.causes`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) reason: String,
    pub(crate) path: String,
    pub(crate) message: String,
}

/// A request's failure. All text in it is clean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) cause: Cause,
    pub(crate) reason: String,
    pub(crate) message: String,
    pub(crate) fields: Vec<Field>,
    pub(crate) retry_after: Option<Duration>,
}

impl Fault {
    pub(crate) fn new(cause: Cause, message: impl AsRef<str>) -> Self {
        Self { cause, reason: String::new(), message: clean(message.as_ref()), fields: Vec::new(), retry_after: None }
    }

    /// The fault in an answer's body: a `Status`, or whatever came in its place.
    pub(crate) fn from_answer(code: u16, body: &[u8], retry_after: Option<Duration>) -> Self {
        let status: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
        let text = |value: &Value| clean(value.as_str().unwrap_or_default());
        let message = match status["message"].as_str() {
            Some(message) => clean(message),
            None => clean(&String::from_utf8_lossy(body.get(..body.len().min(300)).unwrap_or(body))),
        };
        let fields = status["details"]["causes"].as_array().map(Vec::as_slice).unwrap_or_default();
        Self {
            cause: Cause::Status(code),
            reason: text(&status["reason"]),
            message,
            fields: fields
                .iter()
                .map(|cause| Field {
                    reason: text(&cause["reason"]),
                    path: text(&cause["field"]),
                    message: text(&cause["message"]),
                })
                .collect(),
            retry_after,
        }
    }

    /// The fault of a connection, from the chain of errors that kube, hyper and rustls make. If credentials are at
    /// fault, nothing of that chain is shown: `credentials` says why.
    pub(crate) fn from_client(error: &kube::Error, credentials: &Credentials) -> Self {
        if let kube::Error::Api(status) = error {
            let body = serde_json::to_vec(status).unwrap_or_default();
            return Self::from_answer(status.code, &body, None);
        }
        if let Some(Failure { why, fix }) = credentials.failure(error) {
            return Self::new(Cause::Credentials(fix), why);
        }
        let chain = chain(error);
        let whole = chain.join(": ");
        let last = chain.last().cloned().unwrap_or_default();
        let has = |needle: &str| whole.contains(needle);
        let connecting = ["client error (Connect)", "error trying to connect", "tcp connect error", "dns error"];
        let connecting = connecting.into_iter().any(has);
        // A recreated cluster has an authority of the same name with another key: to a verifier, a bad signature.
        let cause = if connecting && (has("UnknownIssuer") || has("BadSignature") || has("CaUsedAsEndEntity")) {
            Cause::UnknownAuthority
        } else if has("fatal alert")
            || (connecting && (has("certificate") || has("tls") || has("TLS") || has("InvalidContentType")))
        {
            Cause::Tls
        } else if connecting {
            Cause::Unreachable
        } else {
            Cause::Broken
        };
        Self::new(cause, last)
    }

    pub(crate) fn code(&self) -> Option<u16> {
        match self.cause {
            Cause::Status(code) => Some(code),
            _ => None,
        }
    }

    pub(crate) fn is_not_found(&self) -> bool {
        self.code() == Some(404)
    }

    pub(crate) fn is_forbidden(&self) -> bool {
        self.code() == Some(403)
    }

    /// Whether it failed for lack of credentials.
    pub(crate) fn lacks_credentials(&self) -> bool {
        matches!(self.cause, Cause::Credentials(_))
    }

    /// 409 because the object already exists, as opposed to a conflict of owners or versions.
    pub(crate) fn already_exists(&self) -> bool {
        self.code() == Some(409) && self.reason == "AlreadyExists"
    }

    /// Whether it is a conflict about fields that this manager alone owns, by an operation other than apply.
    pub(crate) fn conflicts_only_with(&self, manager: &str) -> bool {
        let ours = format!("conflict with \"{manager}\"");
        self.code() == Some(409)
            && !self.fields.is_empty()
            && self
                .fields
                .iter()
                .all(|field| field.reason == "FieldManagerConflict" && field.message.starts_with(&ours))
    }

    /// Whether a read may be tried again. A server-side apply's 500 is the user's fault and never among these.
    pub(crate) fn passes(&self) -> bool {
        matches!(self.cause, Cause::Unreachable | Cause::Broken | Cause::Status(429 | 503 | 504))
    }

    /// Whether it may pass within the time of a run, beyond what [`Self::passes`] says: no answer in time, what proxies
    /// answer for an API server that is gone, its storage's change of leader, a webhook that does not answer.
    pub(crate) fn passes_in_time(&self) -> bool {
        match self.cause {
            Cause::TimedOut(_) | Cause::Status(408 | 502) => true,
            Cause::Status(500) => {
                let passing = ["etcdserver: leader changed", "etcdserver: request timed out", "connection refused"];
                matches!(self.reason.as_str(), "ServerTimeout" | "Timeout")
                    || matches!(Denial::of(self), Some(Denial::WebhookFailed(_)))
                    || passing.iter().any(|words| self.message.contains(words))
            }
            _ => false,
        }
    }

    /// Whether the server may have done what was asked although no answer arrived.
    pub(crate) fn may_have_been_done(&self) -> bool {
        matches!(self.cause, Cause::Broken | Cause::TimedOut(_) | Cause::Unreadable | Cause::Status(503 | 504))
    }

    /// Whether the server may have carried out the write, or still may: anything but a refusal and what shows that the
    /// request never reached it. A 5xx that comes from storage (etcd's `request timed out`, reason `ServerTimeout`)
    /// leaves a proposal that may still be committed; not so if a webhook failed, which is called before anything is
    /// stored (kubernetes/apiserver pkg/admission/plugin/webhook). 408 and 499 are what proxies answer for a request
    /// that they gave up.
    pub(crate) fn may_be_done_yet(&self) -> bool {
        match self.cause {
            Cause::TimedOut(_) | Cause::Tls | Cause::Broken | Cause::Unreadable | Cause::Status(408 | 499) => true,
            Cause::Status(500..) => !self.message.starts_with("Internal error occurred: failed calling webhook"),
            Cause::Unreachable | Cause::UnknownAuthority | Cause::Credentials(_) | Cause::Status(_) => false,
        }
    }

    /// Whether the server certainly did nothing: it was not reached, or said that there are too many requests.
    pub(crate) fn was_turned_away(&self) -> bool {
        matches!(self.cause, Cause::Unreachable | Cause::Status(429))
    }

    /// The error for the user: what failed, why, and what to do. Only the caller knows whether anything was written
    /// before.
    pub(crate) fn into_error(self, cluster: &Cluster, call: &Call) -> Error {
        let place = format!("context {}{}", cluster.context, call.subject());
        let address = &cluster.server;
        match self.cause {
            Cause::Unreachable => Error::failed(format!("cannot reach the API server of {}", cluster.context))
                .at(format!("context {}, {address}", cluster.context))
                .because(match self.message.as_str() {
                    // The connector's words for its own limit.
                    "deadline has elapsed" => format!("no connection within {}", seconds(cluster.patience)),
                    said => said.to_owned(),
                })
                .fix("check that the cluster runs and that this machine can reach the address in the kubeconfig"),
            Cause::TimedOut(after) => Error::failed(format!(
                "the API server of {} did not answer within {}",
                cluster.context,
                seconds(after)
            ))
            .at(format!("context {}, {address}", cluster.context))
            .because(format!("{} got no answer", call.describe()))
            .fix("check the network path to the address in the kubeconfig, or allow more time: --request-timeout=30s"),
            Cause::UnknownAuthority => Error::failed(format!(
                "the certificate of {}'s API server comes from an unknown authority",
                cluster.context
            ))
            .at(format!("context {}, {address}", cluster.context))
            .because(self.message)
            .fix("put the authority of this API server into the kubeconfig (certificate-authority-data)"),
            Cause::Tls => Error::failed(format!("no TLS connection to the API server of {}", cluster.context))
                .at(format!("context {}, {address}", cluster.context))
                .because(self.message)
                .fix("compare the address and the certificates in the kubeconfig with those of the cluster"),
            Cause::Credentials(fix) => no_credentials(&cluster.context, self.message, fix),
            Cause::Broken => Error::failed(format!("the connection to the API server of {} broke", cluster.context))
                .at(place)
                .because(self.message)
                .fix("run the same command again: it continues where it stopped"),
            Cause::Unreadable => {
                Error::failed(format!("the answer of {}'s API server cannot be read", cluster.context))
                    .at(place)
                    .because(self.message)
                    .fix("check that the kubeconfig's address reaches an API server: a proxy may be answering instead")
            }
            Cause::Status(code) => self.status_error(code, cluster, call).at(place),
        }
    }

    /// The error for the user if it was not one of our requests that failed: that of the credentials if they are at
    /// fault, else the caller's own, which gets the cause.
    pub(crate) fn or(self, cluster: &Cluster, other: impl FnOnce(String) -> Error) -> Error {
        match self.cause {
            Cause::Credentials(fix) => no_credentials(&cluster.context, self.message, fix),
            _ => other(self.message),
        }
    }

    /// The wrong fields and why, if the API server names any. A cause about `<nil>` names none.
    fn wrong_fields(&self) -> Option<String> {
        let named = self.fields.iter().filter(|field| !field.path.is_empty() && field.path != "<nil>");
        let words: Vec<String> = named.map(|field| format!("{}: {}", field.path, field.message)).collect();
        (!words.is_empty()).then(|| words.join("; "))
    }

    fn status_error(self, code: u16, cluster: &Cluster, call: &Call) -> Error {
        let context = &cluster.context;
        if let Some(denial) = Denial::of(&self) {
            return denied(&denial, self.message, context, call);
        }
        match code {
            401 => Error::failed(format!("the API server of {context} does not accept the credentials"))
                .because(self.message)
                .fix(format!("log in again, then try: kubectl --context {context} auth whoami")),
            404 => Error::failed(format!("{context} has no {}", call.object()))
                .because(self.message)
                .fix("check that it exists and that its kind is installed, then run the same command again"),
            409 if self.fields.iter().any(|field| field.reason == "FieldManagerConflict") => {
                let owners: Vec<String> =
                    self.fields.iter().map(|field| format!("{} ({})", field.path, field.message)).collect();
                let error = Error::failed(format!("{} in {context} is owned in part by someone else", call.object()))
                    .because(owners.join("; "))
                    .fix("let its owner set these fields, or have the owner give them up, then run the command again");
                Error { code: Some(&codes::CONFLICT), ..error }
            }
            409 => Error::of(
                Kind::Conflict,
                format!("{} in {context} was changed by someone else in the meantime", call.object()),
            )
            .because(self.message)
            .fix("run the same command again"),
            500 if self.message.contains("failed to create typed patch object") => {
                Error::failed(format!("{} has a value that {context} does not know", call.object()))
                    .because(self.message)
                    .fix("correct the value: a key is misspelt, or has the wrong type")
            }
            400 | 422 => Error::failed(format!("{} is not valid in {context}", call.object()))
                .because(self.wrong_fields().unwrap_or(self.message))
                .fix("correct that value"),
            _ => Error::failed(format!("the API server of {context} answered {code} to {}", call.describe()))
                .because(self.message)
                .fix("look at the state of that API server, then run the same command again"),
        }
    }
}

/// The error of a check of the API server that said no. Only what is a matter of permissions is [`Kind::Forbidden`].
fn denied(denial: &Denial, message: String, context: &str, call: &Call) -> Error {
    let kind = if *denial == Denial::Permission { Kind::Forbidden } else { Kind::Failed };
    let what = denial.what(&call.object(), &call.describe(), context);
    let mut fixes = denial.fixes(call.namespace(), context).into_iter();
    let error = Error::of(kind, what).because(message).fix(fixes.next().unwrap_or_else(|| ASK_FOR_IT.into()));
    let error = fixes.fold(error, Error::fix);
    Error { code: denial.finding(), ..error }
}

/// The error for credentials that cannot be obtained.
pub(crate) fn no_credentials(context: &str, why: String, fix: String) -> Error {
    Error::failed(format!("no credentials for {context}"))
        .at(format!("context {context}"))
        .because(why)
        .fix(fix)
        .fix(format!("then try: kubectl --context {context} version"))
}

/// `5 s` or `0.3 s`.
pub(crate) fn seconds(duration: Duration) -> String {
    if duration.subsec_millis() == 0 {
        format!("{} s", duration.as_secs())
    } else {
        format!("{:.1} s", duration.as_secs_f64())
    }
}

fn chain(error: &dyn std::error::Error) -> Vec<String> {
    std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string).collect()
}

/// Text from a cluster without control characters and escape sequences, which could rewrite a terminal
/// (CVE-2021-25743). Line ends become spaces: each part of an error is one line.
pub fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\u{1b}' | '\u{9b}' => skip_sequence(character, &mut characters),
            '\n' | '\r' | '\t' => out.push(' '),
            c if c.is_control() || is_reordering(c) => {}
            c => out.push(c),
        }
    }
    out.trim_end().to_owned()
}

/// Cleans every text in a value, keys included.
pub fn clean_value(value: &mut Value) {
    match value {
        Value::String(text)
            if text.chars().any(|c| (c.is_control() && !matches!(c, '\n' | '\t')) || is_reordering(c)) =>
        {
            *text = clean_lines(text);
        }
        Value::Array(items) => items.iter_mut().for_each(clean_value),
        Value::Object(map) => {
            if map.keys().any(|key| clean_lines(key) != *key) {
                let dirty = std::mem::take(map);
                // Of two keys that become one, the first stays.
                for (key, value) in dirty {
                    map.entry(clean_lines(&key)).or_insert(value);
                }
            }
            map.values_mut().for_each(clean_value);
        }
        _ => {}
    }
}

/// Like [`clean`], but keeps line ends.
pub fn clean_lines(text: &str) -> String {
    text.split('\n').map(clean).collect::<Vec<_>>().join("\n")
}

/// Characters that make a terminal show text in another order than it is written.
fn is_reordering(character: char) -> bool {
    matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Skips what follows an escape: `[ … letter`, `] … BEL or ESC \`, or one character.
fn skip_sequence(start: char, characters: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    let kind = if start == '\u{9b}' { Some('[') } else { characters.next() };
    match kind {
        Some('[') => {
            for c in characters.by_ref() {
                if ('\u{40}'..='\u{7e}').contains(&c) {
                    return;
                }
            }
        }
        Some(']' | 'P' | 'X' | '^' | '_') => {
            while let Some(c) = characters.next() {
                if c == '\u{7}' || (c == '\u{1b}' && characters.next_if_eq(&'\\').is_some()) {
                    return;
                }
            }
        }
        _ => {}
    }
}
