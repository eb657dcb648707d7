//! Executes a plan: every step as soon as what it needs is done.

use std::collections::BTreeSet;
use std::future::Future;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::GO_ON;
use super::event::Event;
use super::perform;
use super::perform::Written;
use super::world::World;
use crate::cluster::probe;
use crate::engine::steps::{StepId, Steps};
use crate::plugin::error::{Error, Kind, Result};

/// How long writes that are under way may still take when a run ends early, and how long the probes' removal may.
const GRACE: Duration = Duration::from_secs(10);

/// How a run ended.
pub struct Outcome {
    /// What was written, in the order in which it was done.
    pub written: Vec<Written>,
    /// The first error, or the signal.
    pub result: Result<()>,
}

/// Runs all steps, telling what happens. A failure or a signal stops what waits, lets writes that are under way end, and
/// removes the probes; what was written stays, and a later run goes on from there.
pub async fn execute(
    steps: &Steps,
    world: &World,
    events: &UnboundedSender<Event>,
    signal: impl Future<Output = i32>,
) -> Outcome {
    let cancel = CancellationToken::new();
    let mut outcome = Outcome { written: Vec::new(), result: Ok(()) };
    run(steps, world, events, signal, &cancel, &mut outcome).await;
    if outcome.result.is_err() {
        remove_probes(world).await;
    }
    outcome
}

async fn run(
    steps: &Steps,
    world: &World,
    events: &UnboundedSender<Event>,
    signal: impl Future<Output = i32>,
    cancel: &CancellationToken,
    outcome: &mut Outcome,
) {
    let mut done: BTreeSet<StepId> = BTreeSet::new();
    let mut waiting: Vec<StepId> = steps.iter().map(|(id, _)| id).collect();
    let mut running = FuturesUnordered::new();
    let mut end_of_grace: Option<Instant> = None;
    tokio::pin!(signal);
    loop {
        if outcome.result.is_ok() {
            waiting.retain(|id| {
                let Some(step) = steps.get(*id) else { return false };
                let ready = step.needs.iter().all(|need| done.contains(need));
                if ready {
                    let _ = events.send(Event::Started(*id));
                    let id = *id;
                    let begun = Instant::now();
                    running.push(async move { (id, begun, perform::perform(id, step, world, events, cancel).await) });
                }
                !ready
            });
        }
        if running.is_empty() {
            return;
        }
        let grace = async {
            match end_of_grace {
                Some(end) => tokio::time::sleep_until(end).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            finished = running.next() => match finished {
                Some((id, begun, Ok(written))) => {
                    done.insert(id);
                    outcome.written.extend(written);
                    let _ = events.send(Event::Done(id, begun.elapsed()));
                }
                Some((id, _, Err(error))) => {
                    if outcome.result.is_ok() {
                        let _ = events.send(Event::Failed(id));
                        outcome.result = Err(error);
                        cancel.cancel();
                        end_of_grace = Some(Instant::now() + GRACE);
                    }
                }
                None => return,
            },
            number = &mut signal, if outcome.result.is_ok() => {
                outcome.result = Err(Error::of(Kind::Interrupted(number), "interrupted").fix(GO_ON));
                cancel.cancel();
                end_of_grace = Some(Instant::now() + GRACE);
            }
            () = grace => return,
        }
    }
}

/// Best effort: what can not be removed now, the next run removes.
async fn remove_probes(world: &World) {
    let probes: Vec<_> = world.board.notes().probes.clone().into_iter().collect();
    let removals = probes.iter().filter_map(|(name, namespace)| {
        let member = world.members.get(name)?;
        Some(probe::remove(&member.cluster, namespace))
    });
    let _ = tokio::time::timeout(GRACE, futures::future::join_all(removals)).await;
}
