//! Maps milliseconds and requests per second to coordinates in a picture.

use crate::drill::report::document::{Document, Slice};

/// Coordinates of the plot, in units of the picture's view box.
pub struct Scale {
    /// Left edge of the plot.
    pub left: f64,
    /// Its right edge.
    pub right: f64,
    /// Its upper edge.
    pub top: f64,
    /// Its lower edge.
    pub bottom: f64,
    /// The time at its right edge, in milliseconds.
    pub end: f64,
    /// Requests per second at its upper edge.
    pub most: f64,
}

impl Scale {
    /// The x coordinate of a moment.
    pub fn x(&self, milliseconds: f64) -> f64 {
        self.left + (self.right - self.left) * (milliseconds / self.end).clamp(0.0, 1.0)
    }

    /// The y coordinate of a rate.
    pub fn y(&self, rate: f64) -> f64 {
        self.bottom - (self.bottom - self.top) * (rate / self.most).clamp(0.0, 1.0)
    }
}

/// A slice to be drawn.
pub struct Bar {
    /// Its begin in milliseconds.
    pub from: f64,
    pub to: f64,
    /// The requests that ended in it.
    pub slice: Slice,
}

impl Bar {
    /// A number of its requests as a rate.
    pub fn rate(&self, requests: u64) -> f64 {
        let width = self.to - self.from;
        if width > 0.0 { crate::drill::report::wording::real(requests) * 1000.0 / width } else { 0.0 }
    }

    /// All requests that ended in it, as a rate.
    pub fn whole(&self) -> f64 {
        self.rate(self.slice.failed + self.slice.answers.values().sum::<u64>())
    }
}

/// The slices of a document. The last one ends with the drill, and is merged into the one before if it would be a
/// sliver.
pub fn bars(document: &Document) -> Vec<Bar> {
    let width = document.timeline.width_ms;
    let end = document.phases.iter().map(|phase| phase.to_ms).fold(0.0, f64::max);
    let mut bars: Vec<Bar> = Vec::with_capacity(document.timeline.slices.len());
    let mut from = 0.0;
    for slice in &document.timeline.slices {
        let to = if end > from { (from + width).min(end) } else { from + width };
        match bars.last_mut() {
            Some(before) if to - from < width * 0.6 => {
                before.to = to;
                before.slice.failed += slice.failed;
                for (region, answers) in &slice.answers {
                    *before.slice.answers.entry(region.clone()).or_default() += answers;
                }
            }
            _ => bars.push(Bar { from, to, slice: slice.clone() }),
        }
        from += width;
    }
    bars
}

/// Round values from zero to the first that is not below `most`, in at most `count` steps of 1, 2 or 5 times a power of
/// ten.
pub fn ticks(most: f64, count: f64) -> Vec<f64> {
    let steps = (-3..16).flat_map(|power| [1.0, 2.0, 5.0].map(|digit| digit * 10_f64.powi(power)));
    let step = steps.into_iter().find(|step| most / step <= count).unwrap_or(most.max(1.0));
    let mut ticks = vec![0.0];
    let mut number = 1.0;
    while ticks.last().is_some_and(|last| *last < most) && number <= count + 1.0 {
        ticks.push(step * number);
        number += 1.0;
    }
    ticks
}

/// Formats a number for the picture.
pub fn place(number: f64) -> String {
    let text = format!("{number:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drill::report::sample_documents;

    #[test]
    fn ticks_are_round_and_reach_what_is_drawn() {
        assert_eq!(ticks(50.0, 4.0), [0.0, 20.0, 40.0, 60.0]);
        assert_eq!(ticks(30_040.0, 6.0), [0.0, 10_000.0, 20_000.0, 30_000.0, 40_000.0]);
        assert_eq!(ticks(0.0, 4.0), [0.0]);
    }

    #[test]
    fn a_sliver_at_the_end_is_part_of_the_bar_before_it() {
        let document = sample_documents::held();
        let bars = bars(&document);
        assert_eq!(bars.len(), document.timeline.slices.len() - 1);
        assert!((bars.last().unwrap().whole() - 50.0).abs() < 2.0);
        let drawn: u64 = bars.iter().flat_map(|bar| bar.slice.answers.values()).sum();
        assert_eq!(drawn, document.figures.requests);
    }
}
