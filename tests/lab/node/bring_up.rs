//! The order in which a node's components start, and what it takes until the cluster counts as Ready.

use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use kube::Client;
use serde_json::Value;

use super::Node;
use super::components::{self, Component};
use super::processes::Processes;
use crate::client;
use crate::events::What;
use crate::spec::{BALANCED, Balancer, Cluster, Spec};

const COREDNS: &str = include_str!("../coredns.yaml");
/// How often a state that is waited for is looked at.
const PULSE: Duration = Duration::from_millis(50);

/// Why a cluster did not become Ready.
pub struct Failure {
    log: Option<PathBuf>,
    error: anyhow::Error,
}

impl Failure {
    /// For those who wait.
    pub fn what(&self) -> What {
        What::Failed { log: self.log.clone(), why: format!("{:#}", self.error) }
    }
}

/// Gives an error the component whose log explains it.
fn blame(component: Component) -> impl FnOnce(anyhow::Error) -> Failure {
    move |error| Failure { log: Some(components::log_file(Path::new(""), component)), error }
}

/// Starts everything and returns once the cluster is Ready, or as soon as it is clear that it will not be.
pub async fn bring_up(node: &Node, processes: &Arc<Processes>) -> Result<(), Failure> {
    let deadline = Instant::now() + Duration::from_secs(node.spec.timeout);
    tokio::select! {
        done = start_all(node, processes, deadline) => done,
        (component, how) = processes.first_failure() => Err(blame(component)(anyhow::anyhow!("{component} ended: {how}"))),
    }
}

async fn start_all(node: &Node, processes: &Arc<Processes>, deadline: Instant) -> Result<(), Failure> {
    let start = |component: Component| processes.start(component).map_err(blame(component));
    let has = |component: Component| Component::of(&node.cluster).contains(&component);
    start(Component::Etcd)?;
    start(Component::KubeApiserver)?;
    if has(Component::Containerd) {
        // It has nothing to do with the API server, and both take their time.
        start(Component::Registry)?;
        start(Component::Containerd)?;
    }
    let client =
        client::connect(&node.folder.join("kubeconfig/admin"), None).await.map_err(blame(Component::KubeApiserver))?;
    // /readyz comes a second and a half later than the first answer, and nothing needs it.
    until("the API server answers", deadline, async || Ok(client::get(&client, "/api/v1/nodes").await?.is_some()))
        .await
        .map_err(blame(Component::KubeApiserver))?;
    node.events.done("API server answers");

    start(Component::KubeControllerManager)?;
    if has(Component::TlsFront) {
        start(Component::TlsFront)?;
    }
    if has(Component::Kubelet) {
        // Its socket answers before its CRI does, and a kubelet that comes in between ends: it has booted once every plugin is
        // ready (containerd cmd/containerd/command/main.go).
        let log = components::log_file(&node.folder, Component::Containerd);
        let booted = async || Ok(fs::read_to_string(&log).is_ok_and(|text| text.contains("successfully booted")));
        until("containerd has booted", deadline, booted).await.map_err(blame(Component::Containerd))?;
        start(Component::Kubelet)?;
        start(Component::KubeScheduler)?;
        start(Component::KubeProxy)?;
        start(Component::Balancer)?;
    }
    if has(Component::SailStandIn) {
        start(Component::SailStandIn)?;
    }
    let pods = async { if has(Component::Kubelet) { await_pods(node, &client, deadline).await } else { Ok(()) } };
    tokio::try_join!(pods, await_accounts(node, &client, deadline), await_sail(node, &client, deadline))?;
    Ok(())
}

async fn await_pods(node: &Node, client: &Client, deadline: Instant) -> Result<(), Failure> {
    for object in name_service(&node.spec, &node.cluster).map_err(blame(Component::KubeApiserver))? {
        // The namespace is made by the API server itself, a moment after its first answer.
        until("CoreDNS is applied", deadline, async || client::apply(client, &object).await.map(|()| true))
            .await
            .map_err(blame(Component::KubeApiserver))?;
    }
    let path = format!("/api/v1/nodes/{}", node.cluster.node());
    until("the node is Ready", deadline, async || condition(client, &path, "Ready").await)
        .await
        .map_err(blame(Component::Kubelet))?;
    node.events.done("node Ready");
    let path = "/apis/apps/v1/namespaces/kube-system/deployments/coredns";
    until("CoreDNS is available", deadline, async || condition(client, path, "Available").await).await.map_err(
        |error| {
            // The log of its container says more, if there is one.
            match newest_log(Path::new("pods"), "kube-system_coredns-") {
                Some(log) => Failure { log: Some(log), error },
                None => blame(Component::Kubelet)(error),
            }
        },
    )?;
    node.events.done("CoreDNS available");
    Ok(())
}

/// Without its default account a namespace takes no pod.
async fn await_accounts(_: &Node, client: &Client, deadline: Instant) -> Result<(), Failure> {
    let path = "/api/v1/namespaces/default/serviceaccounts/default";
    until("the default account is there", deadline, async || Ok(client::get(client, path).await?.is_some()))
        .await
        .map_err(blame(Component::KubeControllerManager))
}

async fn await_sail(node: &Node, client: &Client, deadline: Instant) -> Result<(), Failure> {
    let Some(version) = node.cluster.sail else { return Ok(()) };
    for name in ["istios", "istiocnis"] {
        let path = format!("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}.sailoperator.io");
        until("the Sail CRDs are Established", deadline, async || condition(client, &path, "Established").await)
            .await
            .map_err(blame(Component::SailStandIn))?;
        let path = format!("/apis/sailoperator.io/{}/{name}", version.as_str());
        until("the Sail API is served", deadline, async || Ok(client::get(client, &path).await?.is_some()))
            .await
            .map_err(blame(Component::SailStandIn))?;
    }
    node.events.done(format!("Sail API {} served", version.as_str()));
    Ok(())
}

/// The objects of CoreDNS, with the names that hostname balancers give out, if any does.
fn name_service(spec: &Spec, of: &Cluster) -> Result<Vec<Value>> {
    let named = spec.clusters.iter().filter(|cluster| cluster.balancer == Balancer::Hostname);
    let entry = |cluster: &Cluster, number| {
        format!("        {} {}\n", cluster.own_address(number), cluster.balancer_host(number))
    };
    let hosts: Vec<String> = named.flat_map(|cluster| (1..=BALANCED).map(|number| entry(cluster, number))).collect();
    let block = if hosts.is_empty() {
        String::new()
    } else {
        format!("      hosts {{\n{}        fallthrough\n      }}\n", hosts.concat())
    };
    serde_yaml::Deserializer::from_str(&COREDNS.replace("      HOSTS\n", &block).replace("DOMAIN", &of.domain))
        .map(|document| serde::Deserialize::deserialize(document).context("coredns.yaml"))
        .collect()
}

/// The newest log of any container of the pods whose folder begins so.
fn newest_log(pods: &Path, prefix: &str) -> Option<PathBuf> {
    let below = |folder: &Path| fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let named = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix));
    below(pods)
        .filter(named)
        .flat_map(|pod| below(&pod).collect::<Vec<_>>())
        .flat_map(|container| below(&container).collect::<Vec<_>>())
        .max_by_key(|log| fs::metadata(log).and_then(|about| about.modified()).ok())
}

async fn condition(client: &Client, path: &str, kind: &str) -> Result<bool> {
    let Some(object) = client::get(client, path).await? else { return Ok(false) };
    let conditions = object["status"]["conditions"].as_array().map_or(&[][..], Vec::as_slice);
    Ok(conditions.iter().any(|condition| condition["type"] == kind && condition["status"] == "True"))
}

/// Waits for a state; an error is an answer like another until the deadline has come.
async fn until(what: impl Display, deadline: Instant, is: impl AsyncFn() -> Result<bool>) -> Result<()> {
    loop {
        let answer = tokio::time::timeout_at(deadline.into(), is()).await;
        match answer {
            Ok(Ok(true)) => return Ok(()),
            Ok(Ok(false) | Err(_)) if Instant::now() < deadline => {}
            Ok(Err(error)) => return Err(error).context(format!("waited in vain until {what}")),
            _ => anyhow::bail!("waited in vain until {what}"),
        }
        tokio::time::sleep(PULSE).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{Extent, Parts};

    #[test]
    fn the_name_service_knows_the_names_of_hostname_balancers() {
        let cluster = |name: &str, index, balancer| Cluster {
            name: name.to_owned(),
            index,
            sail: None,
            balancer,
            extent: Extent::Whole,
            external_ip: false,
            domain: format!("{name}.example"),
            tls_front: false,
            connect_proxy: false,
        };
        let corefile = |balancer| {
            let spec = Spec {
                id: "a".to_owned(),
                clusters: vec![cluster("east", 1, Balancer::Ip), cluster("west", 2, balancer)],
                parts: Parts { bin: "/b".into(), store: "/s".into(), istio: "/i".into(), own: "/o".into() },
                sail_crds: None,
                timeout: 1,
            };
            let objects = name_service(&spec, &spec.clusters[0]).unwrap();
            assert_eq!(objects.len(), 6);
            objects[3]["data"]["Corefile"].as_str().unwrap().to_owned()
        };
        assert!(!corefile(Balancer::Ip).contains("hosts"));
        let with_names = corefile(Balancer::Hostname);
        assert!(
            with_names.contains("  hosts {\n    10.99.2.1 lb.west.test\n    10.99.2.2 lb-2.west.test\n"),
            "{with_names}"
        );
        assert!(with_names.contains("  kubernetes east.example in-addr.arpa"), "{with_names}");
    }
}
