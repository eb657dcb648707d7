//! Puts back what a record says was changed: by the drill itself, and by `drill recover` from anywhere.

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
/// No two clocks are taken to differ by more, and no request to take longer.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_mins(10);

/// Puts back every change that is still the drill's, and reads back what is there then; all of them at once. `states` says of each
/// what is known of it: what was not made is left out, and what may still be made is read until it cannot be. A cluster that cannot be reached is tried again until the deadline. `told` is called with what is in the
/// way.
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

/// The changes of a record whose client is gone, at a time by this machine's clock. Nobody knows what became of its last requests:
/// one that it sent is carried out within an API server's limit from now, or never. Long after the drill's deadline, past which it
/// injects nothing, none can be left.
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
            // Only what was read after the last moment at which a request of the fault could be carried out tells that none was.
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
                say("a request of the drill may still be carried out: waiting until it cannot be, a minute or more"
                    .into());
                sleep(rest).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            (Ok(Attempt::Unchanged(done) | Attempt::PutBack(done)), _) => return done,
            (Err(error), _) if Instant::now() + pause < deadline => {
                // It may have taken up nothing in between, and takes up what waits for it once it answers again.
                open = open.map(|(until, limit)| (until.max(Instant::now() + limit), limit));
                say(format!("putting back is tried again: {error}"));
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
    /// There was nothing to put back: it is as before.
    Unchanged(PutBack),
    /// The change was there, and was put back or is somebody else's by now.
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
    // A conflict is somebody else's change just now: the next attempt sees it.
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
/// Where the API server does not answer, or another record stands there by now.
pub async fn close(cluster: &Cluster, record: &Record, uid: &str) -> Result<()> {
    let key = object_names::record(&record.service);
    delete(cluster, &Target::new(&key.kind, &key.namespace, &key.name)?, Some(uid)).await.map(|_| ())
}
