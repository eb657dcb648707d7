//! Executes a plan: shows its progress, and leaves no probe behind, however it ends.

use futures::future::join_all;
use mesh_shared::cluster::probe;
use mesh_shared::engine::event::Event;
use mesh_shared::engine::execute::{AfterFailure, Doing, GRACE, Outcome, execute};
use mesh_shared::engine::steps::StepId;
use mesh_shared::machine::signal_listener;
use mesh_shared::model::names::ClusterName;
use mesh_shared::plugin::terminal::Terminal;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::environment::Environment;
use super::perform::perform;
use super::progress;
use super::tasks::{Action, Steps, Task, Work};

/// Runs all steps. A failure or a signal stops what waits, lets writes in flight finish, and removes the probes; what
/// was written stays, and a later run goes on from there. Shows nothing if the plan changes nothing.
pub async fn run(steps: &Steps, environment: &Environment, terminal: Terminal) -> Outcome {
    let (sender, receiver) = mpsc::unbounded_channel();
    let events = move |event: Event| {
        // The receiver may be gone.
        let _ = sender.send(event);
    };
    let work = async move {
        let perform = async |doing: Doing<'_, Work>| perform(doing, environment).await;
        let outcome = execute(steps, perform, AfterFailure::Stop, &events, signal_listener::first()).await;
        if !outcome.failures.is_empty() {
            remove_probes(steps, &outcome, environment).await;
        }
        outcome
    };
    if steps.changes() == 0 {
        drop(receiver);
        return work.await;
    }
    let (outcome, ()) = tokio::join!(work, progress::show(terminal, steps, receiver));
    outcome
}

/// Best effort: what cannot be removed now, the next run removes.
async fn remove_probes(steps: &Steps, outcome: &Outcome, environment: &Environment) {
    let namespace = &probe::namespace(environment.run.id());
    let left = probes(steps, |id| outcome.begun.contains(&id), |id| outcome.done.contains(&id));
    let removals = left.into_iter().filter_map(|name| environment.members.get(name));
    let removals = removals.map(|member| probe::remove(&member.cluster, namespace));
    let _ = timeout(GRACE, join_all(removals)).await;
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
