//! The audit log of an API server: what was asked of it, by whom, with which end.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

const LOG: &str = "audit/audit.log";
const POLICY: &str = "audit/policy.yaml";

/// One request, as the log tells it once it was answered, or once the answer began where it goes on for long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Event {
    /// The same in all stages of one request.
    pub id: String,
    /// Whether the answer is complete; of a watch that goes on only its beginning is known.
    pub complete: bool,
    /// What calls itself so.
    pub user_agent: String,
    /// Who is known to call.
    pub user: String,
    /// get, list, watch, create, update, patch, delete, deletecollection.
    pub verb: String,
    /// The plural name, or empty where the request is for no resource.
    pub resource: String,
    /// The group of the resource; empty for the core.
    pub group: String,
    /// Such as status, exec or portforward.
    pub subresource: String,
    /// Empty for what is in no namespace.
    pub namespace: String,
    /// Empty where no object is named.
    pub name: String,
    /// The path with what was asked of it.
    pub uri: String,
    /// Nothing was to be kept.
    pub dry_run: bool,
    /// The HTTP status.
    pub code: u16,
    /// When the request came.
    pub received: Timestamp,
    /// When this stage was reached.
    pub at: Timestamp,
}

impl Event {
    /// Whether the request was to change something in the cluster. Dry runs, questions about one's own rights, exec
    /// and port-forward change nothing.
    pub fn is_mutating(&self) -> bool {
        let changes = matches!(self.verb.as_str(), "create" | "update" | "patch" | "delete" | "deletecollection");
        let asks = matches!(
            self.resource.as_str(),
            "selfsubjectaccessreviews"
                | "selfsubjectrulesreviews"
                | "selfsubjectreviews"
                | "subjectaccessreviews"
                | "localsubjectaccessreviews"
                | "tokenreviews"
        );
        let streams = matches!(self.subresource.as_str(), "exec" | "attach" | "portforward");
        changes && !self.dry_run && !asks && !streams
    }
}

/// The form of the API server.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    #[serde(rename = "auditID")]
    audit_id: String,
    stage: String,
    #[serde(rename = "requestURI")]
    request_uri: String,
    verb: String,
    #[serde(default)]
    user_agent: String,
    user: User,
    #[serde(default)]
    object_ref: Object,
    #[serde(default)]
    response_status: Status,
    request_received_timestamp: Timestamp,
    stage_timestamp: Timestamp,
}

#[derive(Deserialize)]
struct User {
    #[serde(default)]
    username: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Object {
    resource: String,
    api_group: String,
    subresource: String,
    namespace: String,
    name: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Status {
    code: u16,
}

impl From<Line> for Event {
    fn from(line: Line) -> Self {
        let (_, query) = line.request_uri.split_once('?').unwrap_or_default();
        Self {
            id: line.audit_id,
            complete: line.stage == "ResponseComplete",
            user_agent: line.user_agent,
            user: line.user.username,
            verb: line.verb,
            resource: line.object_ref.resource,
            group: line.object_ref.api_group,
            subresource: line.object_ref.subresource,
            namespace: line.object_ref.namespace,
            name: line.object_ref.name,
            dry_run: query.split('&').any(|part| part == "dryRun=All"),
            uri: line.request_uri,
            code: line.response_status.code,
            received: line.request_received_timestamp,
            at: line.stage_timestamp,
        }
    }
}

/// Every request that came at `since` or later, each once, by the time it came. `folder` is that of the cluster.
pub fn read(folder: &Path, since: Timestamp) -> Result<Vec<Event>> {
    let mut by_id: BTreeMap<String, Event> = BTreeMap::new();
    for path in logs(folder)? {
        let text = fs::read_to_string(&path).with_context(|| format!("{}", path.display()))?;
        for event in parse(&text)?.into_iter().filter(|event| event.received >= since) {
            match by_id.get(&event.id) {
                Some(known) if known.complete => {}
                _ => {
                    by_id.insert(event.id.clone(), event);
                }
            }
        }
    }
    let mut events: Vec<Event> = by_id.into_values().collect();
    events.sort_by_key(|event| event.received);
    Ok(events)
}

/// The last line may be half written.
fn parse(text: &str) -> Result<Vec<Event>> {
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole
        .lines()
        .map(|line| {
            let line: Line = serde_json::from_str(line).with_context(|| format!("audit log: {line}"))?;
            Ok(line.into())
        })
        .collect()
}

/// The log and those that were put aside when it grew.
fn logs(folder: &Path) -> Result<Vec<PathBuf>> {
    let folder = folder.join("audit");
    let entries = match fs::read_dir(&folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.with_context(|| format!("{}", folder.display()))?,
    };
    let mut logs: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "log"))
        .collect();
    logs.sort();
    Ok(logs)
}

/// How often each program asked in which way.
pub fn count(events: &[Event]) -> BTreeMap<(String, String), usize> {
    let mut counts = BTreeMap::new();
    for event in events {
        *counts.entry((event.user_agent.clone(), event.verb.clone())).or_default() += 1;
    }
    counts
}

/// Writes the policy: who asked for what, of every request, and nothing of what was in it.
pub fn write_policy(folder: &Path) -> Result<()> {
    let policy = folder.join(POLICY);
    fs::create_dir_all(folder.join("audit"))?;
    fs::write(
        &policy,
        "apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules: [{level: Metadata}]\n",
    )
    .with_context(|| format!("{}", policy.display()))
}

/// What tells the API server to keep the log.
pub fn api_server_flags() -> [String; 4] {
    [
        format!("--audit-policy-file={POLICY}"),
        format!("--audit-log-path={LOG}"),
        "--audit-log-format=json".to_owned(),
        "--audit-log-maxsize=1000".to_owned(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(verb: &str, uri: &str, resource: &str, subresource: &str) -> Event {
        let text = format!(
            r#"{{"kind":"Event","level":"Metadata","auditID":"1","stage":"ResponseComplete","requestURI":"{uri}","verb":"{verb}",
            "user":{{"username":"admin"}},"sourceIPs":["10.99.0.1"],"userAgent":"kubectl/v1","objectRef":{{"resource":"{resource}",
            "subresource":"{subresource}","namespace":"a","name":"b"}},"responseStatus":{{"metadata":{{}},"code":200}},
            "requestReceivedTimestamp":"2026-11-24T20:00:00.000001Z","stageTimestamp":"2026-11-24T20:00:00.010000Z"}}"#
        );
        parse(&(text.replace('\n', "") + "\n")).unwrap().remove(0)
    }

    #[test]
    fn what_changes_something_is_mutating() {
        for verb in ["create", "update", "patch", "delete", "deletecollection"] {
            assert!(line(verb, "/api/v1/namespaces/a/secrets/b", "secrets", "").is_mutating(), "{verb}");
        }
        assert!(line("patch", "/x?dryRun=AllOfIt", "secrets", "").is_mutating());
    }

    #[test]
    fn reads_dry_runs_reviews_and_streams_are_not_mutating() {
        for verb in ["get", "list", "watch"] {
            assert!(!line(verb, "/api/v1/secrets", "secrets", "").is_mutating(), "{verb}");
        }
        assert!(!line("patch", "/x?fieldManager=a&dryRun=All", "secrets", "").is_mutating());
        assert!(!line("create", "/x", "selfsubjectaccessreviews", "").is_mutating());
        assert!(!line("create", "/x", "selfsubjectrulesreviews", "").is_mutating());
        assert!(!line("create", "/x", "pods", "exec").is_mutating());
        assert!(!line("create", "/x", "pods", "portforward").is_mutating());
    }

    #[test]
    fn a_line_that_is_half_written_waits() {
        assert_eq!(parse("{\"auditID\":").unwrap(), []);
    }
}
