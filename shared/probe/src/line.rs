//! The request to a probe and its answers: one JSON object per line, and a last line with the number of answers.
//!
//! `kubectl exec` and its like sometimes lose output, so answers without that last line are incomplete.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a probe reads from its standard input. Credentials only come this way: a pod's arguments, environment and log
/// are read by many.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// All are tried at once.
    pub targets: Vec<Target>,
}

/// One address, and what is tried there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Repeated in the answer.
    pub id: String,
    /// `host:port`; an IPv6 address in brackets.
    pub address: String,
    /// Covers name resolution, connection and answer together.
    pub timeout_ms: u64,
    #[serde(flatten)]
    pub kind: Kind,
}

/// How far a target is tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Kind {
    /// A connection is accepted.
    Tcp,
    /// The server presents a certificate for this name, signed by one of the given authorities.
    Tls {
        /// The only trusted authorities.
        ca_pem: String,
        /// The name in the certificate, if it is not the host of the address.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        server_name: Option<String>,
    },
    /// [`Kind::Tls`], and a request is answered, whatever the status.
    Https {
        /// The only trusted authorities.
        ca_pem: String,
        /// The name in the certificate, if it is not the host of the address.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        server_name: Option<String>,
        path: String,
        /// Sent as `Authorization`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        bearer: Option<Bearer>,
    },
    /// A request is answered, whatever the status.
    Http { path: String },
}

/// A token. It is only ever written into requests.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Bearer(String);

impl Bearer {
    /// Takes a token as the API server made it.
    pub fn new(token: impl Into<String>) -> Self {
        Self(token.into())
    }

    pub(crate) fn token(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Bearer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Bearer(…)")
    }
}

/// The result for one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The target's id.
    pub id: String,
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// Whether a target was reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Outcome {
    /// It was, as far as was asked.
    Ok {
        /// Status of the answer, if a request was sent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        http_status: Option<u16>,
        /// SHA-256 of the server's certificate, in lower-case hexadecimal.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        peer: Option<String>,
        /// Time until the answer.
        millis: u64,
    },
    /// It was not, or not as far as was asked.
    Error {
        /// The step at which it failed.
        stage: Stage,
        reason: String,
    },
}

/// The steps towards an answer, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// The name has an address.
    Resolve,
    /// The address takes connections.
    Connect,
    /// The certificate is the right one.
    Tls,
    /// The request is answered.
    Http,
}

impl fmt::Display for Stage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Resolve => "resolve",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Http => "http",
        })
    }
}

/// The last line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct End {
    end: bool,
    count: usize,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Line {
    Answer(Answer),
    End(End),
}

/// An answer as a line, with its line end.
pub fn answer_line(answer: &Answer) -> String {
    line(&Line::Answer(answer.clone()))
}

/// The last line after this many answers, with its line end.
pub fn end_line(count: usize) -> String {
    line(&Line::End(End { end: true, count }))
}

/// Values of these types always serialise: they only hold text and numbers.
fn line(line: &Line) -> String {
    let mut text = serde_json::to_string(line).unwrap_or_default();
    text.push('\n');
    text
}

/// Why a probe's output cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadError {
    /// A line is not one that a probe writes.
    Malformed {
        /// Its number, counted from one.
        line: usize,
    },
    /// The last line is missing or has another count: output was lost, and the probe has to be asked again.
    Incomplete {
        /// Answers that arrived.
        read: usize,
        /// Answers that were written, if the last line says so.
        written: Option<usize>,
    },
}

impl fmt::Display for ReadError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed { line } => write!(formatter, "line {line} of the probe's output is not an answer"),
            Self::Incomplete { read, written: Some(written) } => {
                write!(formatter, "{read} of the probe's {written} answers arrived")
            }
            Self::Incomplete { read, written: None } => {
                write!(formatter, "the probe's output ends early, after {read} answers")
            }
        }
    }
}

impl std::error::Error for ReadError {}

/// Reads everything that a probe wrote, in order.
///
/// # Errors
/// [`ReadError`] if it is malformed or incomplete. Control characters are removed from every text: whatever comes from
/// a cluster may try to write to the user's terminal.
pub fn read_answers(output: &str) -> Result<Vec<Answer>, ReadError> {
    let mut answers = Vec::new();
    for (at, text) in output.lines().enumerate().filter(|(_, text)| !text.trim().is_empty()) {
        match serde_json::from_str(text) {
            Ok(Line::Answer(answer)) => answers.push(cleaned(answer)),
            Ok(Line::End(End { end: true, count })) if count == answers.len() => return Ok(answers),
            Ok(Line::End(End { count, .. })) => {
                return Err(ReadError::Incomplete { read: answers.len(), written: Some(count) });
            }
            Err(error) if error.is_eof() => break,
            Err(_) => return Err(ReadError::Malformed { line: at + 1 }),
        }
    }
    Err(ReadError::Incomplete { read: answers.len(), written: None })
}

fn cleaned(answer: Answer) -> Answer {
    let clean = |text: String| text.chars().filter(|character| !character.is_control()).collect::<String>();
    Answer {
        id: clean(answer.id),
        outcome: match answer.outcome {
            Outcome::Ok { http_status, peer, millis } => Outcome::Ok { http_status, peer: peer.map(clean), millis },
            Outcome::Error { stage, reason } => Outcome::Error { stage, reason: clean(reason) },
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reached(id: &str) -> Answer {
        Answer { id: id.into(), outcome: Outcome::Ok { http_status: Some(401), peer: Some("ab12".into()), millis: 7 } }
    }

    fn refused(id: &str, reason: &str) -> Answer {
        Answer { id: id.into(), outcome: Outcome::Error { stage: Stage::Connect, reason: reason.into() } }
    }

    #[test]
    fn a_line_is_flat_and_leaves_out_what_is_not_there() {
        assert_eq!(
            answer_line(&reached("west")),
            "{\"id\":\"west\",\"outcome\":\"ok\",\"http_status\":401,\"peer\":\"ab12\",\"millis\":7}\n"
        );
        let tcp = Answer { id: "w".into(), outcome: Outcome::Ok { http_status: None, peer: None, millis: 1 } };
        assert_eq!(answer_line(&tcp), "{\"id\":\"w\",\"outcome\":\"ok\",\"millis\":1}\n");
        assert_eq!(
            answer_line(&refused("w", "refused")),
            "{\"id\":\"w\",\"outcome\":\"error\",\"stage\":\"connect\",\"reason\":\"refused\"}\n"
        );
        assert_eq!(end_line(2), "{\"end\":true,\"count\":2}\n");
    }

    #[test]
    fn a_request_is_flat_too() {
        let request: Request = serde_json::from_str(
            r#"{"targets":[{"id":"a","address":"10.0.0.1:6443","timeout_ms":3000,"kind":"https","ca_pem":"PEM","path":"/version"},
                {"id":"b","address":"gw:15021","timeout_ms":3000,"kind":"http","path":"/healthz/ready"},
                {"id":"c","address":"gw:15443","timeout_ms":3000,"kind":"tcp"}]}"#,
        )
        .unwrap();
        assert_eq!(
            request.targets[0].kind,
            Kind::Https { ca_pem: "PEM".into(), server_name: None, path: "/version".into(), bearer: None }
        );
        assert_eq!(request.targets[2].kind, Kind::Tcp);
        assert_eq!(serde_json::from_str::<Request>(&serde_json::to_string(&request).unwrap()).unwrap(), request);
    }

    #[test]
    fn what_was_written_is_read_back() {
        let output = [answer_line(&reached("a")), answer_line(&refused("b", "no route")), end_line(2)].concat();
        assert_eq!(read_answers(&output), Ok(vec![reached("a"), refused("b", "no route")]));
        assert_eq!(read_answers(&end_line(0)), Ok(vec![]));
    }

    #[test]
    fn output_that_lost_a_line_is_told_from_whole_output() {
        let (a, b, end) = (answer_line(&reached("a")), answer_line(&reached("b")), end_line(2));
        assert_eq!(read_answers(&[a.clone(), end].concat()), Err(ReadError::Incomplete { read: 1, written: Some(2) }));
        assert_eq!(
            read_answers(&[a.clone(), b.clone()].concat()),
            Err(ReadError::Incomplete { read: 2, written: None })
        );
        let cut = [&a[..], &b[..b.len() / 2]].concat();
        assert_eq!(read_answers(&cut), Err(ReadError::Incomplete { read: 1, written: None }));
        assert_eq!(read_answers(""), Err(ReadError::Incomplete { read: 0, written: None }));
    }

    #[test]
    fn what_a_probe_never_writes_is_malformed() {
        assert_eq!(read_answers("exec format error\n"), Err(ReadError::Malformed { line: 1 }));
        let error = read_answers(&format!("{}[1]\n", answer_line(&reached("a"))));
        assert_eq!(error, Err(ReadError::Malformed { line: 2 }));
    }

    #[test]
    fn control_characters_never_reach_a_terminal() {
        let output = [answer_line(&refused("a", "\u{1b}[2Jgone\u{9b}")), end_line(1)].concat();
        assert_eq!(read_answers(&output), Ok(vec![refused("a", "[2Jgone")]));
    }

    #[test]
    fn a_token_does_not_show() {
        assert_eq!(format!("{:?}", Some(Bearer::new("s3cret"))), "Some(Bearer(…))");
    }
}
