//! Permissions, and the files that grant them.

use crate::plugin::error::{Error, Kind};
use crate::plugin::finding::codes::permissions as codes;
use serde::Serialize;

/// The public address of docs/permissions.
const FILES: &str = concat!(env!("CARGO_PKG_REPOSITORY"), "/raw/main/docs/permissions");

/// What to do if a permission is missing and none of our files grants it.
pub const ASK_FOR_IT: &str = "ask for this permission, or use a context that has it";

/// A file of docs/permissions, by its name: the roles that one job needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoleFile(pub &'static str);

impl RoleFile {
    /// For a failure before the first write: a missing permission becomes a refusal that also names this file; any
    /// other failure stays as it is.
    pub fn explain(self, error: Error) -> Error {
        if error.kind != Kind::Forbidden {
            return error;
        }
        let further = error.remedy.iter().filter(|line| *line != ASK_FOR_IT).cloned();
        let (sentence, commands) = remedies(&[self]);
        let remedy = std::iter::once(sentence).chain(commands).chain(further).collect();
        Error { kind: Kind::Refused, code: Some(&codes::MISSING), remedy, ..error }
    }
}

/// How an administrator grants the roles in the files: a sentence, and the commands.
pub fn remedies(files: &[RoleFile]) -> (String, Vec<String>) {
    let this = if files.len() == 1 { "this" } else { "these" };
    let sentence = format!("have an administrator apply {this} there, and bind you to the roles (docs/permissions):");
    (sentence, files.iter().map(|file| format!("kubectl apply -f {FILES}/{}", file.0)).collect())
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
    /// Such as `exec`, usually empty.
    pub subresource: String,
    /// Empty if cluster-scoped.
    pub namespace: String,
    /// The one object that it is for, usually empty: a rule may name it in `resourceNames`.
    pub name: String,
}

impl Access {
    /// A permission for a resource in a namespace, or cluster-wide if `namespace` is empty.
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

    /// The same for one object.
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
    pub fn object(&self) -> String {
        let mut text = self.resource.clone();
        let parts = [(".", &self.group), ("/", &self.subresource), (" ", &self.name), (" in ", &self.namespace)];
        for (before, part) in parts.into_iter().filter(|(_, part)| !part.is_empty()) {
            text.push_str(before);
            text.push_str(part);
        }
        text
    }
}

impl std::fmt::Display for Access {
    /// `patch deployments.apps in istio-system`, `create pods/exec in mesh-probe`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.verb, self.object())
    }
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
    fn only_what_is_forbidden_is_explained_by_a_file() {
        let file = RoleFile("one.yaml");
        let explained = file.explain(Error::of(Kind::Forbidden, "no").fix(ASK_FOR_IT));
        assert_eq!(explained.kind, Kind::Refused);
        assert!(explained.remedy.iter().any(|line| line.ends_with("/docs/permissions/one.yaml")), "{explained:?}");
        let other = Error::failed("no").fix("try again");
        assert_eq!(file.explain(other.clone()), other);
    }
}
