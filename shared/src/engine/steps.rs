//! The steps of a plan and what each needs. A step starts as soon as what it needs is done, in whatever cluster.

use serde::Serialize;

use super::action::{Action, Phase};
use crate::model::names::ClusterName;

/// The place of a step in its plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct StepId(pub usize);

/// One action, where, why, and after what.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Step {
    /// The cluster that it is about; none for what happens in the CA folder or between clusters.
    pub cluster: Option<ClusterName>,
    /// The part of the work.
    pub phase: Phase,
    /// What is done.
    pub action: Action,
    /// What the user reads: "west has no root yet".
    pub why: String,
    /// Steps that must be done first, in any cluster. All else runs at once.
    pub needs: Vec<StepId>,
}

/// Steps in an order in which each comes after what it needs.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Steps(Vec<Step>);

impl Steps {
    /// Adds a step and returns its place. What it needs was added before it, so that no circle can arise.
    pub fn push(
        &mut self,
        cluster: Option<&ClusterName>,
        phase: Phase,
        action: Action,
        why: impl Into<String>,
        needs: impl IntoIterator<Item = StepId>,
    ) -> StepId {
        let id = StepId(self.0.len());
        let mut needs: Vec<StepId> = needs.into_iter().filter(|need| need.0 < id.0).collect();
        needs.sort_unstable();
        needs.dedup();
        self.0.push(Step { cluster: cluster.cloned(), phase, action, why: why.into(), needs });
        id
    }

    /// All steps with their places.
    pub fn iter(&self) -> impl Iterator<Item = (StepId, &Step)> {
        self.0.iter().enumerate().map(|(index, step)| (StepId(index), step))
    }

    /// The step at a place.
    pub fn get(&self, id: StepId) -> Option<&Step> {
        self.0.get(id.0)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many change something.
    pub fn changes(&self) -> usize {
        self.0.iter().filter(|step| step.action.writes()).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_needs_only_what_came_before_it() {
        let mut steps = Steps::default();
        let first = steps.push(None, Phase::Probe, Action::StartProbe, "", []);
        let second = steps.push(None, Phase::Probe, Action::RemoveProbe, "", [first, first, StepId(7)]);
        assert_eq!(steps.get(second).unwrap().needs, [first]);
        assert_eq!(steps.changes(), 2);
    }
}
