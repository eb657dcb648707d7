//! What a pod's Envoy counts per host of one of its clusters, read from its admin port by port-forward: the port only
//! answers loopback, and a port-forward comes from there.

use std::time::Duration;

use http::{Request, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use serde::Deserialize;
use tokio::time::timeout;

use super::api_fault::clean;
use super::context::Cluster;
use super::request::place;
use crate::plugin::error::{Error, Result};

/// Istio's admin port of a sidecar (istio/istio pkg/model/proxy.go, `proxyAdminPort`).
const PORT: u16 = 15000;
/// A proxy with thousands of clusters stays below this.
const LARGEST_ANSWER: usize = 64 << 20;

/// A connection to the admin port of one pod's proxy.
pub struct ProxyStats {
    sender: SendRequest<Empty<Bytes>>,
    limit: Duration,
    place: String,
}

/// One host of a cluster, as Envoy counts. Counters are attempts, and start from zero for a host that comes back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// `address:port`.
    pub address: String,
    /// Region of its locality; empty if it has none.
    pub region: String,
    /// 0 is preferred.
    pub priority: u32,
    /// `rq_success`.
    pub success: u64,
    /// `rq_error`.
    pub error: u64,
    /// Ejected by outlier detection (`failed_outlier_check`).
    pub ejected: bool,
}

#[derive(Deserialize)]
struct Clusters {
    #[serde(default)]
    cluster_statuses: Vec<ClusterStatus>,
}

#[derive(Deserialize)]
struct ClusterStatus {
    name: String,
    #[serde(default)]
    host_statuses: Vec<HostStatus>,
}

#[derive(Deserialize)]
struct HostStatus {
    #[serde(default)]
    address: Address,
    #[serde(default)]
    stats: Vec<Stat>,
    #[serde(default)]
    health_status: HealthStatus,
    #[serde(default)]
    locality: Locality,
    #[serde(default)]
    priority: u32,
}

#[derive(Deserialize, Default)]
struct Address {
    #[serde(default)]
    socket_address: SocketAddress,
}

#[derive(Deserialize, Default)]
struct SocketAddress {
    #[serde(default)]
    address: String,
    #[serde(default)]
    port_value: u32,
}

#[derive(Deserialize)]
struct Stat {
    name: String,
    /// protobuf's JSON writes a 64-bit number as text and leaves out zero.
    #[serde(default)]
    value: Option<String>,
}

#[derive(Deserialize, Default)]
struct HealthStatus {
    #[serde(default)]
    failed_outlier_check: bool,
}

#[derive(Deserialize, Default)]
struct Locality {
    #[serde(default)]
    region: String,
}

/// What to do if the proxy does not answer.
const LOOK: &str = "look at the log of that pod's container istio-proxy, then run the same command again";

impl ProxyStats {
    /// Connects to the proxy of a pod.
    ///
    /// # Errors
    /// If the pod cannot be reached by port-forward.
    pub async fn connect(cluster: &Cluster, namespace: &str, pod: &str) -> Result<Self> {
        let place = place(cluster, &format!("pod {namespace}/{pod}, port {PORT}"));
        let failed =
            |why: String| Error::failed("cannot connect to the client's proxy").at(&place).because(why).fix(LOOK);
        let connecting = async {
            let pods: Api<Pod> = Api::namespaced(cluster.client.clone(), namespace);
            let forwarder = pods.portforward(pod, &[PORT]).await;
            let mut forwarder = forwarder.map_err(|error| cluster.fault(&error).or(cluster, failed))?;
            let stream = forwarder.take_stream(PORT).ok_or_else(|| failed("the port-forward has no stream".into()))?;
            let (sender, connection) =
                handshake(TokioIo::new(stream)).await.map_err(|error| failed(clean(&error.to_string())))?;
            tokio::spawn(async move {
                let _ = connection.await;
                drop(forwarder);
            });
            Ok(sender)
        };
        let connected = timeout(cluster.request_timeout, connecting).await;
        let sender = connected.unwrap_or_else(|_| Err(failed("it took too long".into())))?;
        Ok(Self { sender, limit: cluster.request_timeout, place })
    }

    /// The hosts of a cluster, such as `outbound|5000||helloworld.sample.svc.cluster.local`; none if the proxy does not
    /// know it.
    ///
    /// # Errors
    /// If the proxy does not answer, or not in Envoy's form.
    pub async fn hosts(&mut self, envoy_cluster: &str) -> Result<Vec<Host>> {
        let answer = timeout(self.limit, self.ask("/clusters?format=json")).await;
        let answer = answer.unwrap_or_else(|_| Err("it took too long".into()));
        answer
            .and_then(|bytes| hosts_of(&bytes, envoy_cluster))
            .map_err(|why| Error::failed("cannot read the counters of the client's proxy").at(&self.place).because(why))
            .map_err(|draft| draft.fix(LOOK))
    }

    async fn ask(&mut self, path: &str) -> Result<Bytes, String> {
        let words = |error: &dyn std::fmt::Display| clean(&error.to_string());
        let request = Request::get(path).header(header::HOST, "localhost").body(Empty::new());
        self.sender.ready().await.map_err(|error| words(&error))?;
        let answer = self.sender.send_request(request.map_err(|error| words(&error))?).await;
        let answer = answer.map_err(|error| words(&error))?;
        if !answer.status().is_success() {
            return Err(format!("HTTP status {}", answer.status().as_u16()));
        }
        let body = Limited::new(answer.into_body(), LARGEST_ANSWER).collect().await;
        Ok(body.map_err(|error| words(&error))?.to_bytes())
    }
}

fn hosts_of(answer: &[u8], envoy_cluster: &str) -> Result<Vec<Host>, String> {
    let clusters: Clusters = serde_json::from_slice(answer).map_err(|error| clean(&error.to_string()))?;
    let found = clusters.cluster_statuses.into_iter().find(|status| status.name == envoy_cluster);
    Ok(found.map(|status| status.host_statuses.iter().map(host).collect()).unwrap_or_default())
}

fn host(status: &HostStatus) -> Host {
    let count = |name: &str| {
        let stat = status.stats.iter().find(|stat| stat.name == name);
        stat.and_then(|stat| stat.value.as_deref()?.parse().ok()).unwrap_or_default()
    };
    let address = &status.address.socket_address;
    Host {
        address: format!("{}:{}", clean(&address.address), address.port_value),
        region: clean(&status.locality.region),
        priority: status.priority,
        success: count("rq_success"),
        error: count("rq_error"),
        ejected: status.health_status.failed_outlier_check,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn envoys_hosts_are_read_as_it_writes_them() {
        let answer = json!({"cluster_statuses": [
            {"name": "BlackHoleCluster", "added_via_api": true},
            {"name": "outbound|5000||helloworld.sample.svc.cluster.local", "host_statuses": [
                {
                    "address": {"socket_address": {"address": "10.244.0.7", "port_value": 5000}},
                    "stats": [
                        {"type": "COUNTER", "name": "rq_error"},
                        {"type": "COUNTER", "value": "41", "name": "rq_success"},
                        {"type": "GAUGE", "value": "1", "name": "cx_active"},
                    ],
                    "health_status": {"eds_health_status": "HEALTHY"},
                    "locality": {"region": "east-1", "zone": "a"},
                    "weight": 1,
                },
                {
                    "address": {"socket_address": {"address": "10.99.0.12", "port_value": 15443}},
                    "stats": [{"type": "COUNTER", "value": "3", "name": "rq_error"}],
                    "health_status": {"failed_outlier_check": true, "eds_health_status": "HEALTHY"},
                    "locality": {"region": "west-1"},
                    "priority": 1,
                },
            ]},
        ]});
        let bytes = serde_json::to_vec(&answer).unwrap();
        let hosts = hosts_of(&bytes, "outbound|5000||helloworld.sample.svc.cluster.local").unwrap();
        assert_eq!(
            hosts,
            [
                Host {
                    address: "10.244.0.7:5000".into(),
                    region: "east-1".into(),
                    priority: 0,
                    success: 41,
                    error: 0,
                    ejected: false,
                },
                Host {
                    address: "10.99.0.12:15443".into(),
                    region: "west-1".into(),
                    priority: 1,
                    success: 0,
                    error: 3,
                    ejected: true,
                },
            ]
        );
        assert_eq!(hosts_of(&bytes, "outbound|1||no.such").unwrap(), []);
        assert!(hosts_of(b"not json", "x").is_err());
    }
}
