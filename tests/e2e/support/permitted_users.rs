//! Users who have what files of docs/permissions grant, and nothing else.

use std::path::{Path, PathBuf};

use meshlab::User;
use meshlab::audit::Event;
use meshlab::user::GRANT;
use serde_json::{Value, json};

use super::Kit;
use super::sample::documents;

/// What every role and binding of docs/permissions carries.
pub(crate) const LABEL: &str = "app.kubernetes.io/part-of=kubectl-mesh";

/// A file of roles, and the file by which they are bound.
pub(crate) type Grant = (&'static str, &'static str);

/// One verb on one resource, as a rule of a file grants it and a binding confines it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Right {
    /// The file and the role in it, which together with what is granted make the right.
    pub(crate) file: &'static str,
    pub(crate) role: String,
    pub(crate) verb: String,
    /// Such as `deployments.apps/scale`.
    pub(crate) resource: String,
    /// Empty where the rule names no objects.
    pub(crate) names: Vec<String>,
    /// None where it holds in the whole cluster.
    pub(crate) namespace: Option<String>,
}

impl Right {
    /// Whether this right allows a request, by the request's own verb.
    pub(crate) fn covers(&self, event: &Event) -> bool {
        self.resource == resource(event)
            && self.verb == event.verb
            && self.namespace.as_ref().is_none_or(|namespace| *namespace == event.namespace)
            && (self.names.is_empty() || self.names.contains(&event.name))
    }

    /// Whether both are granted by the same rule, wherever it is bound.
    pub(crate) fn is_of_the_rule_of(&self, other: &Self) -> bool {
        (self.file, &self.role, &self.verb, &self.resource, &self.names)
            == (other.file, &other.role, &other.verb, &other.resource, &other.names)
    }

    /// As the marker of a file says it: `get deployments.apps/scale`.
    pub(crate) fn words(&self) -> String {
        format!("{} {}", self.verb, self.resource)
    }
}

/// All that the API server authorised for a request: of an apply that made something, and of a WebSocket to a pod (since 1.35), it
/// asks for `create` too, which the log does not tell.
pub(crate) fn authorised(event: &Event) -> Vec<Event> {
    let made = event.verb == "patch" && event.code == 201;
    let connected = event.verb == "get" && ["exec", "portforward"].contains(&event.subresource.as_str());
    let create = (made || connected).then(|| Event { verb: "create".into(), ..event.clone() });
    std::iter::once(event.clone()).chain(create).collect()
}

/// `deployments.apps/scale`.
pub(crate) fn resource(event: &Event) -> String {
    with_group(&event.resource, &event.group, &event.subresource)
}

fn with_group(resource: &str, group: &str, subresource: &str) -> String {
    let dot = if group.is_empty() { "" } else { "." };
    let slash = if subresource.is_empty() { "" } else { "/" };
    format!("{resource}{dot}{group}{slash}{subresource}")
}

/// Every right that the files grant, as they are bound.
pub(crate) fn rights(grants: &[Grant]) -> Vec<Right> {
    grants.iter().flat_map(|(file, bindings)| of_file(file, bindings)).collect()
}

/// A right of which a file says why no request of the tests needs it.
pub(crate) struct Explained {
    /// The role that the words stand in.
    pub(crate) role: String,
    /// Such as `get deployments.apps/scale`.
    pub(crate) words: String,
    /// Whether a request may need it all the same, now and then.
    pub(crate) sometimes: bool,
}

/// Every right that a file explains so: `# not seen: RIGHT: REASON` or `# not always seen: RIGHT: REASON`.
pub(crate) fn explained(file: &str) -> Vec<Explained> {
    let mut all = Vec::new();
    for chunk in read(file).split("\n---\n") {
        let role = documents(chunk).remove(0);
        for line in chunk.lines() {
            let never = line.strip_prefix("# not seen: ");
            let Some(said) = never.or(line.strip_prefix("# not always seen: ")) else { continue };
            let (words, _reason) = said.split_once(": ").unwrap_or_else(|| panic!("{file}: no reason: {line}"));
            all.push(Explained { role: name_of(&role), words: words.to_owned(), sometimes: never.is_none() });
        }
    }
    all
}

fn of_file(file: &'static str, bindings: &str) -> Vec<Right> {
    let roles = documents(&read(file));
    let mut all = Vec::new();
    for binding in documents(&read(bindings)) {
        let Some(role) = roles.iter().find(|role| binds(&binding, role)) else { continue };
        let namespace = binding["metadata"]["namespace"].as_str().map(ToOwned::to_owned);
        for rule in role["rules"].as_array().expect("rules") {
            for (group, named) in pairs(rule) {
                let (resource, subresource) = named.split_once('/').unwrap_or((&named, ""));
                for verb in texts(&rule["verbs"]) {
                    all.push(Right {
                        file,
                        role: name_of(role),
                        verb,
                        resource: with_group(resource, &group, subresource),
                        names: texts(&rule["resourceNames"]),
                        namespace: namespace.clone(),
                    });
                }
            }
        }
    }
    all
}

fn pairs(rule: &Value) -> Vec<(String, String)> {
    let groups = texts(&rule["apiGroups"]);
    groups
        .iter()
        .flat_map(|group| texts(&rule["resources"]).into_iter().map(|resource| (group.clone(), resource)))
        .collect()
}

fn texts(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().map(|text| text.as_str().expect("text").to_owned()).collect()
}

/// Name and, where it has one, namespace.
fn name_of(role: &Value) -> String {
    let text = |key: &str| role["metadata"][key].as_str().unwrap_or_default();
    format!("{} {}/{}", role["kind"].as_str().unwrap_or_default(), text("namespace"), text("name"))
}

fn binds(binding: &Value, role: &Value) -> bool {
    let reference = &binding["roleRef"];
    let same_place = role["kind"] == "ClusterRole" || role["metadata"]["namespace"] == binding["metadata"]["namespace"];
    reference["kind"] == role["kind"] && reference["name"] == role["metadata"]["name"] && same_place
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/permissions")
}

fn read(file: &str) -> String {
    let path = folder().join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

impl Kit {
    /// A kubeconfig in which these clusters are called by a user to whom the roles of these very files are bound, as the files of
    /// bindings do it for their groups.
    #[track_caller]
    pub(crate) fn kubeconfig_granted(&self, clusters: &[&str], user: &str, grants: &[Grant]) -> PathBuf {
        for cluster in clusters {
            for (file, bindings) in grants {
                self.kubectl(cluster, &["apply", "-f", &folder().join(file).display().to_string()]).ok();
                let roles = documents(&read(file));
                let mut bound = documents(&read(bindings));
                bound.retain(|binding| roles.iter().any(|role| binds(binding, role)));
                assert!(!bound.is_empty(), "{bindings} binds nothing of {file}");
                for binding in &mut bound {
                    let name = binding["metadata"]["name"].as_str().expect("a name");
                    binding["metadata"]["name"] = format!("{name}-{user}").into();
                    binding["metadata"]["labels"][GRANT] = "true".into();
                    binding["subjects"] =
                        json!([{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}]);
                }
                self.apply(cluster, &bound);
            }
        }
        self.kubeconfig_as(clusters, &User { name: user.into(), ..User::default() })
    }
}
