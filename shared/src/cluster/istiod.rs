//! istiod's debug port, reached by port-forward: it only answers loopback, and a port-forward comes from there.

use futures::future::try_join_all;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::Portforwarder;
use serde::Deserialize;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};
use tokio::try_join;

use super::api_fault::clean_value;
use super::context::Cluster;
use super::request::{Call, items, place};
use super::wait::pod_trouble::is_ready;
use crate::plugin::error::{Error, Result};

/// istiod's monitoring port, which serves /debug as well (istio/istio pilot/pkg/bootstrap/server.go, `monitoringMux`).
const PORT: u16 = 15014;
/// A mesh of a thousand clusters stays far below this.
const LARGEST_ANSWER: usize = 16 << 20;

/// What one istiod replica knows of its peers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replica {
    /// Name of the pod.
    pub pod: String,
    /// Every cluster it has a client for, with the state of its first sync.
    pub clusters: Vec<SyncState>,
    /// Gateways of every network it knows.
    pub gateways: Vec<NetworkGateway>,
}

/// One cluster as an istiod sees it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SyncState {
    /// Cluster name.
    #[serde(rename = "id")]
    pub cluster: String,
    /// `namespace/name` of the remote secret; empty for the replica's own cluster.
    #[serde(default, rename = "secretName")]
    pub secret: String,
    /// `synced` when its services and endpoints were known once; else `syncing`, `timeout` or `closed`.
    #[serde(default, rename = "syncStatus")]
    pub state: String,
}

/// A gateway of a network.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct NetworkGateway {
    /// Network.
    pub network: String,
    /// Cluster that has it, empty if it comes from `meshNetworks`.
    #[serde(default)]
    pub cluster: String,
    /// IP, or the IPs of a host name.
    #[serde(rename = "Addr")]
    pub address: String,
    /// Mostly 15443.
    pub port: u16,
}

/// Asks every Ready istiod of a namespace for its clusters and networks. Empty if none is Ready.
///
/// # Errors
/// If one does not answer, or not in time.
pub async fn replicas(cluster: &Cluster, namespace: &str, deadline: Instant) -> Result<Vec<Replica>> {
    let list =
        cluster.must(Call::get(format!("/api/v1/namespaces/{namespace}/pods?labelSelector=app%3Distiod"))).await?;
    let ready: Vec<String> = items(Some(list)).iter().filter_map(ready_name).collect();
    try_join_all(ready.into_iter().map(|pod| async move {
        let (clusters, gateways) = try_join!(
            get(cluster, namespace, &pod, "/debug/clusterz", deadline),
            get(cluster, namespace, &pod, "/debug/networkz", deadline),
        )?;
        let unknown = |error: serde_json::Error| {
            Error::failed("istiod's answer has an unknown form")
                .at(place(cluster, &format!("pod {namespace}/{pod}")))
                .because(error.to_string())
                .report()
        };
        Ok(Replica {
            clusters: list_of(clusters).map_err(unknown)?,
            gateways: list_of(gateways).map_err(unknown)?,
            pod: pod.clone(),
        })
    }))
    .await
}

/// A list that Go writes as `null` when it is empty.
fn list_of<T: for<'de> Deserialize<'de>>(value: Value) -> Result<Vec<T>, serde_json::Error> {
    serde_json::from_value::<Option<Vec<T>>>(value).map(Option::unwrap_or_default)
}

fn ready_name(pod: &Value) -> Option<String> {
    let ready = is_ready(pod);
    (ready && pod["metadata"]["deletionTimestamp"].is_null())
        .then(|| pod["metadata"]["name"].as_str().map(str::to_owned))?
}

/// Returns what istiod's debug port answers to a GET.
///
/// # Errors
/// If the pod cannot be reached or does not answer with JSON.
pub async fn get(cluster: &Cluster, namespace: &str, pod: &str, path: &str, deadline: Instant) -> Result<Value> {
    let failed = |why: String| {
        Error::failed(format!("istiod does not answer {path}"))
            .at(place(cluster, &format!("pod {namespace}/{pod}, port {PORT}")))
            .because(why)
            .fix("look at that istiod, then run the same command again:")
            .fix(format!("kubectl --context {} logs -n {namespace} {pod}", cluster.context))
    };
    let asking = async {
        let pods: Api<Pod> = Api::namespaced(cluster.client.clone(), namespace);
        let forwarder = pods.portforward(pod, &[PORT]).await;
        let mut forwarder = forwarder.map_err(|error| cluster.fault(&error).or(cluster, failed))?;
        ask(&mut forwarder, path).await.map_err(failed)
    };
    timeout_at(deadline, asking).await.unwrap_or_else(|_| Err(failed("it took too long".into())))
}

async fn ask(forwarder: &mut Portforwarder, path: &str) -> Result<Value, String> {
    let mut stream = forwarder.take_stream(PORT).ok_or("the port-forward has no stream")?;
    // HTTP/1.0: the answer is not cut into chunks.
    let request = format!("GET {path} HTTP/1.0\r\nHost: localhost:{PORT}\r\nAccept: application/json\r\n\r\n");
    stream.write_all(request.as_bytes()).await.map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    loop {
        let read = stream.read_buf(&mut bytes).await.map_err(|error| error.to_string())?;
        // Through a port-forward the end of a connection comes a second late: complete JSON is the end as well.
        match body(&bytes) {
            Some(answer) => return answer,
            None if read == 0 => return Err("the connection ended before the answer did".into()),
            None if bytes.len() > LARGEST_ANSWER => return Err("the answer is too large".into()),
            None => {}
        }
    }
}

/// The JSON in an HTTP answer with status 200, or what is wrong with it; none while it is incomplete.
fn body(answer: &[u8]) -> Option<Result<Value, String>> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let (head, body) = answer.split_at(end + 4);
    let first = String::from_utf8_lossy(head).lines().next().unwrap_or_default().to_owned();
    let status = first.split(' ').nth(1).unwrap_or_default();
    if status != "200" {
        return Some(Err(format!("HTTP status {}", super::api_fault::clean(status))));
    }
    match serde_json::from_slice::<Value>(body) {
        Ok(mut value) => {
            clean_value(&mut value);
            Some(Ok(value))
        }
        Err(error) if error.is_eof() => None,
        Err(error) => Some(Err(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn istiods_lists_are_read_as_it_writes_them() {
        let clusters: Vec<SyncState> = list_of(json!([
            {"id": "east", "secretName": "", "syncStatus": "synced"},
            {"id": "west", "secretName": "istio-system/istio-remote-secret-west", "syncStatus": "timeout"},
        ]))
        .unwrap();
        assert_eq!((clusters[1].cluster.as_str(), clusters[1].state.as_str()), ("west", "timeout"));
        let gateways: Vec<NetworkGateway> = list_of(json!([
            {"Network": "network-west", "Cluster": "west", "Addr": "10.99.0.12", "Port": 15443, "HBONEPort": 0, "ServiceAccount": {}},
        ]))
        .unwrap();
        assert_eq!((gateways[0].address.as_str(), gateways[0].port), ("10.99.0.12", 15443));
        assert!(list_of::<NetworkGateway>(Value::Null).unwrap().is_empty());
    }

    #[test]
    fn only_a_whole_answer_with_status_200_counts() {
        assert_eq!(body(b"HTTP/1.0 200 OK\r\nA: b\r\n\r\n[]"), Some(Ok(json!([]))));
        assert_eq!(body(b"HTTP/1.0 401 Unauthorized\r\n\r\nno"), Some(Err("HTTP status 401".into())));
        for part in ["HTTP/1.0 200 OK\r\n", "HTTP/1.0 200 OK\r\n\r\n", "HTTP/1.0 200 OK\r\n\r\n[{\"id\": \"e"] {
            assert_eq!(body(part.as_bytes()), None, "{part}");
        }
        assert!(body(b"HTTP/1.0 200 OK\r\n\r\nhello").unwrap().is_err());
    }

    #[test]
    fn an_istiod_that_is_on_its_way_out_is_not_asked() {
        let pod = |deleted: Option<&str>, ready: &str| {
            json!({
                "metadata": {"name": "istiod-1", "deletionTimestamp": deleted},
                "status": {"conditions": [{"type": "Ready", "status": ready}]},
            })
        };
        assert_eq!(ready_name(&pod(None, "True")).as_deref(), Some("istiod-1"));
        assert_eq!(ready_name(&pod(None, "False")), None);
        assert_eq!(ready_name(&pod(Some("2026-01-01T00:00:00Z"), "True")), None);
    }
}
