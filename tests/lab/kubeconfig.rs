//! The kubeconfigs of a lab: one for people, one per component, one per user that a test asks for.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::pki::Identity;
use crate::spec::{API_PORT, Cluster};
use crate::state::State;

/// Users of a cluster that are components; each gets a kubeconfig of its own inside the node.
pub(crate) const COMPONENT_USERS: [&str; 5] =
    ["admin", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy"];

/// The part of a kubeconfig that belongs to one cluster, seen from the machine.
pub(crate) struct Entry<'a> {
    /// Which cluster.
    pub(crate) cluster: &'a Cluster,
    /// The port of 127.0.0.1 that leads to its API server.
    pub(crate) port: u16,
    /// The name of the user's entry.
    pub(crate) user: String,
    /// The certificate of its API server's authority, as PEM.
    pub(crate) authority: String,
    /// Who calls.
    pub(crate) identity: Identity,
}

impl<'a> Entry<'a> {
    /// The entry of the administrator.
    pub(crate) fn admin(cluster: &'a Cluster, port: u16, pki: &Path) -> Result<Self> {
        let read = |file: &str| fs::read_to_string(pki.join(file)).with_context(|| format!("{}/{file}", pki.display()));
        Ok(Self {
            cluster,
            port,
            user: format!("{}-admin", cluster.name),
            authority: read("ca.crt")?,
            identity: Identity { certificate: read("admin.crt")?, key: read("admin.key")? },
        })
    }
}

/// A kubeconfig with a context per entry, named as its cluster; the first is the current one.
pub(crate) fn render(entries: &[Entry<'_>]) -> Result<String> {
    let mut clusters = Vec::new();
    let mut users = Vec::new();
    let mut contexts = Vec::new();
    for entry in entries {
        let name = &entry.cluster.name;
        let api = format!("{name}-api");
        clusters.push(json!({"name": api, "cluster": {
            "server": format!("https://127.0.0.1:{}", entry.port),
            "certificate-authority-data": BASE64_STANDARD.encode(&entry.authority),
        }}));
        users.push(json!({"name": entry.user, "user": {
            "client-certificate-data": BASE64_STANDARD.encode(&entry.identity.certificate),
            "client-key-data": BASE64_STANDARD.encode(&entry.identity.key),
        }}));
        contexts.push(json!({"name": name, "context": {"cluster": api, "user": entry.user}}));
    }
    let current = entries.first().map_or("", |entry| entry.cluster.name.as_str());
    Ok(serde_yaml::to_string(&json!({
        "apiVersion": "v1", "kind": "Config", "clusters": clusters, "users": users, "contexts": contexts,
        "current-context": current,
    }))?)
}

/// Writes the kubeconfigs that the components of a cluster use inside its node.
pub(crate) fn write_for_components(cluster: &Cluster, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder.join("kubeconfig"))?;
    let pki = folder.join("pki");
    for user in COMPONENT_USERS {
        let config = json!({
            "apiVersion": "v1", "kind": "Config",
            "clusters": [{"name": "this", "cluster": {
                "server": format!("https://{}:{API_PORT}", cluster.address()),
                "certificate-authority": pki.join("ca.crt"),
            }}],
            "users": [{"name": user, "user": {
                "client-certificate": pki.join(format!("{user}.crt")), "client-key": pki.join(format!("{user}.key")),
            }}],
            "contexts": [{"name": "this", "context": {"cluster": "this", "user": user}}],
            "current-context": "this",
        });
        fs::write(folder.join("kubeconfig").join(user), serde_json::to_vec(&config)?)?;
    }
    Ok(())
}

/// The port of 127.0.0.1 that leads to a cluster's API server.
pub(crate) fn port_of(state: &State, cluster: &Cluster) -> Result<u16> {
    let path = state.kubeconfig();
    let text = fs::read_to_string(&path).with_context(|| format!("{}", path.display()))?;
    let config: Value = serde_yaml::from_str(&text)?;
    let api = format!("{}-api", cluster.name);
    let entries = config["clusters"].as_array().map_or(&[][..], Vec::as_slice);
    entries
        .iter()
        .find(|entry| entry["name"] == api.as_str())
        .and_then(|entry| entry["cluster"]["server"].as_str()?.rsplit(':').next()?.parse().ok())
        .with_context(|| format!("{} has no cluster {api}", path.display()))
}

/// Puts the lab's contexts into another kubeconfig and makes the first of them its current one; entries of the same
/// names are replaced, everything else is kept.
pub(crate) fn merge(into: &str, lab: &str) -> Result<String> {
    let mut config: Value = if into.trim().is_empty() { json!({}) } else { serde_yaml::from_str(into)? };
    let lab: Value = serde_yaml::from_str(lab)?;
    let target = config.as_object_mut().context("the kubeconfig to merge into is no mapping")?;
    for (key, value) in lab.as_object().context("the lab's kubeconfig is no mapping")? {
        match (target.get_mut(key), value) {
            (Some(Value::Array(there)), Value::Array(ours)) => {
                there.retain(|entry| !ours.iter().any(|own| own["name"] == entry["name"]));
                there.extend(ours.iter().cloned());
            }
            _ => {
                target.insert(key.clone(), value.clone());
            }
        }
    }
    Ok(serde_yaml::to_string(&config)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_merge_replaces_what_has_the_lab_s_names_and_keeps_the_rest() {
        let mine = "clusters: [{name: work, cluster: {server: a}}, {name: east-api, cluster: {server: old}}]\n\
                    current-context: work\npreferences: {}\n";
        let lab = "clusters: [{name: east-api, cluster: {server: new}}]\ncurrent-context: east\n";
        let merged: Value = serde_yaml::from_str(&merge(mine, lab).unwrap()).unwrap();
        assert_eq!(
            merged,
            json!({
                "clusters": [{"name": "work", "cluster": {"server": "a"}}, {"name": "east-api", "cluster": {"server": "new"}}],
                "current-context": "east", "preferences": {},
            })
        );
    }

    #[test]
    fn a_merge_into_nothing_is_the_lab_s_own() {
        assert_eq!(merge("", "current-context: east\n").unwrap(), "current-context: east\n");
    }
}
