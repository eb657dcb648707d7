//! Kubeconfigs that are not quite the lab's.

use std::path::PathBuf;

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

    /// A kubeconfig in which a cluster is called by another user, such as `meshlab user` makes.
    pub(crate) fn kubeconfig_as(&self, cluster: &str, user: &str) -> PathBuf {
        let other: Value = serde_yaml::from_str(user).expect("YAML");
        self.kubeconfig_with("user.yaml", |config| {
            config["users"].as_array_mut().expect("users").push(other["users"][0].clone());
            for entry in config["contexts"].as_array_mut().expect("contexts") {
                if entry["name"] == cluster {
                    entry["context"]["user"] = other["users"][0]["name"].clone();
                }
            }
        })
    }
}
