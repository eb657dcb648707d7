use serde_json::json;

use super::*;
use crate::cluster::test_api_server::{Answer, answering};
use crate::cluster::write::{Created, apply, create, create_strict_dry_run};
use crate::plugin::error::Kind;

fn status(code: u16, reason: &str, message: &str) -> Answer {
    Answer::Status(code, json!({"kind": "Status", "reason": reason, "message": message}))
}

fn namespace() -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "istio-system", "labels": {"a": "b"}}})
}

fn secret() -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "cacerts", "namespace": "istio-system"}, "data": {"k": "dg=="}})
}

#[tokio::test]
async fn a_read_is_asked_again_while_the_server_is_busy() {
    let (cluster, asked) =
        answering([status(503, "", "later"), status(429, "", "later"), Answer::Status(200, json!({"a": 1}))]);
    assert_eq!(cluster.must(Call::get("/version")).await.unwrap(), json!({"a": 1}));
    assert_eq!(asked.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn a_server_that_wants_more_time_than_there_is_gets_none() {
    let (cluster, asked) = answering([Answer::Later(3600, 429, json!({"message": "too many"}))]);
    let error = cluster.must(Call::get("/version")).await.unwrap_err();
    assert_eq!(error.what, "the API server of east answered 429 to get /version");
    assert_eq!(asked.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_connection_that_always_breaks_is_given_up_after_three_times() {
    let (cluster, asked) = answering([Answer::Break, Answer::Break, Answer::Break, Answer::Break]);
    assert!(cluster.must(Call::get("/version")).await.is_err());
    assert_eq!(asked.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_named_with_its_address_and_the_deadline() {
    let (cluster, _) = answering([Answer::Never]);
    let error = cluster.must(Call::get("/version")).await.unwrap_err();
    assert_eq!(error.what, "the API server of east did not answer within 0.3 s");
    assert_eq!(error.place.as_deref(), Some("context east, https://10.0.0.1:6443"));
}

#[tokio::test]
async fn what_is_forbidden_names_verb_resource_and_namespace() {
    let message = "secrets is forbidden: User \"bob\" cannot list resource \"secrets\" in API group \"\" in the namespace \"istio-system\"";
    let (cluster, _) = answering([status(403, "Forbidden", message)]);
    let error = cluster.must(Call::get("/api/v1/namespaces/istio-system/secrets?x=y")).await.unwrap_err();
    assert_eq!(error.what, "not allowed in east: list secrets in istio-system");
    assert_eq!(error.why.as_deref(), Some(message));
    assert_eq!(error.exit_code(), 1);
}

#[test]
fn a_request_is_described_by_the_verb_and_resource_that_rbac_knows_it_by() {
    let described = |path: &str| Call::get(path).describe();
    assert_eq!(described("/version"), "get /version");
    assert_eq!(described("/apis"), "get /apis");
    assert_eq!(described("/apis/sailoperator.io/v1"), "get /apis/sailoperator.io/v1");
    assert_eq!(described("/api/v1/namespaces?labelSelector=a"), "list namespaces");
    assert_eq!(described("/api/v1/namespaces/kube-system"), "get namespaces");
    assert_eq!(described("/apis/apps/v1/namespaces/a/deployments/b"), "get deployments.apps in a");
    assert_eq!(described("/apis/sailoperator.io/v1/istios"), "list istios.sailoperator.io");
}

#[tokio::test]
async fn the_time_is_what_the_api_servers_clock_says() {
    let (cluster, _) = answering([Answer::Status(200, json!({}))]);
    assert_eq!(cluster.time().await, Some("2026-11-25T03:04:05Z".parse().unwrap()));
    let (cluster, _) = answering([Answer::Break]);
    assert_eq!(cluster.time().await, None);
}

#[tokio::test]
async fn what_a_cluster_says_cannot_rewrite_the_terminal() {
    let (cluster, _) = answering([
        status(401, "Unauthorized", "\u{1b}[2J\u{1b}]0;title\u{7}gone\r\nnext"),
        Answer::Status(200, json!({"name": "a\u{1b}[31mb", "pem": "x\ny\n"})),
    ]);
    let error = cluster.must(Call::get("/version")).await.unwrap_err();
    assert_eq!(error.why.as_deref(), Some("gone  next"));
    assert_eq!(cluster.must(Call::get("/version")).await.unwrap(), json!({"name": "ab", "pem": "x\ny\n"}));
}

#[tokio::test]
async fn a_value_of_the_wrong_type_is_the_users_fault_and_is_sent_once() {
    let message = "failed to create typed patch object (/default; sailoperator.io/v1, Kind=Istio): .spec.nonsense: field not declared in schema";
    let (cluster, asked) = answering([status(500, "InternalError", message)]);
    let error = apply(&cluster, &namespace(), "test").await.unwrap_err();
    assert_eq!((error.kind, error.why.as_deref()), (Kind::Failed, Some(message)));
    let asked = asked.lock().unwrap();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].1, "/api/v1/namespaces/istio-system?fieldManager=test&force=false");
}

#[tokio::test]
async fn a_conflict_names_owner_and_field() {
    let causes = json!([{"reason": "FieldManagerConflict", "message": "conflict with \"argocd\"", "field": ".spec.values.global.network"}]);
    let answer =
        json!({"reason": "Conflict", "message": "Apply failed with 1 conflict", "details": {"causes": causes}});
    let (cluster, asked) = answering([Answer::Status(409, answer)]);
    let error = apply(&cluster, &namespace(), "test").await.unwrap_err();
    assert_eq!(error.why.as_deref(), Some(".spec.values.global.network (conflict with \"argocd\")"));
    assert_eq!(asked.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn an_apply_whose_answer_was_lost_is_settled_by_reading_back() {
    let mut live = namespace();
    live["metadata"]["uid"] = json!("1");
    let (cluster, asked) = answering([Answer::Break, Answer::Status(200, live)]);
    assert_eq!(apply(&cluster, &namespace(), "test").await.unwrap()["metadata"]["uid"], "1");
    let methods: Vec<String> = asked.lock().unwrap().iter().map(|asked| asked.0.clone()).collect();
    assert_eq!(methods, ["PATCH", "GET"]);
}

#[tokio::test]
async fn an_apply_that_never_arrived_is_sent_again() {
    let (cluster, asked) =
        answering([Answer::Break, status(404, "NotFound", "not found"), Answer::Status(201, namespace())]);
    assert!(apply(&cluster, &namespace(), "test").await.is_ok());
    assert_eq!(asked.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn a_create_is_never_sent_twice() {
    let (cluster, asked) = answering([Answer::Break, status(404, "NotFound", "not found")]);
    assert!(create(&cluster, &secret(), "test").await.is_err());
    let posts = asked.lock().unwrap().iter().filter(|asked| asked.0 == "POST").count();
    assert_eq!(posts, 1);
}

#[tokio::test]
async fn a_secret_that_stands_is_left_alone() {
    let (cluster, asked) = answering([status(409, "AlreadyExists", "already exists")]);
    assert_eq!(create(&cluster, &secret(), "test").await.unwrap(), Created::Exists);
    assert_eq!(asked.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_dry_run_asks_strictly_and_bears_what_stands_or_is_still_missing() {
    let (cluster, asked) = answering([
        status(409, "AlreadyExists", "already exists"),
        status(404, "NotFound", "namespaces \"istio-system\" not found"),
        status(400, "BadRequest", "strict decoding error: unknown field \"spec.x\""),
    ]);
    assert!(create_strict_dry_run(&cluster, &secret(), "test").await.is_ok());
    assert!(create_strict_dry_run(&cluster, &secret(), "test").await.is_ok());
    let error = create_strict_dry_run(&cluster, &secret(), "test").await.unwrap_err();
    assert_eq!((error.kind, error.what.as_str()), (Kind::Failed, "Secret istio-system/cacerts is not valid in east"));
    assert!(asked.lock().unwrap().iter().all(|asked| asked.1.contains("dryRun=All&fieldValidation=Strict")));
}

#[tokio::test]
async fn a_write_that_was_turned_away_is_sent_again() {
    let (cluster, asked) = answering([status(429, "TooManyRequests", "later"), Answer::Status(201, secret())]);
    assert_eq!(create(&cluster, &secret(), "test").await.unwrap(), Created::New(secret()));
    assert_eq!(asked.lock().unwrap().len(), 2);
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

#[tokio::test]
async fn a_run_bears_an_api_server_that_restarts_until_its_deadline() {
    let restarting = || {
        let refused = || status(502, "", "bad gateway");
        [Answer::Break, Answer::Break, Answer::Break, Answer::Break, Answer::Never, refused(), status(503, "", "later")]
    };
    let (cluster, asked) = answering(restarting().into_iter().chain([Answer::Status(200, json!({"a": 1}))]));
    assert_eq!(cluster.within(soon()).must(Call::get("/version")).await.unwrap(), json!({"a": 1}));
    assert_eq!(asked.lock().unwrap().len(), 8);
    let (cluster, _) = answering(restarting());
    let deadline = Instant::now() + Duration::from_millis(100);
    assert!(cluster.within(deadline).must(Call::get("/version")).await.is_err(), "its deadline ends it");
}

#[tokio::test]
async fn a_create_that_a_restart_swallowed_is_sent_again_in_a_run_and_what_it_made_is_ours() {
    let absent = || status(404, "NotFound", "not found");
    let (cluster, asked) = answering([
        Answer::Break,
        absent(),
        status(409, "AlreadyExists", "already exists"),
        Answer::Status(200, secret()),
    ]);
    assert_eq!(create(&cluster.within(soon()), &secret(), "test").await.unwrap(), Created::New(secret()));
    let methods: Vec<String> = asked.lock().unwrap().iter().map(|asked| asked.0.clone()).collect();
    assert_eq!(methods, ["POST", "GET", "POST", "GET"]);
}

#[tokio::test]
async fn a_wrong_value_ends_a_run_at_once() {
    let message = "failed to create typed patch object: .spec.nonsense: field not declared in schema";
    let (cluster, asked) = answering([status(500, "InternalError", message)]);
    assert!(apply(&cluster.within(soon()), &namespace(), "test").await.is_err());
    assert_eq!(asked.lock().unwrap().len(), 1);
}

#[test]
fn what_a_request_or_a_created_object_holds_is_not_shown() {
    let call = Call::new(Method::POST, "/api/v1/secrets".into()).with(JSON, &secret());
    assert_eq!(format!("{call:?}"), "POST /api/v1/secrets");
    assert_eq!(format!("{:?}", Created::New(secret())), "New(Secret istio-system/cacerts)");
}

#[test]
fn keys_of_an_answer_are_cleaned_like_its_values() {
    let mut answer = json!({"a\u{1b}[31mb": {"c\u{202e}": 1}, "plain": 2});
    clean_value(&mut answer);
    assert_eq!(answer, json!({"ab": {"c": 1}, "plain": 2}));
}

#[tokio::test]
async fn a_read_that_only_helps_leaves_a_gap_where_it_fails_and_gaps_are_borne() {
    let failing = || status(500, "InternalError", "broken");
    let (cluster, _) = answering([failing()]);
    let cluster = cluster.bearing_gaps();
    assert_eq!(cluster.if_allowed(Call::get("/api/v1/nodes?limit=1")).await.unwrap(), None);
    assert_eq!(cluster.gaps()[0].what, "the API server of east answered 500 to list nodes");
    let (cluster, _) = answering([failing()]);
    assert!(cluster.if_allowed(Call::get("/api/v1/nodes?limit=1")).await.is_err());
}
