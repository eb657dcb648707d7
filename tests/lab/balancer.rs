//! The load balancer of a cluster: what a cloud does for Services of type LoadBalancer, done by the node.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use anyhow::Result;
use futures::TryStreamExt;
use k8s_openapi::api::core::v1::Service;
use kube::api::{Patch, PatchParams};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, ResourceExt};
use serde_json::json;
use tokio::task::AbortHandle;

use crate::client;
use crate::spec::{Balancer, Cluster};

/// Watches the Services of a cluster for ever.
pub(crate) async fn run(cluster: &Cluster, kubeconfig: &Path) -> Result<()> {
    if cluster.balancer == Balancer::Pending {
        return std::future::pending().await;
    }
    let client = client::connect(kubeconfig, None).await?;
    let services = watcher(Api::<Service>::all(client.clone()), watcher::Config::default());
    let mut services = Box::pin(services.default_backoff().applied_objects());
    let mut doors = Doors::default();
    loop {
        match services.try_next().await {
            Ok(Some(service)) => {
                if let Err(error) = serve(cluster, &client, &mut doors, &service).await {
                    tracing::warn!("{}: {error:#}", service.name_any());
                }
            }
            Ok(None) => anyhow::bail!("the watch of Services ended"),
            // The watcher begins anew by itself.
            Err(error) => tracing::warn!("{error}"),
        }
    }
}

async fn serve(cluster: &Cluster, client: &kube::Client, doors: &mut Doors, service: &Service) -> Result<()> {
    let spec = service.spec.clone().unwrap_or_default();
    if spec.type_.as_deref() != Some("LoadBalancer") || spec.load_balancer_class.is_some() {
        return Ok(());
    }
    let ingress = match cluster.balancer {
        Balancer::Ip => json!([{"ip": cluster.address()}]),
        Balancer::Hostname => {
            // kube-proxy knows nothing of a name: the balancer itself must take the connections, as AWS' does.
            if let Some(address) = spec.cluster_ip.as_deref().and_then(|ip| ip.parse().ok()) {
                let ports = spec.ports.iter().flatten().filter_map(|port| u16::try_from(port.port).ok());
                doors.open(cluster.address(), address, ports);
            }
            json!([{"hostname": cluster.balancer_host()}])
        }
        Balancer::Pending => return Ok(()),
    };
    let current =
        serde_json::to_value(service.status.as_ref().and_then(|s| s.load_balancer.as_ref()?.ingress.as_ref()))?;
    let same = |key: &str| current[0][key] == ingress[0][key] && current.as_array().is_some_and(|all| all.len() == 1);
    if same("ip") && same("hostname") {
        return Ok(());
    }
    let api: Api<Service> = Api::namespaced(client.clone(), &service.namespace().unwrap_or_default());
    let status = json!({"status": {"loadBalancer": {"ingress": ingress}}});
    api.patch_status(&service.name_any(), &PatchParams::default(), &Patch::Merge(status)).await?;
    tracing::info!("{}/{}: {ingress}", service.namespace().unwrap_or_default(), service.name_any());
    Ok(())
}

/// Ports of the node that lead to Services; a Service that is deleted leaves its own open, to nobody's harm.
#[derive(Default)]
struct Doors {
    open: BTreeMap<u16, (Ipv4Addr, AbortHandle)>,
}

impl Doors {
    fn open(&mut self, node: Ipv4Addr, service: Ipv4Addr, ports: impl Iterator<Item = u16>) {
        for port in ports {
            match self.open.get(&port) {
                Some((address, _)) if *address == service => continue,
                Some((_, other)) => other.abort(),
                None => {}
            }
            let door = tokio::spawn(async move {
                if let Err(error) = carry((node, port).into(), (service, port).into()).await {
                    tracing::warn!("port {port}: {error:#}");
                }
            });
            self.open.insert(port, (service, door.abort_handle()));
        }
    }
}

async fn carry(from: SocketAddr, to: SocketAddr) -> Result<()> {
    let socket = tokio::net::TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(from)?;
    crate::wan::carry(socket.listen(128)?, to).await
}
