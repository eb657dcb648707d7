//! One request for one write, and what became of it. For writes that must not be carried out once they are no longer
//! wanted: the sender decides whether another follows, and knows of each whether it may still take effect.

use std::time::Duration;

use serde_json::Value;

use super::api_fault::Fault;
use super::context::Cluster;
use super::request::Call;
use super::write::{conflict, creation, get, patching};
use crate::model::kube::difference::covers;
use crate::model::kube::kinds::Target;
use crate::model::kube::write::Write;
use crate::plugin::error::{Error, Kind, Result};

/// What became of a write whose request was sent once.
#[derive(Debug)]
pub enum Sent {
    /// Not sent: when its turn came, it was no longer wanted.
    Withheld,
    /// Carried out, with the API server's answer.
    Done(Value),
    /// Not carried out, and never will be: it was refused, or its precondition does not hold.
    Refused(Error),
    /// Not carried out, and the same request may be sent again: the API server was not reached, or was too busy and may
    /// have said how long to wait.
    TurnedAway(Error, Option<Duration>),
    /// No answer came, or one that does not settle it: the API server may have carried it out, or still may.
    Unknown(Error),
}

/// Sends one request for a creation or a patch, if `may_be_sent` says so when its turn comes, and returns what became
/// of it. Nothing is sent again. A refused write is followed by a read, which finds what is in its way: a creation
/// whose very object exists was carried out, since something on the way sent it twice.
///
/// # Errors
/// If the write cannot be sent: the kind of its object is not known, or it is neither a creation nor a patch.
pub async fn send_once(
    cluster: &Cluster,
    write: &Write,
    manager: &str,
    may_be_sent: impl FnOnce() -> bool,
) -> Result<Sent> {
    match write {
        Write::Create { manifest } => {
            let target = Target::of(manifest);
            let call = creation(cluster, &target, manifest, manager)?;
            let fault = match cluster.send_if(&call, may_be_sent).await {
                None => return Ok(Sent::Withheld),
                Some(Ok((_, object))) => return Ok(Sent::Done(object)),
                Some(Err(fault)) => fault,
            };
            if !fault.already_exists() {
                return Ok(failed(fault, cluster, &call));
            }
            Ok(match get(cluster, &target).await {
                Ok(Some(live)) if covers(&live, manifest) => Sent::Done(live),
                Ok(_) => Sent::Refused(
                    Error::of(Kind::Conflict, format!("{} already exists", write.object()))
                        .at(format!("context {}, {}", cluster.context, target.key))
                        .because("someone else created it")
                        .fix("look at it, and delete it if it is not needed"),
                ),
                Err(error) => Sent::Unknown(error),
            })
        }
        Write::Patch { api_version, object, subresource, operations } => {
            let target = Target { api_version: api_version.clone(), key: object.clone() };
            let (path, call) = patching(cluster, &target, subresource.as_deref(), operations, manager)?;
            let fault = match cluster.send_if(&call, may_be_sent).await {
                None => return Ok(Sent::Withheld),
                Some(Ok((_, object))) => return Ok(Sent::Done(object)),
                Some(Err(fault)) => fault,
            };
            Ok(match conflict(cluster, &target, &path, operations, &fault).await {
                Ok(Some(conflict)) => Sent::Refused(conflict),
                // What is in its way is unknown, but not that it was refused.
                Ok(None) | Err(_) => failed(fault, cluster, &call),
            })
        }
        Write::Apply { .. } | Write::Delete { .. } => {
            Err(Error::failed(format!("{} is neither created nor patched", write.object())).report())
        }
    }
}

fn failed(fault: Fault, cluster: &Cluster, call: &Call) -> Sent {
    let (turned_away, unknown, wait) = (fault.was_turned_away(), fault.may_be_done_yet(), fault.retry_after);
    let error = fault.into_error(cluster, call);
    match (turned_away, unknown) {
        (true, _) => Sent::TurnedAway(error, wait),
        (false, true) => Sent::Unknown(error),
        (false, false) => Sent::Refused(error),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cluster::test_api_server::{Answer, answering};
    use crate::model::kube::object_key::ObjectKey;
    use crate::model::kube::write::Operation;

    fn scale() -> Write {
        Write::Patch {
            api_version: "apps/v1".into(),
            object: ObjectKey::new("Deployment", "sample", "web"),
            subresource: Some("scale".into()),
            operations: vec![
                Operation::Test { path: "/spec/replicas".into(), value: 3.into() },
                Operation::Add { path: "/spec/replicas".into(), value: 0.into() },
            ],
        }
    }

    async fn sent(answers: impl IntoIterator<Item = Answer>) -> (Sent, usize) {
        let (cluster, asked) = answering(answers);
        let sent = send_once(&cluster, &scale(), "m", || true).await.unwrap();
        let writes = asked.lock().unwrap().iter().filter(|(method, ..)| method == "PATCH").count();
        (sent, writes)
    }

    fn refusal(code: u16, reason: &str, message: &str) -> Answer {
        Answer::Status(code, json!({"kind": "Status", "reason": reason, "message": message}))
    }

    #[tokio::test]
    async fn a_request_without_an_answer_is_not_sent_again_and_may_be_carried_out_yet() {
        for answer in
            [Answer::Never, Answer::Break, Answer::Cut, refusal(503, "", ""), refusal(500, "ServerTimeout", "")]
        {
            let (sent, writes) = sent([answer]).await;
            assert!(matches!(sent, Sent::Unknown(_)), "{sent:?}");
            assert_eq!(writes, 1);
        }
    }

    #[tokio::test]
    async fn what_is_refused_will_not_be_carried_out() {
        let webhook = "Internal error occurred: failed calling webhook \"x\"";
        for answer in [refusal(403, "Forbidden", "no"), refusal(500, "InternalError", webhook)] {
            let (sent, _) = sent([answer]).await;
            assert!(matches!(sent, Sent::Refused(_)), "{sent:?}");
        }
        let (sent, _) =
            sent([refusal(422, "Invalid", ""), Answer::Status(200, json!({"spec": {"replicas": 5}}))]).await;
        assert!(matches!(&sent, Sent::Refused(error) if error.kind == Kind::Conflict), "{sent:?}");
    }

    #[tokio::test]
    async fn what_was_turned_away_is_left_to_the_caller() {
        let (sent, writes) = sent([refusal(429, "TooManyRequests", "")]).await;
        assert!(matches!(sent, Sent::TurnedAway(_, None)), "{sent:?}");
        assert_eq!(writes, 1);
    }

    #[tokio::test]
    async fn what_is_not_wanted_any_more_when_its_turn_comes_is_not_sent() {
        let (cluster, asked) = answering([]);
        let sent = send_once(&cluster, &scale(), "m", || false).await.unwrap();
        assert!(matches!(sent, Sent::Withheld), "{sent:?}");
        assert!(asked.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_creation_that_was_sent_twice_on_the_way_was_carried_out() {
        let manifest = json!({
            "apiVersion": "networking.istio.io/v1alpha3", "kind": "EnvoyFilter",
            "metadata": {"namespace": "sample", "name": "f", "labels": {"run": "7f3a"}},
        });
        let create = Write::Create { manifest: manifest.clone() };
        let exists = || refusal(409, "AlreadyExists", "");
        let (cluster, _) = answering([exists(), Answer::Status(200, manifest.clone())]);
        assert!(matches!(send_once(&cluster, &create, "m", || true).await.unwrap(), Sent::Done(_)));
        let mut other = manifest;
        other["metadata"]["labels"]["run"] = "other".into();
        let (cluster, _) = answering([exists(), Answer::Status(200, other)]);
        assert!(matches!(send_once(&cluster, &create, "m", || true).await.unwrap(), Sent::Refused(_)));
    }
}
