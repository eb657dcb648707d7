//! Requests by phase and by slices of time.

use std::time::Duration;

use super::figures::{answers, count, latency, milliseconds};
use super::ordered_recording::OrderedRecording;
use crate::drill::report::document::{Phase, Slice, Timeline};

/// Minimum number of slices, unless the drill was shorter than that many milliseconds; there are at most 2.5 times as
/// many.
const SLICES: u128 = 60;

/// The phases that were reached.
pub fn phases(ordered: &OrderedRecording<'_>) -> Vec<Phase> {
    ordered
        .spans
        .iter()
        .map(|span| {
            let requests = ordered.part(span.part);
            Phase {
                name: span.part.name().to_owned(),
                from_ms: milliseconds(span.from),
                to_ms: milliseconds(span.to),
                requests: count(requests, |_| true),
                failed: count(requests, |request| request.failed),
                answers: answers(requests),
                latency: latency(requests),
            }
        })
        .collect()
}

/// The whole drill in slices of equal width: 1, 2 or 5 times a power of ten milliseconds, the widest that gives
/// [`SLICES`].
pub fn timeline(ordered: &OrderedRecording<'_>) -> Timeline {
    if ordered.requests.is_empty() {
        return Timeline::default();
    }
    let width = width(ordered.end.as_millis());
    let place = |at: Duration| usize::try_from(at.as_millis() / width).unwrap_or(usize::MAX);
    let mut slices = vec![Slice::default(); place(ordered.end) + 1];
    for request in &ordered.requests {
        let Some(slice) = slices.get_mut(place(request.at)) else { continue };
        match request.region {
            Some(region) => *slice.answers.entry(region.to_owned()).or_default() += 1,
            None => slice.failed += 1,
        }
    }
    Timeline { width_ms: u64::try_from(width).map_or(0.0, crate::drill::report::wording::real), slices }
}

fn width(whole: u128) -> u128 {
    let widths = (0..30).flat_map(|power| [1, 2, 5].map(|digit| digit * 10_u128.pow(power)));
    widths.take_while(|width| whole / width >= SLICES).last().unwrap_or(1)
}
