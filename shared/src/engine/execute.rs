//! Executes a plan: every step as soon as what it needs is done. The caller performs the steps.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::event::Event;
use super::steps::{Made, Step, StepId, Steps, Vocabulary};
use crate::plugin::error::{Error, Kind, Result};

/// How long writes under way may still take when a run is stopped.
pub const GRACE: Duration = Duration::from_secs(10);

/// What to do after a stopped run.
const GO_ON: &str = "run the same command again: it continues from what exists";

/// Receives what happens.
pub type Events<'a> = &'a (dyn Fn(Event) + Send + Sync);

/// What a failure means for the other steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterFailure {
    /// Nothing more starts, waits are broken off, and writes under way may finish.
    Stop,
    /// Everything that does not need the failed step is still done.
    GoOn,
}

/// A step to perform.
pub struct Doing<'a, V: Vocabulary> {
    pub step: &'a Step<V>,
    /// What it takes from other steps.
    pub given: Given,
    /// Called with a few words about what it waits for now.
    pub progress: &'a (dyn Fn(String) + Send + Sync),
}

/// What other steps made, for the steps that name them.
#[derive(Default)]
pub struct Given(BTreeMap<StepId, Product>);

type Product = Arc<dyn Any + Send + Sync>;

impl Given {
    /// What that step made.
    ///
    /// # Errors
    /// A bug: the step is not among those that this one names, or was performed without making what its plan says.
    pub fn of<T: Send + Sync + 'static>(&self, made: Made<T>) -> Result<Arc<T>> {
        let product = self.0.get(&made.by()).cloned();
        product.and_then(|product| product.downcast().ok()).ok_or_else(|| {
            Error::failed("a step lacks what another should have made")
                .because(format!("{made:?} is not a {}", std::any::type_name::<T>()))
                .report()
        })
    }
}

/// The result of performing a step.
#[derive(Default)]
pub struct Done {
    wrote: bool,
    made: Option<Product>,
}

impl Done {
    /// Something exists now that did not exist before.
    pub fn wrote() -> Self {
        Self { wrote: true, made: None }
    }

    /// This was made for other steps.
    pub fn made<T: Send + Sync + 'static>(what: T) -> Self {
        Self { wrote: false, made: Some(Arc::new(what)) }
    }

    /// The same, with whether something exists now that did not exist before.
    #[must_use]
    pub fn and_wrote(self, wrote: bool) -> Self {
        Self { wrote, ..self }
    }
}

/// How a run ended.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The steps that began, whatever became of them.
    pub begun: BTreeSet<StepId>,
    /// The steps that are done.
    pub done: BTreeSet<StepId>,
    /// The steps that wrote something, in the order in which they were done.
    pub written: Vec<StepId>,
    /// What failed, in that order; if a signal stopped the run, only that.
    pub failures: Vec<Error>,
}

/// Runs all steps with `perform` and reports what happens. A signal stops the run, as a failure may: nothing more
/// starts, waits end at once, and writes under way may finish within [`GRACE`]; another signal ends that at once. What was
/// written stays.
pub async fn execute<V: Vocabulary>(
    steps: &Steps<V>,
    perform: impl AsyncFn(Doing<'_, V>) -> Result<Done>,
    after_failure: AfterFailure,
    events: Events<'_>,
    signals: &mut UnboundedReceiver<i32>,
) -> Outcome {
    let mut outcome = Outcome::default();
    let mut products: BTreeMap<StepId, Product> = BTreeMap::new();
    let mut waiting: Vec<StepId> = steps.iter().map(|(id, _)| id).collect();
    let mut running = FuturesUnordered::new();
    let (cancel, mut end_of_grace, mut interrupted) = (CancellationToken::new(), None::<Instant>, false);
    let perform = &perform;
    loop {
        if end_of_grace.is_none() {
            waiting.retain(|id| {
                let Some(step) = steps.get(*id) else { return false };
                let ready = step.needs.iter().all(|need| outcome.done.contains(need));
                if ready {
                    outcome.begun.insert(*id);
                    events(Event::Started(*id));
                    let given = V::takes(&step.action).into_iter().map(|taken| taken.by);
                    let given = Given(given.filter_map(|by| Some((by, products.get(&by)?.clone()))).collect());
                    running.push(one(*id, step, given, perform, events, cancel.clone()));
                }
                !ready
            });
        }
        if running.is_empty() {
            return outcome;
        }
        let grace = async {
            match end_of_grace {
                Some(end) => tokio::time::sleep_until(end).await,
                None => std::future::pending().await,
            }
        };
        let ends_the_run = tokio::select! {
            finished = running.next() => match finished {
                Some(Finished { id, took, result: Some(Ok(done)) }) => {
                    outcome.done.insert(id);
                    outcome.written.extend(done.wrote.then_some(id));
                    products.extend(done.made.map(|made| (id, made)));
                    events(Event::Done(id, took));
                    false
                }
                // A run that a signal stopped only says that.
                Some(Finished { id, result: Some(Err(error)), .. }) if !interrupted => {
                    events(Event::Failed(id));
                    outcome.failures.push(error);
                    after_failure == AfterFailure::Stop && end_of_grace.is_none()
                }
                Some(Finished { .. }) => false,
                None => return outcome,
            },
            Some(number) = signals.recv() => {
                if std::mem::replace(&mut interrupted, true) {
                    return outcome;
                }
                if end_of_grace.is_none() {
                    outcome.failures.push(Error::of(Kind::Interrupted(number), "interrupted").fix(GO_ON));
                }
                end_of_grace.is_none()
            }
            () = grace => return outcome,
        };
        if ends_the_run {
            cancel.cancel();
            end_of_grace = Some(Instant::now() + GRACE);
        }
    }
}

/// What became of a step; no result if it was broken off.
struct Finished {
    id: StepId,
    took: Duration,
    result: Option<Result<Done>>,
}

/// Performs a step. A wait ends at once when `cancel` says so; a write never does.
async fn one<V: Vocabulary>(
    id: StepId,
    step: &Step<V>,
    given: Given,
    perform: &impl AsyncFn(Doing<'_, V>) -> Result<Done>,
    events: Events<'_>,
    cancel: CancellationToken,
) -> Finished {
    let begun = Instant::now();
    let progress = move |text: String| events(Event::Waiting(id, text));
    let work = perform(Doing { step, given, progress: &progress });
    let result = if step.action.writes() {
        Some(work.await)
    } else {
        tokio::select! {
            result = work => Some(result),
            () = cancel.cancelled() => None,
        }
    };
    Finished { id, took: begun.elapsed(), result }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::sync::Mutex;

    use super::*;
    use crate::engine::test_vocabulary::{Key, Kitchen, Task};

    /// A key, a lock that is made with it, and a note that needs nothing, or what it is given.
    fn plan(note_needs_the_lock: bool) -> (Steps<Kitchen>, [StepId; 3]) {
        let mut steps = Steps::default();
        let cut = steps.push(None, (), Task::Cut.into(), "", []).unwrap();
        let key = steps.made::<Key>(cut).unwrap();
        let lock = steps.push(None, (), Task::Lock { key }.into(), "", []).unwrap();
        let needs = note_needs_the_lock.then_some(lock);
        let note = steps.push(None, (), Task::Note.into(), "", needs).unwrap();
        (steps, [cut, lock, note])
    }

    fn task<'a>(doing: &Doing<'a, Kitchen>) -> &'a Task {
        match &doing.step.action {
            super::super::steps::Action::Task(task) => task,
            other => panic!("{other:?}"),
        }
    }

    fn no_signals() -> UnboundedReceiver<i32> {
        tokio::sync::mpsc::unbounded_channel().1
    }

    fn no() -> Error {
        Error::failed("no").fix("try again")
    }

    #[tokio::test]
    async fn what_a_step_makes_goes_to_the_step_that_takes_it() {
        let (steps, [cut, lock, note]) = plan(true);
        let told = Mutex::new(Vec::new());
        let perform = async |doing: Doing<'_, Kitchen>| match task(&doing) {
            Task::Cut => Ok(Done::made(Key(7))),
            Task::Lock { key } => {
                assert_eq!(doing.given.of(*key)?.0, 7);
                Ok(Done::wrote())
            }
            Task::Note => Ok(Done::default()),
        };
        let events = |event: Event| {
            if let Event::Done(id, _) = event {
                told.lock().unwrap().push(id);
            }
        };
        let outcome = execute(&steps, perform, AfterFailure::Stop, &events, &mut no_signals()).await;
        assert!(outcome.failures.is_empty());
        assert_eq!(outcome.written, [lock]);
        assert_eq!(*told.lock().unwrap(), [cut, lock, note]);
    }

    #[tokio::test]
    async fn a_step_that_made_nothing_fails_the_one_that_takes_of_it() {
        let (steps, _) = plan(true);
        let perform = async |doing: Doing<'_, Kitchen>| match task(&doing) {
            Task::Lock { key } => doing.given.of(*key).map(|_| Done::wrote()),
            Task::Cut | Task::Note => Ok(Done::default()),
        };
        let outcome = execute(&steps, perform, AfterFailure::Stop, &|_| {}, &mut no_signals()).await;
        assert_eq!(outcome.failures[0].what, "a step lacks what another should have made");
    }

    #[tokio::test]
    async fn a_failure_breaks_off_what_waits_and_keeps_back_the_rest() {
        let (steps, [cut, _, note]) = plan(false);
        let perform = async |doing: Doing<'_, Kitchen>| match task(&doing) {
            Task::Cut => Err(no()),
            Task::Lock { .. } => Ok(Done::wrote()),
            Task::Note => pending().await,
        };
        let outcome = execute(&steps, perform, AfterFailure::Stop, &|_| {}, &mut no_signals()).await;
        assert_eq!(outcome.failures, [no()]);
        assert_eq!(outcome.begun, BTreeSet::from([cut, note]));
        assert!(outcome.done.is_empty() && outcome.written.is_empty());
    }

    #[tokio::test]
    async fn what_does_not_need_the_step_that_failed_is_done_where_that_is_wanted() {
        let (steps, [_, lock, note]) = plan(false);
        let perform = async |doing: Doing<'_, Kitchen>| match task(&doing) {
            Task::Cut => Err(no()),
            Task::Lock { .. } => Ok(Done::wrote()),
            Task::Note => {
                tokio::task::yield_now().await;
                Ok(Done::default())
            }
        };
        let outcome = execute(&steps, perform, AfterFailure::GoOn, &|_| {}, &mut no_signals()).await;
        assert_eq!((outcome.failures.len(), outcome.done), (1, BTreeSet::from([note])));
        assert!(!outcome.begun.contains(&lock));
    }

    #[tokio::test]
    async fn a_signal_lets_a_write_end_and_breaks_off_what_waits() {
        let (steps, [_, lock, note]) = plan(false);
        let (sender, mut signals) = tokio::sync::mpsc::unbounded_channel();
        let perform = async |doing: Doing<'_, Kitchen>| match task(&doing) {
            Task::Cut => Ok(Done::made(Key(7))),
            Task::Lock { .. } => {
                sender.send(2).unwrap();
                tokio::time::sleep(Duration::from_millis(20)).await;
                Ok(Done::wrote())
            }
            Task::Note => pending().await,
        };
        let outcome = execute(&steps, perform, AfterFailure::Stop, &|_| {}, &mut signals).await;
        assert_eq!(outcome.failures[0].kind, Kind::Interrupted(2));
        assert_eq!(outcome.written, [lock]);
        assert!(outcome.begun.contains(&note) && !outcome.done.contains(&note));
    }

    #[tokio::test]
    async fn a_second_signal_does_not_wait_for_writes() {
        let (steps, [_, lock, _]) = plan(false);
        let (sender, mut signals) = tokio::sync::mpsc::unbounded_channel();
        let perform = async |doing: Doing<'_, Kitchen>| match task(&doing) {
            Task::Cut => Ok(Done::made(Key(7))),
            Task::Lock { .. } => {
                sender.send(2).unwrap();
                sender.send(2).unwrap();
                pending().await
            }
            Task::Note => Ok(Done::default()),
        };
        let run = execute(&steps, perform, AfterFailure::Stop, &|_| {}, &mut signals);
        let outcome = tokio::time::timeout(Duration::from_secs(1), run).await.unwrap();
        assert_eq!(outcome.failures[0].kind, Kind::Interrupted(2));
        assert!(outcome.begun.contains(&lock) && !outcome.done.contains(&lock));
    }
}
