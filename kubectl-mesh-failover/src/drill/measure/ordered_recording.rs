//! A recording put in order: which requests ended when, in which phase, and what was lost in transit.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::drill::recording::{Mark, Recording, Sample};

/// What happened, in chronological order.
pub struct OrderedRecording<'a> {
    /// Requests, each number once and in order; times never go back.
    pub requests: Vec<Request<'a>>,
    /// Missing numbers.
    pub lost: u64,
    /// Samples that were reported more than once; the first report counts.
    pub repeated: u64,
    /// Samples whose time was earlier than that of the number before; they get that one's time.
    pub stepped_back: u64,
    /// The first of each mark; none is earlier than one that comes before it in a drill.
    pub marks: BTreeMap<Mark, Duration>,
    /// Phases that were reached, without a gap from the first request to the end.
    pub spans: Vec<Span>,
    /// When the last thing was reported.
    pub end: Duration,
}

/// One request.
pub struct Request<'a> {
    /// When its end was reported.
    pub at: Duration,
    /// Its phase; a request that ends in the moment in which a phase begins belongs to the one before.
    pub part: Part,
    /// Its sample.
    pub sample: &'a Sample,
    /// [`crate::drill::request_outcome::Outcome::is_failure`].
    pub failed: bool,
    /// Region that answered it; none for a failed request, [`UNKNOWN`] if it is not known.
    pub region: Option<&'a str>,
}

/// The region of an answer whose region is not known.
pub const UNKNOWN: &str = "unknown";

/// A phase of a drill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Until the fault was requested; the whole drill if it never was.
    Baseline,
    /// Until traffic had failed over, or the time for that was over.
    Fault,
    /// Until putting back was requested.
    Hold,
    /// Until the end.
    After,
}

/// The time span of a phase.
pub struct Span {
    pub part: Part,
    pub from: Duration,
    /// Its end, which is the start of the next one.
    pub to: Duration,
}

impl Part {
    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::Fault => "fault",
            Self::Hold => "hold",
            Self::After => "after",
        }
    }
}

impl<'a> OrderedRecording<'a> {
    /// The recording in order, not yet attributed to regions.
    pub fn of(recording: &'a Recording) -> Self {
        let marks = in_order(&recording.marks);
        let mut numbered: BTreeMap<u64, &Sample> = BTreeMap::new();
        for sample in &recording.samples {
            numbered.entry(sample.number).or_insert(sample);
        }
        let mut latest = Duration::ZERO;
        let mut stepped_back = 0;
        let mut requests: Vec<Request<'_>> = Vec::with_capacity(numbered.len());
        for sample in numbered.values() {
            if sample.at < latest {
                stepped_back += 1;
            }
            latest = latest.max(sample.at);
            let failed = sample.outcome.is_failure();
            requests.push(Request { at: latest, part: part_at(&marks, latest), sample, failed, region: None });
        }
        let others = recording.readings.iter().map(|reading| reading.at).chain(marks.values().copied());
        let end = others.fold(latest, Duration::max);
        let highest = numbered.keys().next_back().copied().unwrap_or(0);
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let lost = highest.saturating_sub(count(numbered.len()));
        let repeated = count(recording.samples.len() - numbered.len());
        let spans = spans(&marks, end);
        Self { requests, lost, repeated, stepped_back, marks, spans, end }
    }

    /// From when the fault counts: when its write was accepted, or else when it was sent.
    pub fn fault(&self) -> Option<Duration> {
        self.marks.get(&Mark::FaultAccepted).or_else(|| self.marks.get(&Mark::FaultAsked)).copied()
    }

    /// From when putting back counts: when its write was accepted, or else when it was sent.
    pub fn restore(&self) -> Option<Duration> {
        self.fault()?;
        self.marks.get(&Mark::RestoreAccepted).or_else(|| self.marks.get(&Mark::RestoreAsked)).copied()
    }

    /// The requests of a phase.
    pub fn part(&self, part: Part) -> &[Request<'a>] {
        let from = self.requests.partition_point(|request| request.part < part);
        let to = self.requests.partition_point(|request| request.part <= part);
        &self.requests[from..to]
    }

    /// The requests while the fault was in place.
    pub fn under_fault(&self) -> &[Request<'a>] {
        let from = self.requests.partition_point(|request| request.part < Part::Fault);
        let to = self.requests.partition_point(|request| request.part <= Part::Hold);
        &self.requests[from..to]
    }

    /// The requests since putting back counts.
    pub fn restored(&self) -> &[Request<'a>] {
        match self.restore() {
            Some(restore) => {
                let after = self.part(Part::After);
                &after[after.partition_point(|request| request.at <= restore)..]
            }
            None => &[],
        }
    }
}

fn in_order(seen: &[(Mark, Duration)]) -> BTreeMap<Mark, Duration> {
    let mut marks = BTreeMap::new();
    for (mark, at) in seen {
        marks.entry(*mark).or_insert(*at);
    }
    for (asked, accepted) in [(Mark::FaultAsked, Mark::FaultAccepted), (Mark::RestoreAsked, Mark::RestoreAccepted)] {
        if let Some(at) = marks.get(&accepted).copied() {
            marks.entry(asked).or_insert(at);
        }
    }
    let mut latest = Duration::ZERO;
    for at in marks.values_mut() {
        latest = latest.max(*at);
        *at = latest;
    }
    marks
}

const BEGINS: [(Part, Mark); 3] =
    [(Part::Fault, Mark::FaultAsked), (Part::Hold, Mark::Hold), (Part::After, Mark::RestoreAsked)];

fn part_at(marks: &BTreeMap<Mark, Duration>, at: Duration) -> Part {
    let begun = BEGINS.iter().rev().find(|(_, mark)| marks.get(mark).is_some_and(|begin| *begin < at));
    begun.map_or(Part::Baseline, |(part, _)| *part)
}

fn spans(marks: &BTreeMap<Mark, Duration>, end: Duration) -> Vec<Span> {
    let from = marks.get(&Mark::Baseline).copied().unwrap_or_default();
    let mut spans = vec![Span { part: Part::Baseline, from, to: end }];
    for (part, mark) in BEGINS {
        if let (Some(begin), Some(last)) = (marks.get(&mark), spans.last_mut()) {
            last.to = *begin;
            spans.push(Span { part, from: *begin, to: end });
        }
    }
    spans
}
