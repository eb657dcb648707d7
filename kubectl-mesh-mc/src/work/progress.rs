//! The progress of a run: one line per cluster on a terminal, plain lines elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use mesh_shared::engine::event::Event;
use mesh_shared::engine::steps::StepId;
use mesh_shared::model::names::ClusterName;
use mesh_shared::plugin::terminal::Terminal;
use mesh_shared::plugin::terminal::live_lines::Lines;
use mesh_shared::plugin::text;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::Instant;

use super::tasks::{Phase, Steps, title};

/// How often pending waits are printed if nothing can be drawn.
const REMINDER: Duration = Duration::from_secs(10);

/// Shows a run until its events end.
pub async fn show(terminal: Terminal, steps: &Steps, mut events: UnboundedReceiver<Event>) {
    let mut board = Board::new(steps);
    let lines = terminal.live.then(|| Lines::begin(board.clusters().len()));
    if let Some(lines) = &lines {
        lines.draw(&board.lines());
    }
    let mut reminder = tokio::time::interval_at(Instant::now() + REMINDER, REMINDER);
    loop {
        tokio::select! {
            event = events.recv() => {
                let Some(event) = event else { break };
                let finished = board.take(&event);
                match &lines {
                    Some(lines) => lines.draw(&board.lines()),
                    None => finished.iter().for_each(|line| terminal.say(line)),
                }
            }
            _ = reminder.tick(), if lines.is_none() => board.waits().iter().for_each(|line| terminal.say(line)),
        }
    }
    if let Some(lines) = lines {
        lines.end(&board.lines());
    }
}

/// How far each cluster's phases are: values only.
struct Board<'a> {
    steps: &'a Steps,
    width: usize,
    done: BTreeSet<StepId>,
    failed: BTreeSet<StepId>,
    waiting: BTreeMap<StepId, String>,
    running: BTreeSet<StepId>,
    begun: BTreeMap<(ClusterName, Phase), Instant>,
    took: BTreeMap<(ClusterName, Phase), Duration>,
}

/// How far one phase of one cluster is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Running,
    Done(Duration),
    Failed,
}

impl<'a> Board<'a> {
    fn new(steps: &'a Steps) -> Self {
        let width = steps.iter().filter_map(|(_, step)| Some(step.cluster.as_ref()?.as_str().len())).max().unwrap_or(0);
        Self {
            steps,
            width,
            done: BTreeSet::new(),
            failed: BTreeSet::new(),
            waiting: BTreeMap::new(),
            running: BTreeSet::new(),
            begun: BTreeMap::new(),
            took: BTreeMap::new(),
        }
    }

    fn clusters(&self) -> Vec<ClusterName> {
        let mut seen = Vec::new();
        for (_, step) in self.steps.iter() {
            if let Some(name) = &step.cluster
                && !seen.contains(name)
            {
                seen.push(name.clone());
            }
        }
        seen
    }

    /// Takes in an event. Returns the plain lines that are due with it.
    fn take(&mut self, event: &Event) -> Vec<String> {
        let (Event::Started(id) | Event::Waiting(id, _) | Event::Done(id, _) | Event::Failed(id)) = event;
        let key = self.steps.get(*id).and_then(|step| Some((step.cluster.clone()?, step.part)));
        match event {
            Event::Started(_) => {
                self.running.insert(*id);
                if let Some(key) = key {
                    self.begun.entry(key).or_insert_with(Instant::now);
                }
            }
            Event::Waiting(_, text) => {
                self.waiting.insert(*id, text.clone());
            }
            Event::Done(..) => {
                self.running.remove(id);
                self.waiting.remove(id);
                self.done.insert(*id);
                if let Some(key) = key
                    && self.all_done(&key)
                    && let Some(begun) = self.begun.get(&key)
                {
                    let took = begun.elapsed();
                    let line = format!("{}: {} done ({})", key.0, key.1.name(), text::duration(took));
                    self.took.insert(key, took);
                    return vec![line];
                }
            }
            Event::Failed(_) => {
                self.running.remove(id);
                self.failed.insert(*id);
                if let Some((cluster, phase)) = key {
                    return vec![format!("{cluster}: {} failed", phase.name())];
                }
            }
        }
        Vec::new()
    }

    fn of<'s>(&'s self, key: &'s (ClusterName, Phase)) -> impl Iterator<Item = StepId> + 's {
        self.steps
            .iter()
            .filter(move |(_, step)| step.cluster.as_ref() == Some(&key.0) && step.part == key.1)
            .map(|(id, _)| id)
    }

    fn all_done(&self, key: &(ClusterName, Phase)) -> bool {
        self.of(key).all(|id| self.done.contains(&id))
    }

    fn state(&self, key: &(ClusterName, Phase)) -> Option<State> {
        self.of(key).next()?;
        Some(if self.of(key).any(|id| self.failed.contains(&id)) {
            State::Failed
        } else if let Some(took) = self.took.get(key) {
            State::Done(*took)
        } else if self.of(key).any(|id| self.running.contains(&id) || self.done.contains(&id)) {
            State::Running
        } else {
            State::Waiting
        })
    }

    /// The line of one cluster: a mark and a word per phase; the mark carries the meaning, so that no colour is needed.
    fn line(&self, cluster: &ClusterName, mark: &str) -> String {
        let mut parts = vec![format!("{cluster:<width$}", width = self.width)];
        for phase in Phase::ALL {
            let key = (cluster.clone(), phase);
            let name = phase.name();
            match self.state(&key) {
                None => {}
                Some(State::Waiting) => parts.push(format!("· {name}")),
                Some(State::Running) => parts.push(format!("{mark} {name}")),
                Some(State::Done(took)) if took.as_millis() >= 100 => {
                    parts.push(format!("✓ {name} {}", text::duration(took)));
                }
                Some(State::Done(_)) => parts.push(format!("✓ {name}")),
                Some(State::Failed) => parts.push(format!("✗ {name}")),
            }
        }
        parts.join("  ")
    }

    /// The lines of all clusters.
    fn lines(&self) -> Vec<String> {
        self.clusters().iter().map(|cluster| self.line(cluster, "…")).collect()
    }

    /// What each cluster waits for now.
    fn waits(&self) -> Vec<String> {
        self.running
            .iter()
            .filter_map(|id| {
                let step = self.steps.get(*id)?;
                let cluster = step.cluster.as_ref()?;
                let note =
                    self.waiting.get(id).map(|text| format!(" ({})", text::shortened(text, 100))).unwrap_or_default();
                Some(format!("{cluster}: waiting: {}{note}", title(&step.action)))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::work::tasks::{Task, Wait};

    fn steps() -> Steps {
        let mut steps = Steps::default();
        let east = ClusterName::new("east").unwrap();
        let namespaces = Task::RemoveLeftoverProbes { namespaces: Vec::new() };
        let first = steps.push(Some(&east), Phase::Trust, namespaces.into(), "", []).unwrap();
        steps.push(Some(&east), Phase::Gateway, Wait::Gateway.into(), "", [first]).unwrap();
        steps
    }

    #[test]
    fn a_line_tells_what_is_done_what_runs_and_what_waits() {
        let steps = steps();
        let [first, second] = [0, 1].map(|index| steps.iter().nth(index).unwrap().0);
        let mut board = Board::new(&steps);
        let east = ClusterName::new("east").unwrap();
        assert_eq!(board.line(&east, "…"), "east  · trust  · gateway");
        board.take(&Event::Started(first));
        assert_eq!(board.line(&east, "…"), "east  … trust  · gateway");
        let lines = board.take(&Event::Done(first, Duration::ZERO));
        assert_eq!(lines, ["east: trust done (0.0 s)"]);
        board.take(&Event::Started(second));
        board.take(&Event::Waiting(second, "0 of 1 ready".into()));
        assert_eq!(board.waits(), ["east: waiting: the gateway is available (0 of 1 ready)"]);
        board.take(&Event::Failed(second));
        assert_eq!(board.line(&east, "…"), "east  ✓ trust  ✗ gateway");
    }
}
