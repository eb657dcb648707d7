//! Kubeconfigs that are not quite the lab's.

use std::path::PathBuf;

use meshlab::User;
use serde_json::{Value, json};

use super::Kit;

impl Kit {
    /// The lab's kubeconfig, changed, as a file of the test's own.
    pub(crate) fn kubeconfig_with(&self, name: &str, change: impl FnOnce(&mut Value)) -> PathBuf {
        let text = std::fs::read_to_string(self.lab.kubeconfig()).expect("the lab's kubeconfig");
        let mut config: Value = serde_yaml::from_str(&text).expect("YAML");
        change(&mut config);
        self.file(name, &serde_yaml::to_string(&config).expect("YAML"))
    }

    /// The kubeconfig with one cluster's address replaced.
    pub(crate) fn kubeconfig_with_server(&self, cluster: &str, server: &str) -> PathBuf {
        self.kubeconfig_with("elsewhere.yaml", |config| {
            let api = format!("{cluster}-api");
            for entry in config["clusters"].as_array_mut().expect("clusters") {
                if entry["name"] == api.as_str() {
                    entry["cluster"]["server"] = server.into();
                }
            }
        })
    }

    /// The kubeconfig with a second context for a cluster.
    pub(crate) fn kubeconfig_with_alias(&self, cluster: &str, alias: &str) -> PathBuf {
        self.kubeconfig_with("alias.yaml", |config| {
            let context = json!({"cluster": format!("{cluster}-api"), "user": format!("{cluster}-admin")});
            config["contexts"].as_array_mut().expect("contexts").push(json!({"name": alias, "context": context}));
        })
    }

    /// A kubeconfig in which these clusters are called by another user, who is made in each.
    #[track_caller]
    pub(crate) fn kubeconfig_as(&self, clusters: &[&str], user: &User) -> PathBuf {
        self.kubeconfig_with(&format!("{}.yaml", user.name), |config| {
            for cluster in clusters {
                let made = self.lab.user(cluster, user).expect("a user");
                let mut made: Value = serde_yaml::from_str(&made).expect("YAML");
                // Each has a certificate of its own.
                let name = format!("{cluster}-{}", user.name);
                made["users"][0]["name"] = name.as_str().into();
                config["users"].as_array_mut().expect("users").push(made["users"][0].clone());
                for entry in config["contexts"].as_array_mut().expect("contexts") {
                    if entry["name"] == *cluster {
                        entry["context"]["user"] = name.as_str().into();
                    }
                }
            }
        })
    }
}
