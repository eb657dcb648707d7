//! The cloud of a cluster, as far as a node can be one: an address or a name for each Service of type LoadBalancer, and
//! an external address for the node where one is asked for.

mod addresses;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::Path;

use anyhow::Result;
use futures::TryStreamExt;
use k8s_openapi::api::core::v1::{Node, Service};
use kube::api::{Patch, PatchParams};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};
use tokio::task::AbortHandle;

use self::addresses::Addresses;
use crate::client;
use crate::spec::{Balancer, Cluster, LAST};

/// Serves a cluster for ever.
pub(crate) async fn run(cluster: &Cluster, kubeconfig: &Path) -> Result<()> {
    let client = client::connect(kubeconfig, None).await?;
    let node =
        async { if cluster.external_ip { give_node(cluster, &client).await } else { std::future::pending().await } };
    let services = async {
        match cluster.balancer {
            Balancer::Pending => std::future::pending().await,
            Balancer::Ip | Balancer::Hostname => Served::none(cluster, &client).watch().await,
        }
    };
    tokio::try_join!(node, services).map(drop)
}

/// What the Services of a cluster have been given.
struct Served<'a> {
    cluster: &'a Cluster,
    client: &'a Client,
    addresses: Addresses,
    doors: Doors,
}

impl<'a> Served<'a> {
    fn none(cluster: &'a Cluster, client: &'a Client) -> Self {
        Self { cluster, client, addresses: Addresses::default(), doors: Doors::default() }
    }

    async fn watch(mut self) -> Result<()> {
        let all = watcher(Api::<Service>::all(self.client.clone()), watcher::Config::default());
        let mut events = Box::pin(all.default_backoff());
        // What stood before is looked at together: who has an address keeps it.
        let mut there = Vec::new();
        loop {
            match events.try_next().await {
                Ok(Some(Event::Init)) => {
                    there.clear();
                    self.addresses = Addresses::default();
                }
                Ok(Some(Event::InitApply(service))) => there.push(service),
                Ok(Some(Event::InitDone)) => {
                    for service in &there {
                        if let (true, Some(number)) = (is_ours(service), self.number_of(service)) {
                            self.addresses.keep(&id(service), number);
                        }
                    }
                    for service in there.drain(..) {
                        self.serve(&service).await;
                    }
                }
                Ok(Some(Event::Apply(service))) => self.serve(&service).await,
                Ok(Some(Event::Delete(service))) => self.addresses.free(&id(&service)),
                Ok(None) => anyhow::bail!("the watch of Services ended"),
                // The watcher begins anew by itself.
                Err(error) => tracing::warn!("{error}"),
            }
        }
    }

    async fn serve(&mut self, service: &Service) {
        if !is_ours(service) {
            self.addresses.free(&id(service));
            return;
        }
        let Some(number) = self.addresses.of(&id(service)) else {
            tracing::warn!("{}: no address is left", id(service));
            return;
        };
        if let Err(error) = self.give(service, number).await {
            tracing::warn!("{}: {error:#}", id(service));
        }
    }

    /// The number of the address or name that a Service has.
    fn number_of(&self, service: &Service) -> Option<u8> {
        let ingress = ingress_of(service);
        (ingress.as_array()?.len() == 1).then_some(())?;
        Addresses::all().find(|number| same(&ingress[0], &self.ingress(*number)))
    }

    fn ingress(&self, number: u8) -> Value {
        match self.cluster.balancer {
            Balancer::Hostname => json!({"hostname": self.cluster.balancer_host(number)}),
            _ => json!({"ip": self.cluster.own_address(number)}),
        }
    }

    async fn give(&mut self, service: &Service, number: u8) -> Result<()> {
        let spec = service.spec.clone().unwrap_or_default();
        if self.cluster.balancer == Balancer::Hostname
            && let Some(address) = spec.cluster_ip.as_deref().and_then(|ip| ip.parse().ok())
        {
            // kube-proxy knows nothing of a name: the balancer itself must take the connections, as AWS' does.
            let ports = spec.ports.iter().flatten().filter_map(|port| u16::try_from(port.port).ok());
            self.doors.open(self.cluster.own_address(number), address, ports);
        }
        if self.number_of(service) == Some(number) {
            return Ok(());
        }
        let ingress = self.ingress(number);
        let api: Api<Service> = Api::namespaced(self.client.clone(), &service.namespace().unwrap_or_default());
        let status = json!({"status": {"loadBalancer": {"ingress": [ingress]}}});
        api.patch_status(&service.name_any(), &PatchParams::default(), &Patch::Merge(status)).await?;
        tracing::info!("{}: {ingress}", id(service));
        Ok(())
    }
}

fn id(service: &Service) -> String {
    format!("{}/{}", service.namespace().unwrap_or_default(), service.name_any())
}

fn is_ours(service: &Service) -> bool {
    service
        .spec
        .as_ref()
        .is_some_and(|spec| spec.type_.as_deref() == Some("LoadBalancer") && spec.load_balancer_class.is_none())
}

fn ingress_of(service: &Service) -> Value {
    let ingress = service.status.as_ref().and_then(|status| status.load_balancer.as_ref()?.ingress.as_ref());
    serde_json::to_value(ingress).unwrap_or_default()
}

fn same(one: &Value, other: &Value) -> bool {
    ["ip", "hostname"].iter().all(|key| one[key] == other[key])
}

/// Gives the node its addresses, as the controller of a cloud does, and lets pods onto it.
async fn give_node(cluster: &Cluster, client: &Client) -> Result<()> {
    let nodes: Api<Node> = Api::all(client.clone());
    let name = cluster.node();
    let addresses = json!([
        {"type": "InternalIP", "address": cluster.address()},
        {"type": "ExternalIP", "address": cluster.own_address(LAST)},
        {"type": "Hostname", "address": name},
    ]);
    let mut events = Box::pin(watcher(nodes.clone(), watcher::Config::default()).default_backoff().applied_objects());
    while let Some(node) = events.try_next().await.transpose() {
        let Ok(node) = node else { continue };
        if node.name_any() != name {
            continue;
        }
        let has = node.status.as_ref().and_then(|status| status.addresses.as_ref());
        if serde_json::to_value(has)? != addresses {
            let status = json!({"status": {"addresses": addresses}});
            nodes.patch_status(&name, &PatchParams::default(), &Patch::Merge(status)).await?;
        }
        let taints = node.spec.and_then(|spec| spec.taints).unwrap_or_default();
        if taints.iter().any(|taint| taint.key == UNINITIALIZED) {
            let left: Vec<_> = taints.iter().filter(|taint| taint.key != UNINITIALIZED).collect();
            let patch = json!({"spec": {"taints": left}});
            nodes.patch(&name, &PatchParams::default(), &Patch::Merge(patch)).await?;
        }
    }
    anyhow::bail!("the watch of nodes ended")
}

/// The kubelet's mark of a node whose cloud has not said yet what it is.
const UNINITIALIZED: &str = "node.cloudprovider.kubernetes.io/uninitialized";

/// Ports of the balancer that lead to Services; a Service that is deleted leaves its own open, to nobody's harm.
#[derive(Default)]
struct Doors {
    open: BTreeMap<SocketAddrV4, (Ipv4Addr, AbortHandle)>,
}

impl Doors {
    fn open(&mut self, balancer: Ipv4Addr, service: Ipv4Addr, ports: impl Iterator<Item = u16>) {
        for port in ports {
            let from = SocketAddrV4::new(balancer, port);
            match self.open.get(&from) {
                Some((address, _)) if *address == service => continue,
                Some((_, other)) => other.abort(),
                None => {}
            }
            let door = tokio::spawn(async move {
                if let Err(error) = carry(from.into(), (service, port).into()).await {
                    tracing::warn!("{from}: {error:#}");
                }
            });
            self.open.insert(from, (service, door.abort_handle()));
        }
    }
}

async fn carry(from: SocketAddr, to: SocketAddr) -> Result<()> {
    let socket = tokio::net::TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(from)?;
    crate::wan::carry(socket.listen(128)?, to).await
}
