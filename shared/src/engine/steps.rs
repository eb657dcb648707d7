//! The steps of a plan as data: what is done where, why, after what, and with what from other steps.

use std::any::TypeId;
use std::fmt::{self, Debug};
use std::marker::PhantomData;

use crate::model::kube::write::Write;
use crate::model::names::ClusterName;
use crate::plugin::error::{Error, Result};

/// What the steps of a plugin consist of besides writes, and what they pass to each other.
pub trait Vocabulary: Debug + Clone + PartialEq + Sized {
    /// The part of the work that a step belongs to.
    type Part: Debug + Clone + Copy + PartialEq;
    /// Something to wait for. It changes nothing, and ends at once when a run is stopped.
    type Wait: Debug + Clone + PartialEq;
    /// Anything else that only the plugin knows how to do.
    type Task: Debug + Clone + PartialEq;

    /// Whether a task changes something lasting: it then counts among the changes to confirm, and is not broken off.
    fn writes(task: &Self::Task) -> bool;

    /// The type of what an action makes for other steps, if it makes anything.
    fn makes(action: &Action<Self>) -> Option<TypeId>;

    /// What an action takes from other steps.
    fn takes(action: &Action<Self>) -> Vec<Taken>;
}

/// The vocabulary of plans that only write.
#[derive(Debug, Clone, PartialEq)]
pub struct WritesAlone;

/// Has no values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Never {}

impl Vocabulary for WritesAlone {
    type Part = ();
    type Wait = Never;
    type Task = Never;

    fn writes(task: &Never) -> bool {
        match *task {}
    }

    fn makes(_: &Action<Self>) -> Option<TypeId> {
        None
    }

    fn takes(_: &Action<Self>) -> Vec<Taken> {
        Vec::new()
    }
}

/// What a step does.
#[derive(Debug, Clone, PartialEq)]
pub enum Action<V: Vocabulary> {
    /// Writes one object, with the write's precondition.
    Write(Write),
    /// Waits for something.
    Wait(V::Wait),
    /// Does what only the plugin knows how to do.
    Task(V::Task),
}

impl<V: Vocabulary> Action<V> {
    /// Whether it changes something lasting.
    pub fn writes(&self) -> bool {
        match self {
            Self::Write(_) => true,
            Self::Wait(_) => false,
            Self::Task(task) => V::writes(task),
        }
    }
}

/// The place of a step in its plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StepId(usize);

/// What a step will have made, for those that name it. Only [`Steps::made`] returns one, for a step that makes just
/// this.
pub struct Made<T> {
    by: StepId,
    what: PhantomData<fn() -> T>,
}

impl<T: 'static> Made<T> {
    /// The step that makes it.
    pub fn by(self) -> StepId {
        self.by
    }

    /// The same without its type, as [`Vocabulary::takes`] says it.
    pub fn taken(self) -> Taken {
        Taken { by: self.by, what: TypeId::of::<T>() }
    }
}

// Derived impls would put the same bounds on `T`.
impl<T> Clone for Made<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Made<T> {}

impl<T> PartialEq for Made<T> {
    fn eq(&self, other: &Self) -> bool {
        self.by == other.by
    }
}

impl<T> Debug for Made<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "what step {} makes", self.by.0)
    }
}

/// What a step takes from an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// The step that makes it.
    pub by: StepId,
    /// The type of what it makes.
    pub what: TypeId,
}

/// One action, where, why, and after what.
#[derive(Debug, Clone, PartialEq)]
pub struct Step<V: Vocabulary> {
    /// The cluster that it is about; none for what happens on this machine or between clusters.
    pub cluster: Option<ClusterName>,
    /// The part of the work.
    pub part: V::Part,
    pub action: Action<V>,
    /// What the user reads: "west has no root yet".
    pub why: String,
    /// Steps that must be done first, in any cluster, including those that it takes from. All others run at once.
    pub needs: Vec<StepId>,
}

impl Step<WritesAlone> {
    /// The write.
    pub fn write(&self) -> &Write {
        match &self.action {
            Action::Write(write) => write,
            Action::Wait(never) | Action::Task(never) => match *never {},
        }
    }
}

/// Steps in an order in which each comes after those that it needs.
#[derive(Debug, Clone, PartialEq)]
pub struct Steps<V: Vocabulary>(Vec<Step<V>>);

impl<V: Vocabulary> Default for Steps<V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<V: Vocabulary> Steps<V> {
    /// Adds a step and returns its place. It also needs the steps that it takes from.
    ///
    /// # Errors
    /// A bug, if it needs a step that does not come before it (so that no cycle can arise), or takes what that step
    /// does not make.
    pub fn push(
        &mut self,
        cluster: Option<&ClusterName>,
        part: V::Part,
        action: Action<V>,
        why: impl Into<String>,
        needs: impl IntoIterator<Item = StepId>,
    ) -> Result<StepId> {
        let id = StepId(self.0.len());
        let taken = V::takes(&action);
        let mut needs: Vec<StepId> = needs.into_iter().chain(taken.iter().map(|taken| taken.by)).collect();
        needs.sort_unstable();
        needs.dedup();
        if let Some(later) = needs.iter().find(|need| **need >= id) {
            return Err(missing(format!("step {} needs step {}, which does not come before it", id.0, later.0)));
        }
        for Taken { by, what } in taken {
            if self.get(by).and_then(|step| V::makes(&step.action)) != Some(what) {
                return Err(missing(format!("step {} takes what step {} does not make", id.0, by.0)));
            }
        }
        self.0.push(Step { cluster: cluster.cloned(), part, action, why: why.into(), needs });
        Ok(id)
    }

    /// What one of these steps makes, for others to name.
    ///
    /// # Errors
    /// A bug, if the step does not make this.
    pub fn made<T: 'static>(&self, by: StepId) -> Result<Made<T>> {
        match self.get(by).and_then(|step| V::makes(&step.action)) {
            Some(what) if what == TypeId::of::<T>() => Ok(Made { by, what: PhantomData }),
            _ => Err(missing(format!("step {} does not make {}", by.0, std::any::type_name::<T>()))),
        }
    }

    /// The steps that take what a step makes.
    pub fn takers(&self, by: StepId) -> impl Iterator<Item = StepId> {
        self.iter().filter(move |(_, step)| V::takes(&step.action).iter().any(|taken| taken.by == by)).map(|(id, _)| id)
    }

    /// All steps with their places.
    pub fn iter(&self) -> impl Iterator<Item = (StepId, &Step<V>)> {
        self.0.iter().enumerate().map(|(index, step)| (StepId(index), step))
    }

    /// The step at a place.
    pub fn get(&self, id: StepId) -> Option<&Step<V>> {
        self.0.get(id.0)
    }

    /// Number of steps.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Number of steps that change something.
    pub fn changes(&self) -> usize {
        self.0.iter().filter(|step| step.action.writes()).count()
    }
}

/// The steps of a plan that only writes.
pub type Writes = Steps<WritesAlone>;

impl Writes {
    /// Adds a write, to be made after all earlier ones for the same cluster.
    pub fn write(&mut self, cluster: &ClusterName, write: Write, why: impl Into<String>) {
        let before = self.0.iter().rposition(|step| step.cluster.as_ref() == Some(cluster));
        let needs = before.map(StepId).into_iter().collect();
        self.0.push(Step {
            cluster: Some(cluster.clone()),
            part: (),
            action: Action::Write(write),
            why: why.into(),
            needs,
        });
    }
}

fn missing(why: String) -> Error {
    Error::failed("the plan is incomplete").because(why).report()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::test_vocabulary::{Key, Kitchen, Task};
    use crate::model::kube::object_key::ObjectKey;

    #[test]
    fn a_step_that_needs_what_does_not_come_before_it_is_refused() {
        let mut steps = Steps::<Kitchen>::default();
        let own = StepId(0);
        let error = steps.push(None, (), Task::Note.into(), "", [own]).unwrap_err();
        assert_eq!(error.why.as_deref(), Some("step 0 needs step 0, which does not come before it"));
        assert!(steps.push(None, (), Task::Note.into(), "", [StepId(7)]).is_err());
        assert!(steps.is_empty(), "a refused step is not part of the plan");
    }

    #[test]
    fn a_step_that_takes_what_another_plan_makes_is_refused() {
        let mut steps = Steps::<Kitchen>::default();
        let note = steps.push(None, (), Task::Note.into(), "", []).unwrap();
        assert!(steps.made::<Key>(note).is_err(), "a note is not a key");
        let mut other = Steps::<Kitchen>::default();
        let key = other.push(None, (), Task::Cut.into(), "", []).unwrap();
        let key = other.made::<Key>(key).unwrap();
        let error = steps.push(None, (), Task::Lock { key }.into(), "", []).unwrap_err();
        assert_eq!(error.why.as_deref(), Some("step 1 takes what step 0 does not make"));
    }

    #[test]
    fn what_is_taken_is_needed_once_and_its_takers_are_known() {
        let mut steps = Steps::<Kitchen>::default();
        let cut = steps.push(None, (), Task::Cut.into(), "", []).unwrap();
        let key = steps.made::<Key>(cut).unwrap();
        let note = steps.push(None, (), Task::Note.into(), "", []).unwrap();
        let lock = steps.push(None, (), Task::Lock { key }.into(), "", [note, cut, note]).unwrap();
        assert_eq!(steps.get(lock).unwrap().needs, [cut, note]);
        assert_eq!(steps.takers(cut).collect::<Vec<_>>(), [lock]);
    }

    #[test]
    fn writes_of_one_cluster_are_made_one_after_another_and_of_two_at_once() {
        let [east, west] = ["east", "west"].map(|name| ClusterName::new(name).unwrap());
        let delete = |name: &str| Write::Delete {
            api_version: "v1".into(),
            object: ObjectKey::new("Secret", "a", name),
            uid: "u".into(),
            resource_version: None,
        };
        let mut writes = Writes::default();
        for (cluster, name) in [(&east, "1"), (&west, "2"), (&east, "3")] {
            writes.write(cluster, delete(name), "");
        }
        let needs: Vec<&[StepId]> = writes.iter().map(|(_, step)| step.needs.as_slice()).collect();
        assert_eq!(needs, [&[][..], &[], &[StepId(0)]]);
        assert_eq!(writes.changes(), 3);
    }
}
