//! An injection stopped at any moment, against an API server that is slow, loses answers, and carries out requests
//! after their client is gone.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use http::{Method, Request, Response};
use http_body_util::BodyExt;
use jiff::{SignedDuration, Timestamp};
use kube::Client;
use kube::client::Body;
use mesh_shared::cluster::context::Cluster;
use mesh_shared::model::kube::object_key::ObjectKey;
use mesh_shared::model::seen::workload::{Owners, Workload};
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::*;
use crate::drill::fault_record::Record;
use crate::drill::fault_record::tests::record;
use crate::drill::faults::Fault;
use crate::drill::faults::fault_kind::Scene;
use crate::drill::faults::latency::Latency;
use crate::drill::faults::tests::{errors, scaling};
use crate::drill::put_back::{abandoned, put_back};
use crate::drill::test_mesh::{name, workload};

/// The client gives up on a request after this.
const REQUEST: Duration = Duration::from_millis(60);
/// The API server gives up on a request after this.
const LIMIT: Duration = Duration::from_millis(120);

/// What becomes of a write.
#[derive(Debug, Clone, Copy)]
enum Fate {
    /// It is carried out after this many milliseconds, and answered.
    Done(u64),
    /// It is carried out after this many milliseconds, and the answer is lost.
    Lost(u64),
    /// The connection breaks; it is carried out after this many milliseconds.
    Broken(u64),
    /// It is neither carried out nor answered.
    Swallowed,
    /// It is rejected: too many requests.
    TurnedAway,
    /// It is forbidden.
    Refused,
    /// It is carried out after this many milliseconds, and the answer says that storage did not answer in time.
    Failed(u64),
}

#[derive(Default)]
struct Server {
    objects: BTreeMap<String, Value>,
    /// The fates of the writes, in order of arrival; any further ones are carried out and answered.
    fates: Vec<Fate>,
    /// Every write received: method, path, body.
    writes: Vec<(Method, String, Value)>,
    version: u64,
}

impl Server {
    fn fate(&mut self) -> Fate {
        if self.fates.is_empty() { Fate::Done(0) } else { self.fates.remove(0) }
    }

    fn get(&self, path: &str) -> (u16, Value) {
        let object = match path.strip_suffix("/scale") {
            Some(path) => self.objects.get(path).map(|object| {
                let mut scale = json!({"metadata": object["metadata"], "spec": {}});
                if object["spec"]["replicas"] != 0 {
                    scale["spec"]["replicas"] = object["spec"]["replicas"].clone();
                }
                scale
            }),
            None => self.objects.get(path).cloned(),
        };
        object.map_or((404, json!({"reason": "NotFound"})), |object| (200, object))
    }

    fn carry_out(&mut self, method: &Method, path: &str, body: &Value) -> (u16, Value) {
        self.version += 1;
        let version = Value::from(self.version.to_string());
        if method == Method::POST {
            let path = format!("{path}/{}", body["metadata"]["name"].as_str().unwrap());
            if self.objects.contains_key(&path) {
                return (409, json!({"reason": "AlreadyExists"}));
            }
            let mut object = body.clone();
            object["metadata"]["uid"] = version.clone();
            object["metadata"]["resourceVersion"] = version;
            self.objects.insert(path, object.clone());
            return (201, object);
        }
        let (code, seen) = self.get(path);
        if code != 200 {
            return (code, seen);
        }
        let of = path.strip_suffix("/scale").unwrap_or(path).to_owned();
        if method == Method::DELETE {
            if body["preconditions"]["uid"] != seen["metadata"]["uid"] {
                return (409, json!({"reason": "Conflict"}));
            }
            self.objects.remove(&of);
            return (200, json!({}));
        }
        for operation in body.as_array().unwrap() {
            let pointer = operation["path"].as_str().unwrap();
            if operation["op"] == "test" && seen.pointer(pointer) != Some(&operation["value"]) {
                return (422, json!({"reason": "Invalid"}));
            }
            if operation["op"] == "add" {
                let key = pointer.strip_prefix("/spec/").unwrap();
                self.objects.get_mut(&of).unwrap()["spec"][key] = operation["value"].clone();
            }
        }
        self.objects.get_mut(&of).unwrap()["metadata"]["resourceVersion"] = version;
        self.get(path)
    }
}

/// A cluster with this API server, which continues a request that the client has given up on.
fn cluster(server: &Arc<Mutex<Server>>) -> Cluster {
    let server = server.clone();
    let service = tower::service_fn(move |request: Request<Body>| {
        let server = server.clone();
        async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
            let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
            let respond = |(code, body): (u16, Value)| {
                Ok(Response::builder().status(code).body(Body::from(body.to_string().into_bytes())).unwrap())
            };
            let path = parts.uri.path().to_owned();
            if parts.method == Method::GET {
                return respond(server.lock().unwrap().get(&path));
            }
            let fate = {
                let mut server = server.lock().unwrap();
                server.writes.push((parts.method.clone(), path.clone(), body.clone()));
                server.fate()
            };
            let after = match fate {
                Fate::Done(after) | Fate::Lost(after) | Fate::Broken(after) | Fate::Failed(after) => {
                    Duration::from_millis(after)
                }
                Fate::Swallowed => std::future::pending().await,
                Fate::TurnedAway => return respond((429, json!({"reason": "TooManyRequests"}))),
                Fate::Refused => return respond((403, json!({"reason": "Forbidden"}))),
            };
            let (answer, answered) = oneshot::channel();
            let received = Instant::now();
            tokio::spawn(async move {
                sleep(after).await;
                if received.elapsed() < LIMIT {
                    let _ = answer.send(server.lock().unwrap().carry_out(&parts.method, &path, &body));
                }
            });
            match fate {
                Fate::Broken(_) => Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset)),
                Fate::Failed(_) => respond((500, json!({"reason": "ServerTimeout"}))),
                Fate::Lost(_) => std::future::pending().await,
                _ => match answered.await {
                    Ok(answer) => respond(answer),
                    Err(_) => std::future::pending().await,
                },
            }
        }
    });
    Cluster::of_client(Client::new(service, "default"), "east", "https://10.0.0.1:6443", "test/1", REQUEST)
}

/// An injection, the fates of its writes, and when it is stopped.
#[derive(Debug, Clone)]
struct Case {
    fault: Fault,
    fates: Vec<Fate>,
    stop_after: u64,
    grace: u64,
}

fn case() -> impl Strategy<Value = Case> {
    let fate = prop_oneof![
        3 => (0_u64..50).prop_map(Fate::Done),
        2 => (0_u64..150).prop_map(Fate::Lost),
        1 => (0_u64..150).prop_map(Fate::Broken),
        1 => Just(Fate::Swallowed),
        1 => Just(Fate::TurnedAway),
        1 => Just(Fate::Refused),
        1 => (0_u64..150).prop_map(Fate::Failed),
    ];
    let fault = prop_oneof![Just(scaling()), Just(errors(100)), Just(Fault::Latency(Latency { delay: 2000 }))];
    (fault, proptest::collection::vec(fate, 0..4), 0_u64..100, 0_u64..80)
        .prop_map(|(fault, fates, stop_after, grace)| Case { fault, fates, stop_after, grace })
}

fn deployment(name: &str) -> String {
    format!("/apis/apps/v1/namespaces/sample/deployments/{name}")
}

/// A number of Deployments of three replicas, the fates of writes to them, and the record of a fault.
fn world(case: &Case, deployments: usize) -> (Record, Arc<Mutex<Server>>) {
    let mut server = Server { fates: case.fates.clone(), ..Server::default() };
    let mut owners = Owners::default();
    for number in 0..deployments {
        let name = format!("web-{number}");
        let metadata = json!({"namespace": "sample", "name": name, "uid": name, "resourceVersion": "0"});
        let object =
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": {"replicas": 3}});
        server.objects.insert(deployment(&name), object);
        let object = ObjectKey::new("Deployment", "sample", &name);
        owners.workloads.push(Workload { object, uid: name, replicas: 3, ..workload() });
    }
    let (service, selector) = (name(), [("app".to_owned(), "a".to_owned())].into());
    let scene = Scene { service: &service, selector: &selector, port: 5000, owners: &owners, allow_owner: false };
    let changed = case.fault.kind().changes(&scene).unwrap();
    (Record { fault: case.fault.clone(), ..record(changed) }, Arc::new(Mutex::new(server)))
}

/// Whether a write injects the fault, rather than putting it back.
fn injects((method, _, body): &(Method, String, Value)) -> bool {
    let makes = |operation: &Value| {
        operation["op"] == "add" && (operation["path"] == "/spec/configPatches" || operation["value"] == 0)
    };
    method == Method::POST || (method == Method::PATCH && body.as_array().is_some_and(|all| all.iter().any(makes)))
}

/// Injects, stops, puts back, and looks again once nothing can be pending.
async fn stopped_in_the_middle(case: &Case) -> Result<(), String> {
    let (record, server) = world(case, 2);
    let before = server.lock().unwrap().objects.clone();
    let cluster = cluster(&server);
    let makings = record.makings("m");
    let fence = Fence::new(record.changed.len(), REQUEST, Timestamp::MAX).with_limit(LIMIT);
    let injecting = {
        let (cluster, fence) = (cluster.clone(), fence.clone());
        tokio::spawn(async move { inject(&cluster, &makings, &fence).await.map_err(|error| error.to_string()) })
    };
    sleep(Duration::from_millis(case.stop_after)).await;
    fence.shut();
    let sent = server.lock().unwrap().writes.len();
    let on_their_way = fence.changes().iter().filter(|state| matches!(state, ChangeState::MayBeMade { .. })).count();
    end(Some(AbortOnDropHandle::new(injecting)), &fence, Duration::from_millis(case.grace)).await;
    let ended = server.lock().unwrap().writes.len();
    let states = fence.changes();
    let back = put_back(&cluster, &record, &states, Instant::now() + Duration::from_secs(20), &|_| ()).await;
    sleep(LIMIT * 2).await;
    let server = server.lock().unwrap();
    if server.writes[sent..ended].iter().filter(|write| injects(write)).count() > on_their_way {
        return Err(format!("{:?} were sent after the fence was shut", &server.writes[sent..]));
    }
    if let Some(late) = server.writes[ended..].iter().find(|write| injects(write)) {
        return Err(format!("{late:?} was sent after putting back began"));
    }
    if let Some(not) = back.iter().find(|one| !one.restored) {
        return Err(format!("{not:?} is not restored"));
    }
    let specs = |objects: &BTreeMap<String, Value>| -> BTreeMap<String, Value> {
        objects.iter().map(|(path, object)| (path.clone(), object["spec"].clone())).collect()
    };
    let (before, after) = (specs(&before), specs(&server.objects));
    if before == after { Ok(()) } else { Err(format!("{states:?}: {after:?} was {before:?}")) }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, max_shrink_iters: 60, ..ProptestConfig::default() })]
    /// Wherever it is stopped, whatever becomes of its requests, and however late.
    #[test]
    fn what_is_said_to_be_put_back_stays_so_and_nothing_is_injected_once_the_fence_is_shut(
        cases in proptest::collection::vec(case(), 1..60)
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let ends = runtime.block_on(join_all(cases.iter().map(stopped_in_the_middle)));
        for (case, end) in cases.iter().zip(ends) {
            prop_assert!(end.is_ok(), "{case:?}: {}", end.unwrap_err());
        }
    }
}

/// What the drill used to do: it gives up on the first request, finds everything as before, and then the request is
/// carried out.
#[tokio::test]
async fn a_write_that_its_client_gave_up_is_put_back_when_it_comes() {
    for late in [Fate::Lost(110), Fate::Broken(110), Fate::Failed(110)] {
        let case = Case { fault: scaling(), fates: vec![late], stop_after: 100, grace: 0 };
        assert_eq!(stopped_in_the_middle(&case).await, Ok(()), "{late:?}");
    }
}

#[tokio::test]
async fn where_nobody_knows_in_time_it_is_said_and_not_called_restored() {
    let case = Case { fault: scaling(), fates: Vec::new(), stop_after: 0, grace: 0 };
    let (record, server) = world(&case, 2);
    let until = Instant::now() + Duration::from_mins(1);
    let states = vec![ChangeState::MayBeMade { until, limit: LIMIT }; 2];
    let back =
        put_back(&cluster(&server), &record, &states, Instant::now() + Duration::from_millis(300), &|_| ()).await;
    assert_eq!(back.len(), 2);
    for one in back {
        assert!(!one.restored && one.is_open(), "{one:?}");
        assert_eq!(one.after, "3");
        assert!(one.fault.as_ref().is_some_and(|fault| fault.contains("may still be carried out")), "{one:?}");
    }
}

#[tokio::test]
async fn what_was_not_made_is_left_to_whoever_changes_it() {
    let case = Case { fault: scaling(), fates: Vec::new(), stop_after: 0, grace: 0 };
    let (record, server) = world(&case, 2);
    for object in server.lock().unwrap().objects.values_mut() {
        object["spec"]["replicas"] = 0.into();
    }
    let states = vec![ChangeState::NotMade; 2];
    let back = put_back(&cluster(&server), &record, &states, Instant::now() + Duration::from_secs(1), &|_| ()).await;
    assert_eq!(back, []);
    assert!(server.lock().unwrap().writes.is_empty(), "someone else scaled them");
}

#[tokio::test]
async fn a_change_that_waits_for_its_turn_is_not_made_once_another_has_failed() {
    let case = Case { fault: scaling(), fates: vec![Fate::Swallowed; 20], stop_after: 0, grace: 0 };
    let (record, server) = world(&case, 20);
    let fence = Fence::new(20, REQUEST, Timestamp::MAX);
    let ended = inject(&cluster(&server), &record.makings("m"), &fence).await;
    assert!(ended.is_err());
    let sent = server.lock().unwrap().writes.len();
    assert!(sent < 20, "{sent} were sent");
    let open = fence.changes().iter().filter(|state| matches!(state, ChangeState::MayBeMade { .. })).count();
    assert_eq!(open, sent, "what was not sent is not made");
}

#[test]
fn a_record_whose_client_is_gone_is_open_until_long_after_its_deadline() {
    let (record, _) = world(&Case { fault: errors(100), fates: Vec::new(), stop_after: 0, grace: 0 }, 0);
    let at = |minutes: i64| record.deadline + SignedDuration::from_mins(minutes);
    let states = |minutes| abandoned(&record, REQUEST, at(minutes));
    assert!(matches!(states(0)[..], [ChangeState::MayBeMade { .. }]));
    assert!(matches!(states(9)[..], [ChangeState::MayBeMade { .. }]));
    assert_eq!(states(11), [ChangeState::Made]);
}
