use serde_json::json;

use super::*;
use crate::cluster::test_api_server::{Answer, answering};

fn event(kind: &str, name: &str) -> Value {
    json!({"type": kind, "object": {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "resourceVersion": "1"}}})
}

fn forbidden() -> Answer {
    Answer::Status(403, json!({"kind": "Status", "reason": "Forbidden", "message": "cannot watch", "code": 403}))
}

fn late(last: String) -> Error {
    Error::failed(last).fix("wait")
}

async fn names(answers: impl IntoIterator<Item = Answer>, source: Source) -> Result<Vec<String>> {
    let (cluster, _) = answering(answers);
    let deadline = Instant::now() + Duration::from_secs(2);
    let judge = |state: &State| {
        if state[0].is_empty() {
            Verdict::Wait("nothing".into())
        } else {
            Verdict::Done(state[0].keys().cloned().collect())
        }
    };
    until(&cluster, &[source], deadline, judge, late).await
}

#[tokio::test]
async fn a_watch_shows_what_is_there() {
    assert_eq!(names([Answer::Status(200, event("ADDED", "a"))], Source::all("/api/v1/pods")).await.unwrap(), ["a"]);
}

#[tokio::test]
async fn where_watching_is_not_allowed_the_list_is_read() {
    let list = json!({"items": [{"metadata": {"name": "b"}}]});
    let answers = [forbidden(), Answer::Status(200, list.clone()), Answer::Status(200, list)];
    assert_eq!(names(answers, Source::all("/api/v1/pods")).await.unwrap(), ["b"]);
}

#[tokio::test]
async fn where_neither_is_allowed_the_error_says_what_is_missing() {
    let error = names([forbidden(), forbidden()], Source::all("/api/v1/namespaces/a/pods")).await.unwrap_err();
    assert_eq!(error.what, "not allowed in east: list pods in a");
}

#[tokio::test]
async fn what_only_explains_may_be_forbidden() {
    let error = names([forbidden(), forbidden()], Source::all("/api/v1/pods").if_allowed()).await.unwrap_err();
    assert_eq!(error.what, "nothing", "the deadline passes with nothing seen");
}

#[tokio::test]
async fn the_deadline_tells_what_was_missing_last() {
    let (cluster, _) = answering([Answer::Never]);
    let deadline = Instant::now() + Duration::from_millis(100);
    let judge = |_: &State| Verdict::<()>::Wait("0 of 1 pods are available".into());
    let error = until(&cluster, &[Source::all("/api/v1/pods")], deadline, judge, late).await.unwrap_err();
    assert_eq!(error.what, "0 of 1 pods are available");
}

#[test]
fn each_failure_in_a_row_doubles_the_pause_and_a_success_ends_the_row() {
    let mut pause = Pause(POLL);
    let milliseconds: Vec<u128> = [true, true, true, true, true, true, true, false, true, true]
        .map(|failed| pause.after(failed).as_millis())
        .into();
    assert_eq!(milliseconds, [200, 400, 800, 1600, 3200, 5000, 5000, 200, 200, 400]);
}

#[tokio::test]
async fn a_kind_that_is_not_served_is_asked_for_less_and_less_often() {
    let not_found = || Answer::Status(404, json!({"kind": "Status", "reason": "NotFound", "code": 404}));
    let (cluster, asked) = answering(std::iter::repeat_with(not_found).take(20));
    let deadline = Instant::now() + Duration::from_millis(1300);
    let judge = |_: &State| Verdict::<()>::Wait("nothing".into());
    assert!(until(&cluster, &[Source::all("/api/v1/pods")], deadline, judge, late).await.is_err());
    // At 0, 0.2 and 0.6 s. Every 0.2 s it would be seven times.
    let asked = asked.lock().unwrap().len();
    assert!((2..=3).contains(&asked), "{asked} times");
}

#[tokio::test]
async fn a_watch_that_says_nothing_for_long_is_over() {
    let mut silent = futures::stream::pending::<Result<(), ()>>();
    let over = timeout(Duration::from_secs(1), next(&mut silent, Duration::from_millis(10))).await;
    assert_eq!(over, Ok(Ok(None)));
}

#[tokio::test]
async fn an_api_server_that_knows_nobody_for_a_moment_is_asked_again() {
    let unauthorized = || Answer::Status(401, json!({"kind": "Status", "reason": "Unauthorized", "code": 401}));
    let (cluster, _) = answering([unauthorized(), Answer::Status(200, event("ADDED", "a"))]);
    let deadline = Instant::now() + Duration::from_secs(2);
    let judge = |state: &State| if state[0].is_empty() { Verdict::Wait("nothing".into()) } else { Verdict::Done(()) };
    let sources = [Source::all("/api/v1/pods")];
    assert!(until(&cluster.within(deadline), &sources, deadline, judge, late).await.is_ok());
    let (cluster, _) = answering([unauthorized()]);
    assert!(until(&cluster, &sources, deadline, judge, late).await.is_err(), "without a run's deadline at once");
}
