//! The drill's state machine. Pure: timed events in, effects out.
//!
//! baseline → inject → fault → hold → restore → after → end. Whatever goes wrong leads to restore.

use std::collections::VecDeque;
use std::time::Duration;

use super::experiment::Hypothesis;
use super::recording::{Mark, Stop};

/// Period over which it is judged whether traffic has failed over or come back.
const WINDOW: Duration = Duration::from_secs(2);
/// How long the baseline's split must have been back before the drill ends early.
const SETTLED: Duration = Duration::from_secs(3);
/// How long to wait for the first effect, in addition to the time for the failover itself.
const EFFECT: Duration = Duration::from_secs(15);
/// Minimum number of requests to judge the baseline by.
const FEWEST: usize = 10;
/// How far the split after the fault may be from the baseline's.
const TOLERANCE: f64 = 0.05;

/// Who answered a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The side that is failed.
    Failed,
    /// Any other.
    Elsewhere,
    /// Unknown.
    Unknown,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Time has passed.
    Tick,
    /// A request ended.
    Request {
        /// Whether it succeeded.
        success: bool,
        /// Who answered it, as an index into the table of [`Event::Origins`]; none if unknown.
        answerer: Option<usize>,
    },
    /// Which side each answerer belongs to, as far as is known by now.
    Origins(Vec<Origin>),
    /// Whether the client's proxy has a host ejected now.
    Ejected(bool),
    /// The fault's writes were accepted.
    Injected,
    /// One of the fault's writes was not accepted, and why.
    NotInjected(String),
    /// The changes are put back, or it is certain that they cannot be.
    Restored {
        /// Whether all of it is put back.
        whole: bool,
    },
    /// The drill is to end early.
    Stop(Stop),
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Note the moment.
    Mark(Mark),
    /// Inject the fault.
    Inject,
    /// Put back the changes. Requested once.
    Restore,
    /// End.
    Finish,
}

/// The phase a drill is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The steady state is watched.
    Baseline,
    /// The fault is being injected.
    Injecting,
    /// Traffic is to fail over.
    Fault,
    /// Traffic has failed over, or the time for it is over.
    Hold,
    /// What was changed is being put back.
    Restoring,
    /// Traffic is to come back.
    After,
    /// The drill is over.
    Done,
}

/// How long the phases take.
#[derive(Debug, Clone, PartialEq)]
pub struct Timing {
    /// Of the baseline.
    pub baseline: Duration,
    /// Of the hold.
    pub hold: Duration,
    /// The longest that an ejection can last, which is how long the failback is awaited while one does.
    pub longest_ejection: Duration,
}

/// The machine.
#[derive(Debug, Clone)]
pub struct Machine {
    timing: Timing,
    hypothesis: Hypothesis,
    phase: Phase,
    since: Duration,
    /// Requests of the last [`WINDOW`], in the baseline all of them: when, whether it succeeded, who answered.
    recent: VecDeque<(Duration, bool, Option<usize>)>,
    origins: Vec<Origin>,
    /// The baseline's share of answers from elsewhere.
    baseline_elsewhere: f64,
    /// When the fault was requested.
    asked: Duration,
    first_effect: Option<Duration>,
    failed: u64,
    ejected: bool,
    back_since: Option<Duration>,
    injected: bool,
    stopped: Option<Stop>,
}

impl Machine {
    /// A drill whose first request was reported `now`.
    pub fn new(timing: Timing, hypothesis: Hypothesis, now: Duration) -> Self {
        Self {
            timing,
            hypothesis,
            phase: Phase::Baseline,
            since: now,
            recent: VecDeque::new(),
            origins: Vec::new(),
            baseline_elsewhere: 0.0,
            asked: Duration::MAX,
            first_effect: None,
            failed: 0,
            ejected: false,
            back_since: None,
            injected: false,
            stopped: None,
        }
    }

    /// The current phase.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Why it ended early, if it did.
    pub fn stopped(&self) -> Option<&Stop> {
        self.stopped.as_ref()
    }

    /// Takes an event. Time never runs backwards: an earlier time counts as the latest.
    pub fn on(&mut self, event: Event, now: Duration) -> Vec<Effect> {
        let now = now.max(self.since);
        match event {
            Event::Request { success, answerer } => self.request(success, answerer, now),
            Event::Origins(origins) => {
                self.origins = origins;
                self.look_for_an_effect();
            }
            Event::Ejected(ejected) => self.ejected = ejected,
            Event::Injected if self.phase == Phase::Injecting => {
                self.enter(Phase::Fault, now);
                return vec![Effect::Mark(Mark::FaultAccepted)];
            }
            Event::NotInjected(why) if self.phase == Phase::Injecting => return self.stop(Stop::Failed(why), now),
            Event::Restored { whole } if self.phase == Phase::Restoring => return self.restored(whole, now),
            Event::Stop(stop) => return self.stop(stop, now),
            // The others are writes that ended after the drill had moved on.
            Event::Tick | Event::Injected | Event::NotInjected(_) | Event::Restored { .. } => {}
        }
        self.time(now)
    }

    fn request(&mut self, success: bool, answerer: Option<usize>, now: Duration) {
        self.recent.push_back((now, success, answerer));
        let faulty = matches!(self.phase, Phase::Injecting | Phase::Fault | Phase::Hold);
        if faulty && !success {
            self.failed += 1;
        }
        self.look_for_an_effect();
    }

    /// Looks for the first failed request since the fault, or the first answer from elsewhere if the baseline had none.
    fn look_for_an_effect(&mut self) {
        if self.first_effect.is_some() || !matches!(self.phase, Phase::Injecting | Phase::Fault) {
            return;
        }
        let unusual = self.baseline_elsewhere < TOLERANCE;
        let shows = |(at, success, answerer): &(Duration, bool, Option<usize>)| {
            let elsewhere = *success && self.origin(*answerer) == Origin::Elsewhere;
            *at >= self.asked && (!success || (unusual && elsewhere))
        };
        self.first_effect = self.recent.iter().find(|request| shows(request)).map(|(at, ..)| *at);
    }

    fn origin(&self, answerer: Option<usize>) -> Origin {
        answerer.and_then(|answerer| self.origins.get(answerer)).copied().unwrap_or(Origin::Unknown)
    }

    fn time(&mut self, now: Duration) -> Vec<Effect> {
        if self.phase != Phase::Baseline {
            while self.recent.front().is_some_and(|(at, ..)| *at + WINDOW < now) {
                self.recent.pop_front();
            }
        }
        let spent = now.saturating_sub(self.since);
        let back = self.phase == Phase::After && self.has_come_back(now);
        match self.phase {
            Phase::Baseline if spent >= self.timing.baseline => self.end_baseline(now),
            Phase::Injecting | Phase::Fault | Phase::Hold if self.too_many_errors() => {
                self.stop(Stop::MaxErrors(self.failed), now)
            }
            Phase::Fault if self.has_failed_over(now) || self.failover_is_late(now) => {
                self.enter(Phase::Hold, now);
                vec![Effect::Mark(Mark::Hold)]
            }
            Phase::Hold if spent >= self.timing.hold => {
                self.enter(Phase::Restoring, now);
                vec![Effect::Mark(Mark::RestoreAsked), Effect::Restore]
            }
            Phase::After if back || spent >= self.longest_after() => self.finish(now),
            _ => Vec::new(),
        }
    }

    fn end_baseline(&mut self, now: Duration) -> Vec<Effect> {
        let share = self.share(|success, _| success);
        if self.recent.len() < FEWEST || share < self.hypothesis.baseline_success {
            return self.stop(Stop::Baseline, now);
        }
        self.baseline_elsewhere = self.share(|success, origin| success && origin == Origin::Elsewhere);
        self.injected = true;
        self.asked = now;
        self.enter(Phase::Injecting, now);
        vec![Effect::Mark(Mark::FaultAsked), Effect::Inject]
    }

    fn too_many_errors(&self) -> bool {
        self.hypothesis.max_errors.is_some_and(|most| self.failed >= most)
    }

    /// Whether the target has answered its share for a whole window.
    fn has_failed_over(&self, now: Duration) -> bool {
        self.first_effect.is_some_and(|effect| now >= effect + WINDOW)
            && self.share(|success, origin| success && origin == Origin::Elsewhere) >= self.hypothesis.failover_share
    }

    fn failover_is_late(&self, now: Duration) -> bool {
        match self.first_effect {
            Some(effect) => now >= effect + self.hypothesis.failover_within,
            None => now >= self.since + EFFECT + self.hypothesis.failover_within,
        }
    }

    fn restored(&mut self, whole: bool, now: Duration) -> Vec<Effect> {
        if !whole || !self.injected || self.stopped.is_some() {
            return self.finish(now);
        }
        self.enter(Phase::After, now);
        self.recent.clear();
        vec![Effect::Mark(Mark::RestoreAccepted)]
    }

    /// How long the failback is watched: as long as the hypothesis allows, and as an ejection can last.
    fn longest_after(&self) -> Duration {
        self.hypothesis.failback_within.max(self.timing.longest_ejection) + SETTLED
    }

    /// Whether the baseline's split is back for good, and no ejected host is yet to come back.
    fn has_come_back(&mut self, now: Duration) -> bool {
        let elsewhere = self.share(|success, origin| success && origin == Origin::Elsewhere);
        let good = self.share(|success, _| success) >= self.hypothesis.baseline_success;
        let same = (elsewhere - self.baseline_elsewhere).abs() <= TOLERANCE;
        if self.recent.is_empty() || !same || !good || self.ejected {
            self.back_since = None;
            return false;
        }
        let since = *self.back_since.get_or_insert(now);
        now >= since + SETTLED
    }

    fn share(&self, counts: impl Fn(bool, Origin) -> bool) -> f64 {
        if self.recent.is_empty() {
            return 0.0;
        }
        let counts =
            |(_, success, answerer): &&(Duration, bool, Option<usize>)| counts(*success, self.origin(*answerer));
        let matching = self.recent.iter().filter(counts).count();
        // A window holds some hundred requests, a baseline some thousand.
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        return matching as f64 / self.recent.len() as f64;
    }

    /// Ends early: the changes are put back at once, and only the first reason counts.
    fn stop(&mut self, stop: Stop, now: Duration) -> Vec<Effect> {
        if self.stopped.is_none() && self.phase != Phase::Done {
            self.stopped = Some(stop);
        }
        match self.phase {
            Phase::Baseline | Phase::Injecting | Phase::Fault | Phase::Hold => {
                self.enter(Phase::Restoring, now);
                vec![Effect::Mark(Mark::RestoreAsked), Effect::Restore]
            }
            Phase::After => self.finish(now),
            Phase::Restoring | Phase::Done => Vec::new(),
        }
    }

    fn finish(&mut self, now: Duration) -> Vec<Effect> {
        let restored = (self.phase == Phase::Restoring).then_some(Effect::Mark(Mark::RestoreAccepted));
        self.enter(Phase::Done, now);
        restored.into_iter().chain([Effect::Mark(Mark::End), Effect::Finish]).collect()
    }

    fn enter(&mut self, phase: Phase, now: Duration) {
        self.phase = phase;
        self.since = now;
    }
}

#[cfg(test)]
mod tests;
