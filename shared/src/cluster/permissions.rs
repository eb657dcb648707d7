//! What the user may do, asked before anything is done.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::try_join_all;
use http::Method;
use serde::Serialize;
use serde_json::{Value, json};

use super::context::Cluster;
use super::fault::ASK_FOR_IT;
use super::request::Call;
use crate::error::{Error, Kind, Result};

/// Where the files of docs/permissions are found by everyone.
const FILES: &str = concat!(env!("CARGO_PKG_REPOSITORY"), "/raw/main/docs/permissions");

/// A file of docs/permissions, by its name: the roles that one job needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoleFile(pub &'static str);

impl RoleFile {
    /// For a failure before the first write: where a permission was missing, a refusal that names this file as well; any other
    /// failure as it is.
    pub fn explain(self, error: Error) -> Error {
        if error.kind != Kind::Forbidden {
            return error;
        }
        let further = error.remedy.iter().filter(|line| *line != ASK_FOR_IT).cloned();
        let (sentence, commands) = remedies(&[self]);
        let remedy = std::iter::once(sentence).chain(commands).chain(further).collect();
        Error { kind: Kind::Refused, remedy, ..error }
    }
}

/// What a command needs in one cluster, and the file that grants it.
#[derive(Debug, Clone)]
pub struct Needed<'a> {
    /// The cluster.
    pub cluster: &'a Cluster,
    /// What has to be allowed there.
    pub accesses: Vec<Access>,
    /// Where it is granted.
    pub file: RoleFile,
}

/// One permission.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Access {
    /// Such as `patch`.
    pub verb: String,
    /// API group, empty for the core one.
    pub group: String,
    /// Plural, such as `secrets`.
    pub resource: String,
    /// Such as `exec`, mostly empty.
    pub subresource: String,
    /// Empty for what has no namespace.
    pub namespace: String,
    /// The one object that it is for, mostly empty: a rule may name it in `resourceNames`.
    pub name: String,
}

impl Access {
    /// A permission for a resource, in a namespace or (where that is empty) cluster-wide.
    pub fn new(verb: &str, group: &str, resource: &str, namespace: &str) -> Self {
        Self {
            verb: verb.into(),
            group: group.into(),
            resource: resource.into(),
            subresource: String::new(),
            namespace: namespace.into(),
            name: String::new(),
        }
    }

    /// The same for one object alone.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        self.name = name.into();
        self
    }

    /// The same for a subresource.
    #[must_use]
    pub fn subresource(mut self, subresource: &str) -> Self {
        self.subresource = subresource.into();
        self
    }

    /// All but the verb: `deployments.apps in istio-system`.
    fn object(&self) -> String {
        let mut text = self.resource.clone();
        let parts = [(".", &self.group), ("/", &self.subresource), (" ", &self.name), (" in ", &self.namespace)];
        for (before, part) in parts.into_iter().filter(|(_, part)| !part.is_empty()) {
            text.push_str(before);
            text.push_str(part);
        }
        text
    }

    fn review(&self) -> Value {
        json!({
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {
                "verb": self.verb,
                "group": self.group,
                "resource": self.resource,
                "subresource": self.subresource,
                "namespace": self.namespace,
                "name": self.name,
            }},
        })
    }
}

impl std::fmt::Display for Access {
    /// `patch deployments.apps in istio-system`, `create pods/exec in mesh-probe`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.verb, self.object())
    }
}

/// Makes sure that the user may do all of this, before any of it is done. `needing` is who needs it, such as `the drill`.
///
/// # Errors
/// A refusal with everything that is missing, and the files that grant it.
pub async fn must_be_allowed(needed: &[Needed<'_>], needing: &str) -> Result<()> {
    let lacking = try_join_all(needed.iter().map(|needed| missing(needed.cluster, &needed.accesses))).await?;
    let all = needed.iter().zip(lacking).flat_map(|(needed, lacking)| {
        let context = needed.cluster.context.as_str();
        lacking.into_iter().map(move |access| Lacking { context, access, file: needed.file })
    });
    refusal(&all.collect::<Vec<_>>(), needing).map_or(Ok(()), Err)
}

/// A permission that is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Lacking<'a> {
    context: &'a str,
    access: Access,
    file: RoleFile,
}

fn refusal(all: &[Lacking<'_>], needing: &str) -> Option<Error> {
    // What may not be done to any object need not be said of one of them.
    let of_any = |one: &Lacking<'_>| {
        let access = one.access.clone().named("");
        all.iter().any(|other| other.context == one.context && other.access == access)
    };
    let all: Vec<&Lacking<'_>> = all.iter().filter(|one| one.access.name.is_empty() || !of_any(one)).collect();
    if all.is_empty() {
        return None;
    }
    let (mut contexts, mut files) = (Vec::new(), Vec::new());
    let mut verbs: BTreeMap<(usize, String), BTreeSet<&str>> = BTreeMap::new();
    for Lacking { context, access, file } in all {
        let index = contexts.iter().position(|known| known == context).unwrap_or(contexts.len());
        if index == contexts.len() {
            contexts.push(*context);
        }
        if !files.contains(file) {
            files.push(*file);
        }
        verbs.entry((index, access.object())).or_default().insert(&access.verb);
    }
    let line = |((index, object), verbs): (&(usize, String), &BTreeSet<&str>)| {
        format!("{}: {} {object}", contexts[*index], verbs.iter().copied().collect::<Vec<_>>().join(", "))
    };
    let lines: Vec<String> = verbs.iter().map(line).collect();
    let error = Error::refused(format!("you lack permissions that {needing} needs"))
        .at(format!("context {}", contexts.join(", ")))
        .because(lines.join("\n"));
    let (sentence, commands) = remedies(&files);
    Some(commands.into_iter().fold(error.fix(sentence), Error::fix))
}

/// How an administrator grants what the files hold: a sentence, and the commands.
fn remedies(files: &[RoleFile]) -> (String, Vec<String>) {
    let this = if files.len() == 1 { "this" } else { "these" };
    let sentence = format!("have an administrator apply {this} there, and bind you to the roles (docs/permissions):");
    (sentence, files.iter().map(|file| format!("kubectl apply -f {FILES}/{}", file.0)).collect())
}

/// Those of the permissions that the user does not have, each asked once by a `SelfSubjectAccessReview`.
async fn missing(cluster: &Cluster, wanted: &[Access]) -> Result<Vec<Access>> {
    let mut wanted = wanted.to_vec();
    wanted.sort();
    wanted.dedup();
    let allowed = try_join_all(wanted.iter().map(|access| is_allowed(cluster, access))).await?;
    Ok(wanted.into_iter().zip(allowed).filter(|(_, allowed)| !allowed).map(|(access, _)| access).collect())
}

async fn is_allowed(cluster: &Cluster, access: &Access) -> Result<bool> {
    let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    let call = Call::new(Method::POST, path.into()).with("application/json", &access.review());
    // A review changes nothing, so that it may be sent again like a read.
    let answer = cluster.must(call).await?;
    Ok(answer["status"]["allowed"].as_bool().unwrap_or(false))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permission_reads_as_kubectl_would_ask_for_it() {
        assert_eq!(
            Access::new("patch", "apps", "deployments", "istio-system").to_string(),
            "patch deployments.apps in istio-system"
        );
        assert_eq!(Access::new("create", "", "pods", "a").subresource("exec").to_string(), "create pods/exec in a");
        assert_eq!(Access::new("create", "", "namespaces", "").to_string(), "create namespaces");
        assert_eq!(Access::new("get", "", "namespaces", "").named("a").to_string(), "get namespaces a");
    }

    #[test]
    fn what_is_missing_is_said_once_with_every_file_that_grants_it() {
        let lacking = |context, resource, file| Lacking {
            context,
            access: Access::new("create", "", resource, "a"),
            file: RoleFile(file),
        };
        let all = [
            lacking("east", "leases", "one.yaml"),
            lacking("west", "leases", "one.yaml"),
            lacking("east", "leases", "one.yaml"),
            lacking("east", "pods", "two.yaml"),
            Lacking { access: Access::new("get", "", "leases", "a"), ..lacking("east", "", "one.yaml") },
            Lacking { access: Access::new("create", "", "pods", "a").named("b"), ..lacking("east", "", "two.yaml") },
        ];
        let error = refusal(&all, "the drill").unwrap();
        assert_eq!(error.what, "you lack permissions that the drill needs");
        assert_eq!(error.place.as_deref(), Some("context east, west"));
        let why = "east: create, get leases in a\neast: create pods in a\nwest: create leases in a";
        assert_eq!(error.why.as_deref(), Some(why));
        let commands: Vec<&str> = error.remedy.iter().skip(1).filter_map(|line| line.rsplit('/').next()).collect();
        assert_eq!(commands, ["one.yaml", "two.yaml"]);
        assert_eq!(refusal(&[], "the drill"), None);
    }

    #[test]
    fn only_what_is_forbidden_is_explained_by_a_file() {
        let file = RoleFile("one.yaml");
        let explained = file.explain(Error::of(Kind::Forbidden, "no").fix(ASK_FOR_IT));
        assert_eq!(explained.kind, Kind::Refused);
        assert!(explained.remedy.iter().any(|line| line.ends_with("/docs/permissions/one.yaml")), "{explained:?}");
        let other = Error::failed("no").fix("try again");
        assert_eq!(file.explain(other.clone()), other);
    }
}
