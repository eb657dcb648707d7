//! Puts back what a record says was changed. Used by the drill itself, and by `drill recover` from anywhere.

use std::time::Duration;

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use mesh_shared::cluster::carry_out::carry_out;
use mesh_shared::cluster::context::Cluster;
use mesh_shared::cluster::write::{delete, get};
use mesh_shared::model::kube::kinds::Target;
use mesh_shared::plugin::error::{Error, Result};
use mesh_shared::plugin::text;
use tokio::time::{Instant, sleep};

use super::changed::Changed;
use super::changed::reversible::Decision;
use super::fault_record::Record;
use super::fence::{API_SERVER_LIMIT, ChangeState};
use super::object_names;
use super::recording::{Left, PutBack};
use super::restore_outcome;
use crate::plugin_identity::MANAGER;

/// The first pause after a failure; each further one is twice as long, up to [`LONGEST_PAUSE`].
const PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Assumed bound on the difference of two clocks, and on the duration of a request.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_mins(10);

/// Puts back every change that is still the drill's, all at once, and reads back the result. `states` is what is known
/// of each: changes that were not made are left out, those that may still be made are read until they no longer can be.
/// An unreachable cluster is retried until the deadline. `told` is called with what is in the way.
pub async fn put_back(
    cluster: &Cluster,
    record: &Record,
    states: &[ChangeState],
    deadline: Instant,
    told: &(dyn Fn(String) + Send + Sync),
) -> Vec<PutBack> {
    let made = record.changed.iter().zip(states).filter(|(_, state)| **state != ChangeState::NotMade);
    join_all(made.map(|(changed, state)| one(cluster, record, changed, *state, deadline, told))).await
}

/// The state of a record's changes when its client is gone. `now` is this machine's clock. The outcome of its last
/// requests is unknown: a sent one is carried out within an API server's limit from now, or never. Long after the
/// drill's deadline, past which it injects nothing, none can be left.
pub fn abandoned(record: &Record, request_timeout: Duration, now: Timestamp) -> Vec<ChangeState> {
    let state = if now.duration_since(record.deadline) > CLOCKS_DIFFER {
        ChangeState::Made
    } else {
        ChangeState::MayBeMade { until: Instant::now() + request_timeout + API_SERVER_LIMIT, limit: API_SERVER_LIMIT }
    };
    vec![state; record.changed.len()]
}

async fn one(
    cluster: &Cluster,
    record: &Record,
    changed: &Changed,
    state: ChangeState,
    deadline: Instant,
    told: &(dyn Fn(String) + Send + Sync),
) -> PutBack {
    let (mut pause, mut said) = (PAUSE, String::new());
    let mut say = |words: String| {
        if words != said {
            told(words.clone());
            said = words;
        }
    };
    let mut open = match state {
        ChangeState::MayBeMade { until, limit } => Some((until, limit)),
        ChangeState::Made | ChangeState::NotMade => None,
    };
    loop {
        let begun = Instant::now();
        match (attempt(cluster, record, changed).await, open) {
            // Only a read after the last moment at which a request of the fault could be carried out shows that none
            // was.
            (Ok(Attempt::Unchanged(_)), Some((until, _))) if begun < until => {
                let left = until.saturating_duration_since(Instant::now());
                let rest = pause.min(left.max(PAUSE));
                if Instant::now() + rest >= deadline {
                    let fault =
                        format!("a request of the drill may still be carried out, for {}", text::duration(left));
                    return PutBack {
                        restored: false,
                        fault: Some(fault),
                        left: Some(Left::Open),
                        ..restore_outcome::told_as_before(record, changed)
                    };
                }
                say(
                    "a request of the drill may still be carried out: waiting until it no longer can, a minute or more"
                        .into(),
                );
                sleep(rest).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            (Ok(Attempt::Unchanged(done) | Attempt::PutBack(done)), _) => return done,
            (Err(error), _) if Instant::now() + pause < deadline => {
                // The API server may have processed nothing in between, and process what waits for it once it answers
                // again.
                open = open.map(|(until, limit)| (until.max(Instant::now() + limit), limit));
                say(format!("trying again to put back: {error}"));
                sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            (Err(error), _) => {
                let unknown = restore_outcome::told(record, changed, None);
                return PutBack {
                    after: "unknown".into(),
                    restored: false,
                    fault: Some(format!("it could not be put back in time: {error}")),
                    left: Some(Left::Unknown),
                    ..unknown
                };
            }
        }
    }
}

/// What an attempt found and did.
enum Attempt {
    /// Nothing to put back: it is as before.
    Unchanged(PutBack),
    /// The change was there, and was put back or has been overwritten by someone else.
    PutBack(PutBack),
}

async fn attempt(cluster: &Cluster, record: &Record, changed: &Changed) -> Result<Attempt> {
    let target = changed.target()?;
    let live = get(cluster, &target).await?;
    let write = match restore_outcome::decide(record, changed, live.as_ref()) {
        Decision::Back => return Ok(Attempt::Unchanged(restore_outcome::told(record, changed, live.as_ref()))),
        Decision::Theirs { .. } => return Ok(Attempt::PutBack(restore_outcome::told(record, changed, live.as_ref()))),
        Decision::Restore(write) => write,
    };
    // A conflict means that someone else has just changed it: the next attempt sees that.
    carry_out(cluster, &write, MANAGER).await?;
    let live = get(cluster, &target).await?;
    if matches!(restore_outcome::decide(record, changed, live.as_ref()), Decision::Restore(_)) {
        return Err(Error::failed(format!("{} is not yet as it was", target.key)).fix("see who else changes it"));
    }
    Ok(Attempt::PutBack(restore_outcome::told(record, changed, live.as_ref())))
}

/// Deletes the record of a drill whose changes are settled.
///
/// # Errors
/// If the API server does not answer, or another record has taken its place.
pub async fn close(cluster: &Cluster, record: &Record, uid: &str) -> Result<()> {
    let key = object_names::record(&record.service);
    delete(cluster, &Target::new(&key.kind, &key.namespace, &key.name)?, Some(uid)).await.map(|_| ())
}
