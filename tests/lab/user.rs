//! Users of a cluster with as few rights as a test wants.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use crate::client;
use crate::kubeconfig::{self, Entry};
use crate::pki::{Authority, Validity};
use crate::spec::{Cluster, check_name};
use crate::state::State;

/// Label of the roles and bindings that users are given.
pub const GRANT: &str = "meshlab-user";

/// A user who shows a client certificate.
#[derive(Debug, Clone, Default)]
pub struct User {
    /// What it is called.
    pub name: String,
    /// Its rights: rules of RBAC as in a ClusterRole; one with a `namespace` holds only there. Where there are none it
    /// may do what every authenticated user may.
    pub rules: Vec<Value>,
    /// Its certificate is over.
    pub expired: bool,
}

impl User {
    /// Reads rules from YAML: a list, or an object with `rules`.
    pub fn rules_from(yaml: &str) -> Result<Vec<Value>> {
        let value: Value = serde_yaml::from_str(yaml)?;
        let rules = value.get("rules").unwrap_or(&value);
        rules.as_array().cloned().context("rules are a YAML list as in a ClusterRole, or an object with `rules`")
    }

    /// Grants the rights and makes the certificate.
    pub(crate) async fn make(&self, state: &State, cluster: &Cluster) -> Result<String> {
        check_name("user", &self.name)?;
        if !self.rules.is_empty() {
            let client = client::connect(&state.kubeconfig(), Some(&cluster.name)).await?;
            for object in self.grants()? {
                client::apply(&client, &object).await?;
            }
        }
        let pki = state.cluster(&cluster.name).join("pki");
        let now = OffsetDateTime::now_utc();
        let validity = if self.expired { Validity::expired(now) } else { Validity::current(now) };
        let identity = Authority::of_clients(cluster, &pki)?.issue(&self.name, None, &[], validity)?;
        let admin = Entry::admin(cluster, kubeconfig::port_of(state, cluster)?, &pki)?;
        kubeconfig::render(&[Entry { user: self.name.clone(), identity, ..admin }])
    }

    /// A role and its binding for the whole cluster, and for each namespace that a rule names.
    pub fn grants(&self) -> Result<Vec<Value>> {
        let mut by_namespace: BTreeMap<Option<String>, Vec<Value>> = BTreeMap::new();
        for rule in &self.rules {
            let mut rule: Map<String, Value> = rule.as_object().cloned().context("a rule is a mapping")?;
            let namespace = match rule.remove("namespace") {
                Some(namespace) => Some(namespace.as_str().context("`namespace` of a rule is a name")?.to_owned()),
                None => None,
            };
            ensure!(rule.contains_key("verbs"), "a rule has verbs");
            by_namespace.entry(namespace).or_default().push(Value::Object(rule));
        }
        let version = "rbac.authorization.k8s.io/v1";
        let name = format!("{GRANT}-{}", self.name);
        let mut objects = Vec::new();
        for (namespace, rules) in by_namespace {
            let kind = if namespace.is_some() { "Role" } else { "ClusterRole" };
            let mut metadata = json!({"name": name, "labels": {GRANT: "true"}});
            if let Some(namespace) = namespace {
                metadata["namespace"] = namespace.into();
            }
            objects.push(json!({"apiVersion": version, "kind": kind, "metadata": metadata, "rules": rules}));
            objects.push(json!({
                "apiVersion": version, "kind": format!("{kind}Binding"), "metadata": metadata,
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name},
                "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": self.name}],
            }));
        }
        Ok(objects)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_with_a_namespace_holds_only_there() {
        let rules = User::rules_from(
            "- {apiGroups: [''], resources: [nodes], verbs: [list]}\n\
             - {namespace: a, apiGroups: [''], resources: [secrets], verbs: [get]}\n",
        )
        .unwrap();
        let user = User { name: "reader".to_owned(), rules, expired: false };
        let kinds: Vec<(String, Value)> = user
            .grants()
            .unwrap()
            .iter()
            .map(|object| (object["kind"].as_str().unwrap().to_owned(), object["metadata"]["namespace"].clone()))
            .collect();
        let expected = [
            ("ClusterRole", Value::Null),
            ("ClusterRoleBinding", Value::Null),
            ("Role", "a".into()),
            ("RoleBinding", "a".into()),
        ];
        assert_eq!(kinds, expected.map(|(kind, namespace)| (kind.to_owned(), namespace)));
    }
}
