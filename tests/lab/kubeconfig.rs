//! The kubeconfigs of a lab: one for people, one per component, one per user that a test asks for.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::pki::{self, Identity};
use crate::spec::{API_PORT, Cluster, Spec};
use crate::state::State;

/// Users of a cluster that are components; each gets its own kubeconfig inside the node.
pub(crate) const COMPONENT_USERS: [&str; 5] =
    ["admin", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy"];

/// Ports of 127.0.0.1 that lead into a lab.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Ports {
    /// To the API servers, by cluster.
    pub(crate) api: BTreeMap<String, u16>,
    /// A proxy into the network between the nodes.
    pub(crate) proxy: u16,
}

impl Ports {
    /// Those of a lab that runs.
    pub(crate) fn read(state: &State) -> Result<Self> {
        let path = state.ports();
        let text = fs::read(&path).with_context(|| format!("{}", path.display()))?;
        Ok(serde_json::from_slice(&text)?)
    }

    /// The address of an API server as a kubeconfig has it, and the proxy by which one comes there.
    pub(crate) fn server(&self, cluster: &Cluster) -> (String, Option<String>) {
        if cluster.connect_proxy {
            return (format!("https://{}", cluster.api()), Some(format!("http://127.0.0.1:{}", self.proxy)));
        }
        let port = self.api.get(&cluster.name).copied().unwrap_or_default();
        (format!("https://127.0.0.1:{port}"), None)
    }
}

/// How a user shows who it is.
pub(crate) enum Credentials {
    /// By a client certificate.
    Certificate(Identity),
    /// By a token.
    Token(String),
}

/// The part of a kubeconfig that belongs to one cluster, seen from the machine.
pub(crate) struct Entry {
    /// The name of the cluster.
    pub(crate) cluster: String,
    /// The address of its API server, and the proxy by which one comes there.
    pub(crate) server: (String, Option<String>),
    /// The name of the user's entry.
    pub(crate) user: String,
    /// The certificate of the authority of whoever answers there, as PEM.
    pub(crate) authority: String,
    /// Who calls.
    pub(crate) credentials: Credentials,
}

impl Entry {
    /// The entry of the administrator.
    pub(crate) fn admin(cluster: &Cluster, ports: &Ports, pki: &Path) -> Result<Self> {
        let read = |file: &str| fs::read_to_string(pki.join(file)).with_context(|| format!("{}/{file}", pki.display()));
        let (authority, credentials) = if cluster.tls_front {
            (read(&format!("{}.crt", pki::PUBLIC))?, Credentials::Token(pki::token(pki)?))
        } else {
            let identity = Identity { certificate: read("admin.crt")?, key: read("admin.key")? };
            (read("ca.crt")?, Credentials::Certificate(identity))
        };
        Ok(Self {
            cluster: cluster.name.clone(),
            server: ports.server(cluster),
            user: format!("{}-admin", cluster.name),
            authority,
            credentials,
        })
    }
}

/// Writes the kubeconfig of a lab, complete at every instant.
pub(crate) fn write_for_people(state: &State, spec: &Spec) -> Result<()> {
    let ports = Ports::read(state)?;
    let entry = |cluster: &Cluster| Entry::admin(cluster, &ports, &state.cluster(&cluster.name).join("pki"));
    let entries = spec.clusters.iter().map(entry).collect::<Result<Vec<_>>>()?;
    replace(&state.kubeconfig(), &render(&entries)?)
}

/// Writes a file that is complete at every instant and never readable by others.
pub(crate) fn replace(path: &Path, text: &str) -> Result<()> {
    let folder = path.parent().context("a file in a folder")?;
    fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

/// A kubeconfig with a context per entry, named as its cluster; the first is the current one.
pub(crate) fn render(entries: &[Entry]) -> Result<String> {
    let mut clusters = Vec::new();
    let mut users = Vec::new();
    let mut contexts = Vec::new();
    for entry in entries {
        let name = &entry.cluster;
        let api = format!("{name}-api");
        let (server, proxy) = &entry.server;
        let mut cluster = json!({
            "server": server,
            "certificate-authority-data": BASE64_STANDARD.encode(&entry.authority),
        });
        if let Some(proxy) = proxy {
            cluster["proxy-url"] = proxy.as_str().into();
        }
        clusters.push(json!({"name": api, "cluster": cluster}));
        let user = match &entry.credentials {
            Credentials::Certificate(identity) => json!({
                "client-certificate-data": BASE64_STANDARD.encode(&identity.certificate),
                "client-key-data": BASE64_STANDARD.encode(&identity.key),
            }),
            Credentials::Token(token) => json!({"token": token}),
        };
        users.push(json!({"name": entry.user, "user": user}));
        contexts.push(json!({"name": name, "context": {"cluster": api, "user": entry.user}}));
    }
    let current = entries.first().map_or("", |entry| entry.cluster.as_str());
    Ok(serde_yaml::to_string(&json!({
        "apiVersion": "v1", "kind": "Config", "clusters": clusters, "users": users, "contexts": contexts,
        "current-context": current,
    }))?)
}

/// Makes the certificates of a cluster, and the kubeconfigs that its components use by them.
pub(crate) fn make_for_components(state: &State, cluster: &Cluster, now: OffsetDateTime) -> Result<()> {
    let folder = state.cluster(&cluster.name);
    pki::make(cluster, &folder.join("pki"), &state.folder(), now)
        .with_context(|| format!("certificates of {}", cluster.name))?;
    write_for_components(cluster, &folder)
}

/// Writes the kubeconfigs that the components of a cluster use inside its node.
fn write_for_components(cluster: &Cluster, folder: &Path) -> Result<()> {
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
