//! The layers of the picture: what failed, and who answered.

use std::fmt::Write;
use std::ops::Range;

use super::scale::{Bar, Scale, place};
use crate::drill::report::document::Document;

/// Minimum height of failed requests, so that even one among many is visible.
const LEAST_FAILED: f64 = 3.0;

/// Region of an answer whose region is not known.
const UNKNOWN: &str = "unknown";

/// One layer of the stack, in requests per second at each bar.
pub struct Layer<'a> {
    /// A region, or `failed`.
    pub name: &'a str,
    /// CSS class that sets its colours.
    pub class: String,
    /// Whether it is the failed requests.
    pub failed: bool,
    from: Vec<f64>,
    to: Vec<f64>,
}

/// Who answered, in stacking order, each with its CSS class: the failed region, the target, the others, and unknown.
pub fn regions(document: &Document) -> Vec<(&str, String)> {
    let (failed, target) = (&document.experiment.failed.region, &document.experiment.target.region);
    let mut seen: Vec<&String> = document.phases.iter().flat_map(|phase| phase.answers.keys()).collect();
    seen.sort_by_key(|region| (*region == UNKNOWN, *region != failed, *region != target, *region));
    seen.dedup();
    let class = |(index, region): (usize, &String)| match region {
        region if region == failed => "r0".to_owned(),
        region if region == target => "r1".to_owned(),
        region if region == UNKNOWN => "ru".to_owned(),
        _ => format!("r{}", 2 + index.saturating_sub(2) % 3),
    };
    seen.iter().enumerate().map(|(index, region)| (region.as_str(), class((index, region)))).collect()
}

/// The layers from the lowest to the highest; failed requests are below all others, but come last so that they are
/// drawn in front.
pub fn layers<'a>(document: &'a Document, bars: &[Bar], scale: &Scale) -> Vec<Layer<'a>> {
    let mut base: Vec<f64> = bars.iter().map(|bar| bar.rate(bar.slice.failed)).collect();
    let least = LEAST_FAILED * scale.most / (scale.bottom - scale.top);
    let failures = base.iter().map(|rate| if *rate > 0.0 { rate.max(least) } else { 0.0 }).collect();
    let mut layers = Vec::new();
    for (region, class) in regions(document) {
        let answers = |bar: &Bar| bar.rate(bar.slice.answers.get(region).copied().unwrap_or(0));
        let to: Vec<f64> = bars.iter().zip(&base).map(|(bar, base)| base + answers(bar)).collect();
        layers.push(Layer { name: region, class, failed: false, from: base, to: to.clone() });
        base = to;
    }
    let nothing = vec![0.0; bars.len()];
    layers.push(Layer { name: "failed", class: "rf".into(), failed: true, from: nothing, to: failures });
    layers
}

impl Layer<'_> {
    /// Its outline in steps, omitting bars in which it is empty.
    pub fn outline(&self, bars: &[Bar], scale: &Scale) -> String {
        let mut path = String::new();
        for run in self.runs() {
            let (x, y) = (scale.x(bars[run.start].from), scale.y(self.from[run.start]));
            let _ = write!(path, "M{} {}", place(x), place(y));
            for index in run.clone() {
                let _ = write!(path, "V{}H{}", place(scale.y(self.to[index])), place(scale.x(bars[index].to)));
            }
            for index in run.rev() {
                let _ = write!(path, "V{}H{}", place(scale.y(self.from[index])), place(scale.x(bars[index].from)));
            }
            path.push('Z');
        }
        path
    }

    /// Ranges of adjacent bars in which it is not empty.
    fn runs(&self) -> Vec<Range<usize>> {
        let mut runs: Vec<Range<usize>> = Vec::new();
        for index in (0..self.to.len()).filter(|index| self.to[*index] > self.from[*index]) {
            match runs.last_mut() {
                Some(run) if run.end == index => run.end += 1,
                _ => runs.push(index..index + 1),
            }
        }
        runs
    }

    /// The centre of the widest place in it that is at least `wide` and `tall`.
    pub fn room(&self, bars: &[Bar], scale: &Scale, wide: f64, tall: f64) -> Option<(f64, f64)> {
        let mut best: Option<(f64, (f64, f64))> = None;
        for start in 0..bars.len() {
            let (mut high, mut low) = (f64::NEG_INFINITY, f64::INFINITY);
            for index in start..bars.len() {
                high = high.max(scale.y(self.to[index]));
                low = low.min(scale.y(self.from[index]));
                if low - high < tall {
                    break;
                }
                let (from, to) = (scale.x(bars[start].from), scale.x(bars[index].to));
                if to - from >= wide && best.is_none_or(|(most, _)| to - from > most) {
                    best = Some((to - from, (f64::midpoint(from, to), f64::midpoint(high, low))));
                }
            }
        }
        best.map(|(_, middle)| middle)
    }
}
