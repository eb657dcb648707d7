//! Kubeconfigs that are not quite the one of the clusters.

use std::path::PathBuf;

use meshlab::User;
use serde_json::{Value, json};

use super::Kit;

impl Kit {
    /// The kubeconfig of the clusters, changed, as a file of the test's own.
    pub(crate) fn kubeconfig_with(&self, name: &str, change: impl FnOnce(&mut Value)) -> PathBuf {
        let text = std::fs::read_to_string(&self.ground.kubeconfig).expect("the kubeconfig of the clusters");
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

    /// The kubeconfig in which a cluster is reached through what `before` puts before its API server.
    pub(crate) fn kubeconfig_behind(&self, cluster: &str, before: impl FnOnce(&str) -> String) -> PathBuf {
        let text = std::fs::read_to_string(&self.ground.kubeconfig).expect("the kubeconfig of the clusters");
        let config: Value = serde_yaml::from_str(&text).expect("YAML");
        let api = format!("{cluster}-api");
        let entries = config["clusters"].as_array().expect("clusters");
        let entry = entries.iter().find(|entry| entry["name"] == api.as_str()).expect("the cluster");
        let server = entry["cluster"]["server"].as_str().expect("an address").trim_start_matches("https://");
        self.kubeconfig_with_server(cluster, &format!("https://{}", before(server)))
    }

    /// The kubeconfig with a second context for a cluster.
    pub(crate) fn kubeconfig_with_alias(&self, cluster: &str, alias: &str) -> PathBuf {
        self.kubeconfig_with("alias.yaml", |config| {
            let context = json!({"cluster": format!("{cluster}-api"), "user": format!("{cluster}-admin")});
            config["contexts"].as_array_mut().expect("contexts").push(json!({"name": alias, "context": context}));
        })
    }

    /// A kubeconfig in which these clusters are called by another user, who is made in each. In the lab that one shows a
    /// certificate, elsewhere it is the administrator who asks to be taken for it.
    #[track_caller]
    pub(crate) fn kubeconfig_as(&self, clusters: &[&str], user: &User) -> PathBuf {
        self.kubeconfig_with(&format!("{}.yaml", user.name), |config| {
            for cluster in clusters {
                let mut made = match &self.ground.lab {
                    Some(lab) => {
                        let made = lab.user(cluster, user).expect("a user");
                        serde_yaml::from_str::<Value>(&made).expect("YAML")["users"][0].clone()
                    }
                    None => self.impersonated(cluster, user, config),
                };
                // Each has an entry of its own.
                let name = format!("{cluster}-{}", user.name);
                made["name"] = name.as_str().into();
                config["users"].as_array_mut().expect("users").push(made);
                for entry in config["contexts"].as_array_mut().expect("contexts") {
                    if entry["name"] == *cluster {
                        entry["context"]["user"] = name.as_str().into();
                    }
                }
            }
        })
    }

    #[track_caller]
    fn impersonated(&self, cluster: &str, user: &User, config: &Value) -> Value {
        assert!(!user.expired, "only the lab makes certificates");
        self.apply(cluster, &user.grants());
        let admin = format!("{cluster}-admin");
        let users = config["users"].as_array().expect("users");
        let mut made = users.iter().find(|entry| entry["name"] == admin.as_str()).expect("the administrator").clone();
        made["user"]["as"] = user.name.as_str().into();
        made
    }
}
