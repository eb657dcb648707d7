//! One request for one write, and what became of it. For writes that must not be carried out once they are not wanted any more:
//! whoever sends one decides whether another follows, and knows of each whether it may still come to be.

use serde_json::Value;

use super::apply::{conflict, creation, patching};
use super::context::Cluster;
use super::fault::Fault;
use super::kinds::Target;
use super::request::Call;
use crate::error::{Error, Kind, Result};
use crate::plan::change::Write;

/// What became of a write whose request was sent once.
#[derive(Debug)]
pub enum Sent {
    /// It was carried out: what the API server answered with.
    Done(Value),
    /// It was not, and will not be: it was refused, or its precondition does not hold.
    Refused(Error),
    /// It was not, and the same request may be sent again: the API server was not reached, or had too much to do.
    TurnedAway(Error),
    /// No answer came, or one that says nothing of it: the API server may have carried it out, and may do so yet.
    Unknown(Error),
}

/// Sends one request for a creation or a patch and returns what became of it. Nothing is sent again. A patch that was refused is
/// followed by a read, which tells what is in its way.
///
/// # Errors
/// Where the write cannot be sent: its object has a kind that is not known, or it is neither a creation nor a patch.
pub async fn send_once(cluster: &Cluster, write: &Write, manager: &str) -> Result<Sent> {
    match write {
        Write::Create { manifest } => {
            let target = Target::of(manifest);
            let call = creation(cluster, &target, manifest, manager)?;
            Ok(match cluster.send(&call).await {
                Ok((_, object)) => Sent::Done(object),
                Err(fault) if fault.already_exists() => Sent::Refused(
                    Error::of(Kind::Conflict, format!("{} exists already", write.object()))
                        .at(format!("context {}, {}", cluster.context, target.key))
                        .because("somebody else created it")
                        .fix("look at it, and delete it where it is not needed"),
                ),
                Err(fault) => failed(fault, cluster, &call),
            })
        }
        Write::Patch { api_version, object, subresource, operations } => {
            let target = Target { api_version: api_version.clone(), key: object.clone() };
            let (path, call) = patching(cluster, &target, subresource.as_deref(), operations, manager)?;
            Ok(match cluster.send(&call).await {
                Ok((_, object)) => Sent::Done(object),
                Err(fault) => match conflict(cluster, &target, &path, operations, &fault).await {
                    Ok(Some(conflict)) => Sent::Refused(conflict),
                    // What is in its way is not known; that it was refused is.
                    Ok(None) | Err(_) => failed(fault, cluster, &call),
                },
            })
        }
        Write::Apply { .. } | Write::Delete { .. } => {
            Err(Error::failed(format!("{} is neither created nor patched", write.object())).report())
        }
    }
}

fn failed(fault: Fault, cluster: &Cluster, call: &Call) -> Sent {
    let (turned_away, unknown) = (fault.was_turned_away(), fault.may_be_done_yet());
    let error = fault.into_error(cluster, call);
    match (turned_away, unknown) {
        (true, _) => Sent::TurnedAway(error),
        (false, true) => Sent::Unknown(error),
        (false, false) => Sent::Refused(error),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cluster::test_api_server::{Answer, answering};
    use crate::observed::cluster::ObjectKey;
    use crate::plan::change::Operation;

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
        let sent = send_once(&cluster, &scale(), "m").await.unwrap();
        let writes = asked.lock().unwrap().iter().filter(|(method, ..)| method == "PATCH").count();
        (sent, writes)
    }

    fn refusal(code: u16, reason: &str, message: &str) -> Answer {
        Answer::Status(code, json!({"kind": "Status", "reason": reason, "message": message}))
    }

    #[tokio::test]
    async fn a_request_without_an_answer_is_not_sent_again_and_may_be_carried_out_yet() {
        for answer in [Answer::Never, Answer::Break, refusal(503, "", ""), refusal(500, "ServerTimeout", "")] {
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
        assert!(matches!(sent, Sent::TurnedAway(_)), "{sent:?}");
        assert_eq!(writes, 1);
    }
}
