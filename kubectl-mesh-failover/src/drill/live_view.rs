//! What is shown of a drill while it runs. [`Live`] is values only; `terminal::live_lines` draws.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use mesh_shared::plugin::terminal::Terminal;
use mesh_shared::plugin::terminal::live_lines::Lines;
use mesh_shared::plugin::text::{count, shortened};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, interval};

use crate::drill::conduct::Told;
use crate::drill::experiment::Experiment;
use crate::drill::measure::owners;
use crate::drill::phase::Timing;
use crate::drill::recording::{Mark, Recording, Sample};
use crate::drill::report::wording::{seconds, share};

/// Maximum number of lines of [`Live::lines`].
pub const LINES: usize = 4 + NOTES;

/// How many of the latest notes are shown.
const NOTES: usize = 3;

/// Shares of a running phase are those of this last period.
const RECENT: Duration = Duration::from_secs(1);

/// How often the lines are redrawn on a terminal.
const DRAWN: Duration = Duration::from_millis(100);

/// How often progress is reported if nothing can be drawn.
const REMINDER: Duration = Duration::from_secs(5);

/// Characters of a bar.
const BAR: usize = 20;

/// Maximum width of a line, and of a region's name in it.
const COLUMNS: usize = 100;
const NAME: usize = 14;

/// Shows a drill until its events end.
pub async fn follow(terminal: Terminal, experiment: &Experiment, timing: &Timing, mut events: UnboundedReceiver<Told>) {
    let mut live = Live::new(experiment, timing);
    let lines = terminal.live.then(|| Lines::begin(LINES));
    let mut begun = Instant::now();
    let mut tick = interval(DRAWN);
    loop {
        tokio::select! {
            told = events.recv() => {
                let Some(told) = told else { break };
                // Events arrive late, never early, so the earliest start that any of them implies is the best estimate.
                if let Some(at) = live.take(told)
                    && let Some(earlier) = Instant::now().checked_sub(at)
                {
                    begun = begun.min(earlier);
                }
            }
            _ = tick.tick() => {
                if let Some(lines) = &lines {
                    lines.draw(&live.lines(begun.elapsed()));
                }
            }
        }
        if lines.is_none() {
            live.plain(begun.elapsed()).iter().for_each(|line| terminal.say(line));
        }
    }
    if let Some(lines) = lines {
        lines.end(&live.lines(begun.elapsed()));
    }
}

/// What a drill has reported so far.
#[derive(Debug)]
pub struct Live {
    so_far: Recording,
    timing: Timing,
    phases: Vec<Phase>,
    /// Region by what the pattern matched.
    owners: BTreeMap<String, String>,
    notes: Vec<String>,
    due: Vec<String>,
    told: Duration,
    over: Option<Duration>,
}

/// A phase that has begun.
#[derive(Debug)]
struct Phase {
    name: &'static str,
    from: Duration,
    /// Zero of its times: the accepted write, if there is one.
    counts_from: Duration,
    planned: Duration,
    first_sample: usize,
}

/// Number of answers by who gave them, in the order shown.
type Answers<'a> = Vec<(&'a str, u64)>;

impl Live {
    /// A drill before its first request.
    pub fn new(experiment: &Experiment, timing: &Timing) -> Self {
        Self {
            timing: timing.clone(),
            so_far: Recording::begin(experiment.clone(), Timestamp::UNIX_EPOCH),
            phases: Vec::new(),
            owners: BTreeMap::new(),
            notes: Vec::new(),
            due: Vec::new(),
            told: Duration::ZERO,
            over: None,
        }
    }

    /// Takes an event. Returns when it happened, if it says so.
    pub fn take(&mut self, told: Told) -> Option<Duration> {
        match told {
            Told::Mark(mark, at) => {
                self.mark(mark, at);
                Some(at)
            }
            Told::Sample(sample, _) => {
                let at = sample.at;
                self.so_far.samples.push(sample);
                Some(at)
            }
            Told::Reading(reading) => {
                let at = reading.at;
                self.so_far.readings.push(reading);
                self.owners = owners(&self.so_far);
                Some(at)
            }
            Told::Note(text) => {
                self.due.push(format!("note: {text}"));
                self.notes.push(text);
                None
            }
        }
    }

    fn mark(&mut self, mark: Mark, at: Duration) {
        self.so_far.marks.push((mark, at));
        let hypothesis = &self.so_far.experiment.hypothesis;
        let (name, planned) = match mark {
            Mark::Baseline => ("baseline", self.timing.baseline),
            Mark::FaultAsked => ("fault", hypothesis.failover_within),
            Mark::Hold => ("hold", self.timing.hold),
            // Before the fault there is nothing to put back.
            Mark::RestoreAsked | Mark::RestoreAccepted if self.phases.len() < 2 => return,
            Mark::RestoreAsked => ("after", hypothesis.failback_within.max(self.timing.longest_ejection)),
            Mark::FaultAccepted => return self.accepted(at, "fault: accepted by the API server"),
            Mark::RestoreAccepted => return self.accepted(at, "after: restore accepted by the API server"),
            Mark::End => {
                self.close(at);
                self.over = Some(at);
                return;
            }
        };
        self.close(at);
        self.phases.push(Phase { name, from: at, counts_from: at, planned, first_sample: self.so_far.samples.len() });
        self.told = at;
    }

    fn accepted(&mut self, at: Duration, line: &str) {
        if let Some(phase) = self.phases.last_mut() {
            phase.counts_from = at;
        }
        self.due.push(line.to_owned());
    }

    /// Reports on the phase that ends now.
    fn close(&mut self, at: Duration) {
        if let (Some(index), None) = (self.phases.len().checked_sub(1), self.over) {
            let line = self.plain_line(index, at, true);
            self.due.push(line);
        }
    }

    /// The lines on a terminal: one per phase that has begun, and the latest notes.
    pub fn lines(&self, now: Duration) -> Vec<String> {
        let phases = (0..self.phases.len()).map(|index| self.line(index, now));
        let notes =
            self.notes.iter().skip(self.notes.len().saturating_sub(NOTES)).map(|note| format!("           {note}"));
        phases.chain(notes).map(|line| shortened(&line, COLUMNS)).collect()
    }

    /// The lines that are due if nothing can be drawn: one for each phase that ends and each note, and one every five
    /// seconds.
    pub fn plain(&mut self, now: Duration) -> Vec<String> {
        let mut lines = std::mem::take(&mut self.due);
        if let (Some(index), None) = (self.phases.len().checked_sub(1), self.over)
            && now.saturating_sub(self.told) >= REMINDER
        {
            self.told = now;
            lines.push(self.plain_line(index, now, false));
        }
        lines
    }

    /// When a phase ended, if it has.
    fn end(&self, index: usize) -> Option<Duration> {
        self.phases.get(index + 1).map(|next| next.from).or(self.over)
    }

    fn of(&self, index: usize) -> &[Sample] {
        let from = self.phases[index].first_sample.min(self.so_far.samples.len());
        let to = self.phases.get(index + 1).map_or(self.so_far.samples.len(), |next| next.first_sample);
        &self.so_far.samples[from..to.max(from)]
    }

    fn line(&self, index: usize, now: Duration) -> String {
        let phase = &self.phases[index];
        let end = self.end(index);
        let elapsed = end.unwrap_or(now).saturating_sub(phase.from);
        let running = end.is_none();
        let samples = self.of(index);
        let shown = if running { Self::recent(samples, now) } else { samples };
        let errors = samples.iter().filter(|sample| sample.outcome.is_failure()).count();
        let mut parts = vec![
            format!("{:<8}", phase.name),
            format!("{} {:>5}", bar(elapsed, phase.planned, running), format!("{:.0} s", elapsed.as_secs_f64())),
        ];
        let shares = self.shares(shown, running);
        parts.extend(shares.into_iter().map(|(name, percent)| format!("{name} {percent:>3.0} %")));
        parts.push(count(errors, "error"));
        parts.extend(self.moment(index));
        format!(" {}", parts.join("  "))
    }

    fn plain_line(&self, index: usize, now: Duration, done: bool) -> String {
        let phase = &self.phases[index];
        let samples = self.of(index);
        let shown = if done { samples } else { Self::recent(samples, now) };
        let errors = samples.iter().filter(|sample| sample.outcome.is_failure()).count();
        let elapsed = format!("{:.0} s", now.saturating_sub(phase.from).as_secs_f64());
        let mut parts = vec![if done { format!("done after {elapsed}") } else { elapsed }];
        let shares = self.shares(shown, !done);
        parts.extend(shares.into_iter().map(|(name, percent)| format!("{name} {percent:.0} %")));
        parts.push(count(errors, "error"));
        parts.extend(self.moment(index));
        format!("{}: {}", phase.name, parts.join(", "))
    }

    fn recent(samples: &[Sample], now: Duration) -> &[Sample] {
        let begin = now.saturating_sub(RECENT);
        let older = samples.iter().rev().take_while(|sample| sample.at > begin).count();
        &samples[samples.len() - older..]
    }

    /// Percent by who answered, of all requests: failed ones are missing to a hundred.
    fn shares(&self, samples: &[Sample], running: bool) -> Vec<(String, f64)> {
        if samples.is_empty() {
            return Vec::new();
        }
        let mut answers = self.answers(samples);
        if answers.iter().all(|(_, number)| *number == 0) && running {
            answers = self.counted();
        }
        let told: u64 = answers.iter().map(|(_, number)| number).sum();
        let failed = u64::try_from(samples.iter().filter(|sample| sample.outcome.is_failure()).count()).unwrap_or(0);
        let all = told.saturating_add(failed);
        answers.iter().map(|(region, number)| (self.named(region), share(*number, all) * 100.0)).collect()
    }

    /// Answers by region, the two sides first; an answer whose region is not known yet counts under its own text.
    fn answers<'s>(&'s self, samples: &'s [Sample]) -> Answers<'s> {
        let sides = [self.so_far.experiment.failed.region.as_str(), self.so_far.experiment.target.region.as_str()];
        let mut answers: Answers<'s> = sides.into_iter().map(|side| (side, 0)).collect();
        let texts = samples
            .iter()
            .filter(|sample| !sample.outcome.is_failure())
            .filter_map(|sample| sample.answered_by.as_deref());
        for region in texts.map(|text| self.owners.get(text).map_or(text, String::as_str)) {
            match answers.iter_mut().find(|(name, _)| *name == region) {
                Some((_, number)) => *number += 1,
                None => answers.push((region, 1)),
            }
        }
        answers
    }

    /// Successes by region between the last two readings, if answers have no text.
    fn counted(&self) -> Answers<'_> {
        let sides = [self.so_far.experiment.failed.region.as_str(), self.so_far.experiment.target.region.as_str()];
        let mut answers: Answers<'_> = sides.into_iter().map(|side| (side, 0)).collect();
        let [.., earlier, later] = self.so_far.readings.as_slice() else { return answers };
        for (region, more) in later.successes_since(earlier) {
            match answers.iter_mut().find(|(name, _)| *name == region) {
                Some((_, number)) => *number = number.saturating_add(more),
                None => answers.push((region, more)),
            }
        }
        answers
    }

    /// The cluster, if the region is one of the two sides', else the region itself.
    fn named(&self, region: &str) -> String {
        let sides = [&self.so_far.experiment.failed, &self.so_far.experiment.target];
        let side = sides.into_iter().find(|side| side.region == region);
        shortened(side.map_or(region, |side| side.cluster.as_str()), NAME)
    }

    /// What is notable in a phase: the first answer from elsewhere during the fault, or the failed region's first
    /// answer after it.
    fn moment(&self, index: usize) -> Option<String> {
        let phase = &self.phases[index];
        let failed_region = self.so_far.experiment.failed.region.as_str();
        let wanted = |region: &str| match phase.name {
            "fault" => region != failed_region,
            "after" => region == failed_region,
            _ => false,
        };
        let (sample, region) = self
            .of(index)
            .iter()
            .filter(|sample| !sample.outcome.is_failure())
            .filter_map(|sample| Some((sample, self.owners.get(sample.answered_by.as_deref()?)?)))
            .find(|(_, region)| wanted(region))?;
        let after = sample.at.saturating_sub(phase.counts_from).as_secs_f64() * 1000.0;
        Some(format!("{} answers after {}", self.named(region), seconds(after)))
    }
}

/// How much of the planned time has passed; full for a phase that has ended.
fn bar(elapsed: Duration, planned: Duration, running: bool) -> String {
    let part = if planned.is_zero() { 1.0 } else { (elapsed.as_secs_f64() / planned.as_secs_f64()).min(1.0) };
    let filled = if running { (1..=20_u8).take_while(|step| f64::from(*step) <= part * 20.0).count() } else { BAR };
    "█".repeat(filled) + &"░".repeat(BAR - filled)
}

#[cfg(test)]
mod tests;
