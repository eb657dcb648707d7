//! Executes a plan: shows its progress, and leaves no probe behind, however it ends.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use futures::future::join_all;
use mesh_shared::cluster::probe;
use mesh_shared::engine::event::Event;
use mesh_shared::engine::execute::{AfterFailure, Doing, GRACE, Outcome, execute};
use mesh_shared::engine::steps::StepId;
use mesh_shared::machine::signal_listener;
use mesh_shared::model::names::ClusterName;
use mesh_shared::plugin::error::Result;
use mesh_shared::plugin::terminal::Terminal;
use tokio::sync::mpsc;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::timeout;

use super::environment::{Environment, MemberCluster};
use super::perform::perform;
use super::progress;
use super::tasks::{Action, Steps, Task, Work};

/// How a run ended, and what it could not remove.
pub struct RunEnd {
    /// What was done.
    pub outcome: Outcome,
    /// The clusters in which the namespace of its probe may still be.
    pub left: Vec<LeftProbe>,
}

/// The namespace of a probe that was not removed.
pub struct LeftProbe {
    /// Where it is.
    pub context: String,
    /// Its name.
    pub namespace: String,
    /// Why it was not removed.
    pub why: String,
}

/// Runs all steps. A failure or a signal stops what waits, lets writes in flight finish, and removes the probes; what
/// was written stays, and a later run goes on from there. A second signal waits for none of that. Shows nothing if the
/// plan changes nothing.
pub async fn run(steps: &Steps, environment: &Environment, terminal: Terminal) -> RunEnd {
    let (sender, receiver) = mpsc::unbounded_channel();
    let events = move |event: Event| {
        // The receiver may be gone.
        let _ = sender.send(event);
    };
    let work = async move {
        let perform = async |doing: Doing<'_, Work>| perform(doing, environment).await;
        let mut signals = signal_listener::every();
        let outcome = execute(steps, perform, AfterFailure::Stop, &events, &mut signals).await;
        let left = if outcome.failures.is_empty() {
            Vec::new()
        } else {
            remove_probes(steps, &outcome, environment, &mut signals).await
        };
        RunEnd { outcome, left }
    };
    if steps.changes() == 0 {
        drop(receiver);
        return work.await;
    }
    let (end, ()) = tokio::join!(work, progress::show(terminal, steps, receiver));
    end
}

/// Removes what the run's probes are in, and returns what is left of that: after [`GRACE`], or at once if a signal says so,
/// it is left to the next run.
async fn remove_probes(
    steps: &Steps,
    outcome: &Outcome,
    environment: &Environment,
    signals: &mut UnboundedReceiver<i32>,
) -> Vec<LeftProbe> {
    let there = probes(steps, |id| outcome.begun.contains(&id), |id| outcome.done.contains(&id));
    let members: Vec<&MemberCluster> = there.into_iter().filter_map(|name| environment.members.get(name)).collect();
    let run = environment.run.id();
    let results: Mutex<BTreeMap<&str, Result<()>>> = Mutex::default();
    let removals = members.iter().map(|MemberCluster { cluster, .. }| async {
        let removed = probe::remove_of(cluster, run).await;
        results.lock().unwrap_or_else(PoisonError::into_inner).insert(&cluster.context, removed);
    });
    let why = tokio::select! {
        done = timeout(GRACE, join_all(removals)) => done.err().map_or("", |_| "its API server did not answer in time"),
        Some(_) = signals.recv() => "a second signal ended the run",
    };
    let results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    let left = members.iter().filter_map(|member| {
        let context = &member.cluster.context;
        let why = match results.get(context.as_str()) {
            Some(Ok(())) => return None,
            Some(Err(error)) => error.why.clone().unwrap_or_else(|| error.what.clone()),
            None => why.to_owned(),
        };
        Some(LeftProbe { context: context.clone(), namespace: probe::namespace(run), why })
    });
    left.collect()
}

/// The clusters in which a probe may run: starting it has begun, and removing it is not done.
fn probes(steps: &Steps, begun: impl Fn(StepId) -> bool, done: impl Fn(StepId) -> bool) -> Vec<&ClusterName> {
    let started = steps.iter().filter(|(id, step)| matches!(step.action, Action::Task(Task::StartProbe)) && begun(*id));
    let removed = |start: StepId| {
        let mut steps = steps.iter();
        steps.any(|(id, step)| {
            matches!(step.action, Action::Task(Task::RemoveProbe { probe }) if probe.by() == start) && done(id)
        })
    };
    started.filter(|(id, _)| !removed(*id)).filter_map(|(_, step)| step.cluster.as_ref()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::work::tasks::{Phase, Probe};

    #[test]
    fn a_probe_runs_from_the_beginning_of_its_start_to_the_end_of_its_removal() {
        let east = ClusterName::new("east").unwrap();
        let mut steps = Steps::default();
        let start = steps.push(Some(&east), Phase::Probe, Task::StartProbe.into(), "", []).unwrap();
        let probe = steps.made::<Probe>(start).unwrap();
        let remove = steps.push(Some(&east), Phase::Verify, Task::RemoveProbe { probe }.into(), "", []).unwrap();
        assert!(probes(&steps, |_| false, |_| false).is_empty());
        assert_eq!(probes(&steps, |id| id == start, |_| false), [&east]);
        assert_eq!(probes(&steps, |_| true, |id| id == start), [&east]);
        assert!(probes(&steps, |_| true, |id| id == remove || id == start).is_empty());
    }
}
