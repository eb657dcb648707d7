//! Conducts a drill whose preflight has passed, whose locks are held and whose record is written: feeds the state
//! machine events and carries out its effects. However it ends, the changes are put back first.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use mesh_shared::cluster::exec::Output;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::task::AbortOnDropHandle;

use super::inject;
use super::inject::inject;
use super::live_answerers::Origins;
use super::lock::Locks;
use super::observers::{start_traffic, watch_counters};
use super::phase::{Effect, Event, Machine, Origin, Phase};
use super::put_back::put_back;
use super::recording::{Left, Mark, PutBack, Reading, Recording, Sample, Stop, TrafficEnd};
use super::setup::Drill;
use super::traffic::Reader;

/// How often the machine gets an [`Event::Tick`].
const TICK: Duration = Duration::from_millis(50);
/// How long to wait for curl to report its first request.
const FIRST_REQUEST: Duration = Duration::from_secs(20);

/// What a drill reports while it runs.
#[derive(Debug, Clone, PartialEq)]
pub enum Told {
    /// A moment.
    Mark(Mark, Duration),
    /// A request.
    Sample(Sample, Option<Origin>),
    /// The proxy's counters.
    Reading(Reading),
    /// A sentence.
    Note(String),
}

/// What can happen from outside while a drill runs.
pub struct Outside {
    /// Signals, by number.
    pub signals: mpsc::UnboundedReceiver<i32>,
    /// A lock that was lost, and how.
    pub lost: mpsc::UnboundedReceiver<String>,
}

struct Course<'a> {
    drill: &'a Drill,
    locks: Arc<Locks>,
    told: &'a mpsc::UnboundedSender<Told>,
    begun: Instant,
    machine: Option<Machine>,
    origins: Origins,
    /// Requests whose side only the next reading shows, for lack of a pattern.
    uncounted: Vec<bool>,
    /// Yields the moment at which the fault was accepted.
    injecting: Option<AbortOnDropHandle<Result<Instant, String>>>,
    restoring: Option<AbortOnDropHandle<Vec<PutBack>>>,
    recording: Recording,
    done: bool,
}

/// Runs the drill to its end and returns what happened.
pub async fn conduct(
    drill: &Drill,
    locks: Arc<Locks>,
    mut outside: Outside,
    told: &mpsc::UnboundedSender<Told>,
) -> Recording {
    let begun = Instant::now();
    let recording = Recording::begin(drill.experiment.clone(), Timestamp::now());
    let mut course = Course {
        drill,
        locks,
        told,
        begun,
        machine: None,
        origins: Origins::new(&drill.experiment.failed.region),
        uncounted: Vec::new(),
        injecting: None,
        restoring: None,
        recording,
        done: false,
    };
    let mut readings = watch_counters(drill, begun);
    let mut reader = Reader::new(drill.pattern.clone());
    let mut traffic = match start_traffic(drill).await {
        Ok(traffic) => Some(traffic),
        Err(error) => {
            course.recording.traffic = TrafficEnd::Broken(error.to_string());
            course.event(Event::Stop(Stop::Traffic(error.to_string())));
            None
        }
    };
    let mut tick = interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !course.done {
        tokio::select! {
            piece = next(&mut traffic) => {
                let ended = course.traffic(piece, &mut reader);
                if ended {
                    traffic = None;
                }
            }
            Some(reading) = readings.recv() => course.reading(reading),
            Some(number) = outside.signals.recv() => course.signal(number),
            Some(why) = outside.lost.recv() => course.event(Event::Stop(Stop::LockLost(why))),
            result = joined(&mut course.injecting) => {
                course.injecting = None;
                match result {
                    Ok(accepted) => {
                        let at = accepted.saturating_duration_since(begun);
                        course.event_at(Event::Injected, at);
                    }
                    Err(why) => course.event(Event::NotInjected(why)),
                }
            }
            all = joined(&mut course.restoring) => {
                course.restoring = None;
                let whole = all.iter().all(|one| one.restored);
                course.recording.put_back = all;
                course.event(Event::Restored { whole });
            }
            _ = tick.tick() => course.tick(),
        }
    }
    course.recording.samples.extend(reader.end());
    course.recording.samples.sort_by_key(|sample| sample.number);
    course.recording.stopped = course.machine.as_ref().and_then(|machine| machine.stopped().cloned());
    course.recording.ended = Timestamp::now();
    course.recording
}

/// The next piece of the traffic's output; pends forever once it has ended.
async fn next(traffic: &mut Option<mpsc::Receiver<(Instant, Output)>>) -> Option<(Instant, Output)> {
    match traffic {
        Some(traffic) => traffic.recv().await,
        None => std::future::pending().await,
    }
}

/// Waits for the task's result; pends forever if there is no task. A panicked task yields its pessimistic `unfinished`
/// value, since its effect is unknown.
async fn joined<T: Unfinished>(task: &mut Option<AbortOnDropHandle<T>>) -> T {
    match task {
        Some(task) => task.await.unwrap_or_else(|error| T::unfinished(&error.to_string())),
        None => std::future::pending().await,
    }
}

/// A result to assume for a task that panicked.
trait Unfinished {
    fn unfinished(why: &str) -> Self;
}

impl Unfinished for Result<Instant, String> {
    fn unfinished(why: &str) -> Self {
        Err(why.to_owned())
    }
}

impl Unfinished for Vec<PutBack> {
    fn unfinished(why: &str) -> Self {
        vec![PutBack {
            object: "what the drill changed".into(),
            field: "unknown".into(),
            before: "unknown".into(),
            during: "unknown".into(),
            after: "unknown".into(),
            restored: false,
            left: Some(Left::Unknown),
            fault: Some(why.to_owned()),
        }]
    }
}

impl Course<'_> {
    fn tick(&mut self) {
        let late = self.machine.is_none() && self.begun.elapsed() >= FIRST_REQUEST;
        let event =
            if late { Event::Stop(Stop::Traffic("no request was reported in time".into())) } else { Event::Tick };
        if late || self.machine.is_some() {
            self.event(event);
        }
    }

    fn signal(&mut self, number: i32) {
        let note = match self.machine.as_ref().map(Machine::phase) {
            Some(Phase::Restoring) => "what was changed is being put back; wait for it".to_owned(),
            _ => format!("signal {number}: what was changed is put back first"),
        };
        self.say(note);
        self.event(Event::Stop(Stop::Signal(number)));
    }

    /// Takes a piece of the traffic's output. Returns whether it was the last.
    fn traffic(&mut self, piece: Option<(Instant, Output)>, reader: &mut Reader) -> bool {
        let (samples, end) = match piece {
            Some((_, Output::Out(bytes))) => (reader.out(&bytes), None),
            Some((at, Output::Err(bytes))) => (reader.err(&bytes, at.saturating_duration_since(self.begun)), None),
            Some((_, Output::Ended(end))) => (Vec::new(), Some(end.err().unwrap_or_else(|| "it ended".into()))),
            None => (Vec::new(), Some("nothing more was reported".into())),
        };
        for sample in samples {
            self.sample(sample);
        }
        let Some(why) = end else { return false };
        if !self.done {
            self.recording.traffic = TrafficEnd::Broken(why.clone());
            self.event(Event::Stop(Stop::Traffic(why)));
        }
        true
    }

    fn sample(&mut self, sample: Sample) {
        if self.machine.is_none() {
            self.begin(sample.at);
        }
        let success = !sample.outcome.is_failure();
        let answerer = self.origins.answerer(&sample);
        let origin = answerer.and_then(|answerer| self.origins.table().get(answerer).copied());
        let at = sample.at;
        let _ = self.told.send(Told::Sample(sample.clone(), origin));
        self.recording.samples.push(sample);
        if self.drill.pattern.is_some() || !success {
            self.event_at(Event::Request { success, answerer }, at);
        } else {
            self.uncounted.push(success);
        }
    }

    /// Begins the baseline when the first request is reported.
    fn begin(&mut self, at: Duration) {
        let (timing, hypothesis) = (self.drill.timing.clone(), self.drill.experiment.hypothesis.clone());
        self.machine = Some(Machine::new(timing, hypothesis, at));
        self.mark(Mark::Baseline, at);
    }

    fn reading(&mut self, reading: Reading) {
        let counted = self.origins.read(&reading);
        let ejected = reading.hosts.iter().any(|host| host.ejected);
        let _ = self.told.send(Told::Reading(reading.clone()));
        self.recording.readings.push(reading);
        let mut events = vec![Event::Ejected(ejected)];
        if self.drill.pattern.is_some() {
            events.push(Event::Origins(self.origins.table()));
        } else {
            // Answers without a text are attributed to the sides in proportion to what their hosts counted.
            events.push(Event::Origins(vec![Origin::Failed, Origin::Elsewhere]));
            let total = (counted.failed + counted.elsewhere).max(1);
            let all = self.uncounted.len() as u64;
            let of_failed = (all * counted.failed).div_ceil(total);
            for index in 0..all {
                let known = counted.failed + counted.elsewhere > 0;
                let answerer = known.then_some(usize::from(index >= of_failed));
                events.push(Event::Request { success: true, answerer });
            }
            self.uncounted.clear();
        }
        for event in events {
            self.event(event);
        }
    }

    fn event(&mut self, event: Event) {
        let now = self.begun.elapsed();
        self.event_at(event, now);
    }

    fn event_at(&mut self, event: Event, at: Duration) {
        if self.machine.is_none() {
            if matches!(event, Event::Stop(_)) {
                self.begin(at);
            } else {
                return;
            }
        }
        let effects = self.machine.as_mut().map(|machine| machine.on(event, at)).unwrap_or_default();
        for effect in effects {
            match effect {
                Effect::Mark(mark) => self.mark(mark, at),
                Effect::Inject => self.inject(),
                Effect::Restore => self.restore(),
                Effect::Finish => self.done = true,
            }
        }
    }

    fn mark(&mut self, mark: Mark, at: Duration) {
        self.recording.marks.push((mark, at));
        let _ = self.told.send(Told::Mark(mark, at));
    }

    fn say(&self, note: String) {
        let _ = self.told.send(Told::Note(note));
    }

    /// Injects the fault, if every lock is still held: a client that slept must not start what others may have seen
    /// end.
    fn inject(&mut self) {
        let (locks, cluster) = (self.locks.clone(), self.drill.failed.clone());
        let (makings, fence) = (self.drill.makings.clone(), self.drill.fence.clone());
        self.injecting = Some(AbortOnDropHandle::new(tokio::spawn(async move {
            locks.still_ours().await.map_err(|error| error.to_string())?;
            inject(&cluster, &makings, &fence).await.map_err(|error| error.to_string())
        })));
    }

    /// Puts back the changes, once no more are being made.
    fn restore(&mut self) {
        let (injecting, fence) = (self.injecting.take(), self.drill.fence.clone());
        let (cluster, record) = (self.drill.failed.clone(), self.drill.record.clone());
        let (told, deadline) = (self.told.clone(), Instant::now() + self.drill.restore_timeout);
        fence.shut();
        self.restoring = Some(AbortOnDropHandle::new(tokio::spawn(async move {
            inject::end(injecting, &fence, inject::GRACE).await;
            let note = |text: String| {
                let _ = told.send(Told::Note(text));
            };
            put_back(&cluster, &record, &fence.changes(), deadline, &note).await
        })));
    }
}
