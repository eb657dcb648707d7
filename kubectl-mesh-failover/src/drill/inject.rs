//! Injects the fault: one request at a time for each change, each through the fence, none sent again unless the API
//! server certainly did nothing.

use std::time::Duration;

use futures::future::join_all;
use mesh_shared::cluster::context::Cluster;
use mesh_shared::cluster::write_while_wanted::{Sent, send_once};
use mesh_shared::model::kube::write::Write;
use mesh_shared::plugin::error::Error;
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::task::AbortOnDropHandle;

use super::changed::reversible::Making;
use super::fence::{ChangeState, Fence};
use crate::plugin_identity::MANAGER;

/// How often a request that was turned away is sent in all.
const ATTEMPTS: u32 = 3;
/// The pause before it is sent again.
const PAUSE: Duration = Duration::from_millis(200);
/// How long to wait for the answer to a pending request before putting back begins.
pub const GRACE: Duration = Duration::from_secs(3);

/// Makes all changes at once and returns when the last one was accepted. The first failure keeps the others from
/// sending anything more; what they have already sent is awaited.
///
/// # Errors
/// Why a change was not made. The fence knows the outcome of each.
pub async fn inject(cluster: &Cluster, makings: &[Making], fence: &Fence) -> Result<Instant, Error> {
    let all = makings.iter().enumerate().map(|(change, making)| make(cluster, making, change, fence));
    let failed: Vec<NotMade> = join_all(all).await.into_iter().filter_map(Result::err).collect();
    let stopped = !failed.is_empty();
    match failed.into_iter().find_map(|not_made| not_made.why) {
        Some(why) => Err(why),
        None if stopped => {
            Err(Error::failed("the drill was stopped, or its time was over, before the fault was injected")
                .fix("run the drill again"))
        }
        None => Ok(Instant::now()),
    }
}

/// A change that was not made, and why; none if the fence was shut.
struct NotMade {
    why: Option<Error>,
}

async fn make(cluster: &Cluster, making: &Making, change: usize, fence: &Fence) -> Result<(), NotMade> {
    let made = async {
        let object = send(cluster, &making.first, change, fence).await?;
        let Some(effect) = making.then(&object) else { return Ok(()) };
        send(cluster, &effect, change, fence).await.map(|_| ()).inspect_err(|_| {
            // The object exists. Putting back deletes it, and with its UID any request still pending becomes void.
            fence.settle(change, ChangeState::Made);
        })
    };
    let made = made.await;
    if made.is_err() {
        fence.shut();
    }
    made
}

async fn send(cluster: &Cluster, write: &Write, change: usize, fence: &Fence) -> Result<Value, NotMade> {
    let mut attempt = 1;
    loop {
        let wait = match send_once(cluster, write, MANAGER, || fence.pass(change)).await {
            Ok(Sent::Withheld) => return Err(NotMade { why: None }),
            Ok(Sent::Done(object)) => {
                fence.settle(change, ChangeState::Made);
                return Ok(object);
            }
            Ok(Sent::TurnedAway(_, wait)) if attempt < ATTEMPTS => {
                fence.turned_away(change);
                wait.unwrap_or_default().min(cluster.request_timeout())
            }
            Ok(Sent::TurnedAway(error, _) | Sent::Refused(error)) | Err(error) => {
                fence.turned_away(change);
                return Err(NotMade { why: Some(error) });
            }
            // It stays pending.
            Ok(Sent::Unknown(error)) => return Err(NotMade { why: Some(error) }),
        };
        sleep(wait.max(PAUSE * attempt)).await;
        attempt += 1;
    }
}

/// Ends an injection: once this returns, nothing more of it can be sent. What was sent and not answered within `grace`
/// may still be made, as the fence records.
pub async fn end(injecting: Option<AbortOnDropHandle<Result<Instant, String>>>, fence: &Fence, grace: Duration) {
    fence.shut();
    let Some(mut injecting) = injecting else { return };
    if timeout(grace, &mut injecting).await.is_err() {
        // A request that waits for its connection has passed the fence; aborting keeps it from being sent.
        injecting.abort();
        let _ = injecting.await;
    }
}

#[cfg(test)]
mod tests;
