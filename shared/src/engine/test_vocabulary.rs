//! A vocabulary for tests: keys are cut, and locks are made of them.

use std::any::TypeId;

use super::steps::{Action, Made, Never, Taken, Vocabulary};

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Kitchen;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Task {
    /// Makes a [`Key`].
    Cut,
    /// Writes.
    Lock { key: Made<Key> },
    /// Changes nothing, makes nothing.
    Note,
}

#[derive(Debug)]
pub(super) struct Key(pub(super) u32);

impl From<Task> for Action<Kitchen> {
    fn from(task: Task) -> Self {
        Self::Task(task)
    }
}

impl Vocabulary for Kitchen {
    type Part = ();
    type Wait = Never;
    type Task = Task;

    fn writes(task: &Task) -> bool {
        matches!(task, Task::Lock { .. })
    }

    fn makes(action: &Action<Self>) -> Option<TypeId> {
        matches!(action, Action::Task(Task::Cut)).then(TypeId::of::<Key>)
    }

    fn takes(action: &Action<Self>) -> Vec<Taken> {
        match action {
            Action::Task(Task::Lock { key }) => vec![key.taken()],
            _ => Vec::new(),
        }
    }
}
