//! Users of a cluster with as few rights as a test wants.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::client;
use crate::kubeconfig::{self, Credentials, Entry, Ports};
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
    /// Its rights in the whole cluster: rules as in a ClusterRole. Where there are none it may do what every authenticated user
    /// may, and whatever is bound to its name.
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
        ensure!(
            !cluster.tls_front,
            "a user shows a client certificate, which the TLS front of {} does not let through",
            cluster.name
        );
        if !self.rules.is_empty() {
            let client = client::connect(&state.kubeconfig(), Some(&cluster.name)).await?;
            for object in self.grants() {
                client::apply(&client, &object).await?;
            }
        }
        let pki = state.cluster(&cluster.name).join("pki");
        let now = OffsetDateTime::now_utc();
        let validity = if self.expired { Validity::expired(now) } else { Validity::current(now) };
        let identity = Authority::of_clients(cluster, &pki)?.issue(&self.name, None, &[], validity)?;
        let admin = Entry::admin(cluster, &Ports::read(state)?, &pki)?;
        kubeconfig::render(&[Entry {
            user: self.name.clone(),
            credentials: Credentials::Certificate(identity),
            ..admin
        }])
    }

    /// A ClusterRole and its binding.
    pub fn grants(&self) -> [Value; 2] {
        let group = "rbac.authorization.k8s.io";
        let version = format!("{group}/v1");
        let name = format!("{GRANT}-{}", self.name);
        let metadata = json!({"name": name, "labels": {GRANT: "true"}});
        [
            json!({"apiVersion": version, "kind": "ClusterRole", "metadata": metadata, "rules": self.rules}),
            json!({
                "apiVersion": version, "kind": "ClusterRoleBinding", "metadata": metadata,
                "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": name},
                "subjects": [{"apiGroup": group, "kind": "User", "name": self.name}],
            }),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_a_list_or_stand_in_a_role() {
        let list = "- {apiGroups: [''], resources: [nodes], verbs: [list]}\n";
        let role = format!("kind: ClusterRole\nrules:\n{list}");
        assert_eq!(User::rules_from(list).unwrap(), User::rules_from(&role).unwrap());
        assert!(User::rules_from("kind: ClusterRole\n").is_err());
    }
}
