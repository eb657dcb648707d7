//! istiod's debug port, reached by port-forward: it only answers loopback, and a port-forward comes from there.

use futures::future::try_join_all;
use http::StatusCode;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use serde::Deserialize;
use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::api_fault::clean_value;
use super::context::Cluster;
use super::request::{Call, items, place};
use super::wait::pod_trouble::is_ready;
use crate::plugin::error::{Error, Kind, Result};

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
    /// It serves no debug port (`ENABLE_DEBUG_ON_HTTP=false`): what it knows is not known.
    pub is_silent: bool,
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

/// Asks every Ready istiod of a namespace for its clusters and networks. Empty if none is Ready. In a run with a deadline
/// of its own, whatever breaks on the way is tried again until `deadline`, with the replicas that are Ready by then.
///
/// # Errors
/// If one does not answer, or not in time.
pub async fn replicas(cluster: &Cluster, namespace: &str, deadline: Instant) -> Result<Vec<Replica>> {
    loop {
        let error = match replicas_now(cluster, namespace, deadline).await {
            Ok(replicas) => return Ok(replicas),
            Err(error) => error,
        };
        let is_final = matches!(error.kind, Kind::Forbidden | Kind::Refused);
        if is_final || Instant::now() >= deadline || !cluster.once_more().await {
            return Err(error);
        }
    }
}

async fn replicas_now(cluster: &Cluster, namespace: &str, deadline: Instant) -> Result<Vec<Replica>> {
    let list =
        cluster.must(Call::get(format!("/api/v1/namespaces/{namespace}/pods?labelSelector=app%3Distiod"))).await?;
    let ready: Vec<String> = items(Some(list)).iter().filter_map(ready_name).collect();
    try_join_all(ready.into_iter().map(|pod| async move {
        let mut debug = Debug::connect(cluster, namespace, &pod, deadline).await?;
        let clusters = debug.get("/debug/clusterz").await?;
        let gateways = debug.get("/debug/networkz").await?;
        let (Answer::Json(clusters), Answer::Json(gateways)) = (clusters, gateways) else {
            return Ok(Replica { pod: pod.clone(), is_silent: true, clusters: Vec::new(), gateways: Vec::new() });
        };
        let unknown = |error: serde_json::Error| {
            Error::failed("istiod's answer has an unknown form")
                .at(place(cluster, &format!("pod {namespace}/{pod}")))
                .because(error.to_string())
                .report()
        };
        Ok(Replica {
            clusters: list_of(clusters).map_err(unknown)?,
            gateways: list_of(gateways).map_err(unknown)?,
            is_silent: false,
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
    let mut debug = Debug::connect(cluster, namespace, pod, deadline).await?;
    match debug.get(path).await? {
        Answer::Json(value) => Ok(value),
        Answer::NotServed => Err(debug.failed(path, "HTTP status 404: it serves no debug port (ENABLE_DEBUG_ON_HTTP)")),
    }
}

/// What a debug port answers.
#[derive(Debug, PartialEq)]
enum Answer {
    /// This.
    Json(Value),
    /// It does not serve that path: istiod runs with `ENABLE_DEBUG_ON_HTTP=false` (istio/istio pilot/pkg/bootstrap/server.go).
    NotServed,
}

/// A connection to the debug port of one replica, for one request after the other.
struct Debug<'a> {
    cluster: &'a Cluster,
    namespace: &'a str,
    pod: &'a str,
    deadline: Instant,
    requests: SendRequest<Empty<Bytes>>,
    // Ends the connection when it is dropped.
    _connection: JoinSet<()>,
}

impl<'a> Debug<'a> {
    async fn connect(cluster: &'a Cluster, namespace: &'a str, pod: &'a str, deadline: Instant) -> Result<Self> {
        let failed = |why: String| unanswered(cluster, namespace, pod, "a port-forward", why);
        let connecting = async {
            let pods: Api<Pod> = Api::namespaced(cluster.client.clone(), namespace);
            let forwarder = pods.portforward(pod, &[PORT]).await;
            let mut forwarder = forwarder.map_err(|error| cluster.fault(&error).or(cluster, failed))?;
            let stream = forwarder.take_stream(PORT).ok_or_else(|| failed("it has no stream".into()))?;
            let (requests, connection) =
                handshake(TokioIo::new(stream)).await.map_err(|error| failed(error.to_string()))?;
            let mut tasks = JoinSet::new();
            tasks.spawn(async move {
                // What breaks it shows in the request that is under way.
                let _ = connection.await;
                drop(forwarder);
            });
            Ok(Self { cluster, namespace, pod, deadline, requests, _connection: tasks })
        };
        timeout_at(deadline, connecting).await.unwrap_or_else(|_| Err(failed("it took too long".into())))
    }

    async fn get(&mut self, path: &str) -> Result<Answer> {
        let answer = timeout_at(self.deadline, ask(&mut self.requests, path)).await;
        answer.unwrap_or_else(|_| Err("it took too long".into())).map_err(|why| self.failed(path, &why))
    }

    fn failed(&self, path: &str, why: &str) -> Error {
        unanswered(self.cluster, self.namespace, self.pod, path, why.to_owned())
    }
}

fn unanswered(cluster: &Cluster, namespace: &str, pod: &str, what: &str, why: String) -> Error {
    Error::failed(format!("istiod does not answer {what}"))
        .at(place(cluster, &format!("pod {namespace}/{pod}, port {PORT}")))
        .because(why)
        .fix("look at that istiod, then run the same command again:")
        .fix(format!("kubectl --context {} logs -n {namespace} {pod}", cluster.context))
}

async fn ask(requests: &mut SendRequest<Empty<Bytes>>, path: &str) -> Result<Answer, String> {
    let request = http::Request::get(path)
        .header("Host", format!("localhost:{PORT}"))
        .header("Accept", "application/json")
        .body(Empty::new())
        .map_err(|error| error.to_string())?;
    requests.ready().await.map_err(|error| error.to_string())?;
    let response = requests.send_request(request).await.map_err(|error| error.to_string())?;
    let status = response.status();
    let body = Limited::new(response.into_body(), LARGEST_ANSWER).collect().await;
    if status == StatusCode::NOT_FOUND {
        return Ok(Answer::NotServed);
    }
    if !status.is_success() {
        return Err(format!("HTTP status {}", status.as_u16()));
    }
    let mut value = serde_json::from_slice(&body.map_err(|error| error.to_string())?.to_bytes())
        .map_err(|error| error.to_string())?;
    clean_value(&mut value);
    Ok(Answer::Json(value))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

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

    /// Asks a server that gives these answers, one after the other on one connection.
    async fn asked(answers: &'static [&'static str]) -> Vec<Result<Answer, String>> {
        let (ours, theirs) = tokio::io::duplex(1 << 20);
        tokio::spawn(async move {
            let (mut reader, mut writer) = tokio::io::split(theirs);
            for answer in answers {
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    request.push(reader.read_u8().await.unwrap());
                }
                writer.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        let (mut requests, connection) = handshake(TokioIo::new(ours)).await.unwrap();
        tokio::spawn(connection);
        let mut all = Vec::new();
        for _ in answers {
            all.push(ask(&mut requests, "/debug/clusterz").await);
        }
        all
    }

    #[tokio::test]
    async fn answers_come_one_after_the_other_on_one_connection() {
        let all = asked(&[
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n",
            "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno",
            "HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        ])
        .await;
        assert_eq!(all[0], Ok(Answer::Json(json!([]))));
        assert_eq!(all[1], Ok(Answer::NotServed));
        assert_eq!(all[2], Err("HTTP status 401".into()));
        assert!(all[3].is_err());
    }

    #[tokio::test]
    async fn an_answer_that_breaks_off_is_none() {
        let all = asked(&["HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n[{\"id\": "]).await;
        assert!(all[0].is_err());
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
