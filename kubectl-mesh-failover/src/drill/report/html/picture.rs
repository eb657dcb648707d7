//! The picture: requests per second over time, stacked by who answered, failed ones in front, with phases as bands and
//! moments marked.

use maud::{Markup, html};
use mesh_shared::plugin::text::grouped;

use super::labels;
use super::labels::Label;
use super::layers::{Layer, layers, regions};
use super::scale::{Bar, Scale, bars, place, ticks};
use crate::drill::report::document::Document;
use crate::drill::report::wording::seconds;

/// A size of the picture. Text does not scale with the page, so each page width needs a picture of its own.
pub struct Frame {
    /// Distinguishes the pictures of one page, and is their class in the style sheet.
    name: &'static str,
    width: f64,
    plot: f64,
    left: f64,
    letter: f64,
    times: f64,
}

/// For a screen, and for print.
pub const WIDE: Frame = Frame { name: "wide", width: 1040.0, plot: 260.0, left: 44.0, letter: 6.9, times: 8.0 };

/// For a phone.
pub const NARROW: Frame = Frame { name: "narrow", width: 340.0, plot: 190.0, left: 32.0, letter: 6.9, times: 4.0 };

/// Height of a row of text.
const ROW: f64 = 17.0;

/// What the colours mean, with the number of requests for each.
pub fn legend(document: &Document) -> Markup {
    let answers = |region: &str| document.phases.iter().filter_map(|phase| phase.answers.get(region)).sum::<u64>();
    html! {
        ul.legend {
            @for (region, class) in regions(document) {
                li { span.swatch.(class) {} (region) " " b { (grouped(answers(region))) } }
            }
            li { span.swatch.rf {} "failed " b { (grouped(document.figures.failed)) } }
        }
    }
}

/// The picture in one size.
pub fn draw(document: &Document, frame: &Frame) -> Markup {
    let bars = bars(document);
    let end = bars.last().map_or(1.0, |bar| bar.to).max(1e-3);
    let rates = ticks(bars.iter().map(Bar::whole).fold(1.0, f64::max), 4.0);
    let right = frame.width - 16.0;
    let along = Scale { left: frame.left, right, top: 0.0, bottom: 1.0, end, most: 1.0 };
    let moments: Vec<(f64, &str)> =
        document.moments.iter().map(|moment| (along.x(moment.at_ms), moment.name.as_str())).collect();
    let labels = labels::place(&moments, frame.left, right, frame.letter);
    let lanes = labels.iter().map(|label| label.lane + 1).max().unwrap_or(0);
    let lanes_height = f64::from(u32::try_from(lanes).unwrap_or(0)) * ROW;
    let names = phase_names(document, &along, frame);
    let second_row = if names.iter().any(|name| name.lane > 0) { ROW } else { 0.0 };
    let top = lanes_height + ROW + second_row + 6.0;
    let bottom = top + frame.plot;
    let scale = Scale { top, bottom, most: rates.last().copied().unwrap_or(1.0), ..along };
    let layers = layers(document, &bars, &scale);
    let height = bottom + 2.0 * ROW + 4.0;
    let (title, desc) = (format!("title-{}", frame.name), format!("desc-{}", frame.name));
    html! {
        svg.(frame.name) viewBox=(format!("0 0 {} {}", place(frame.width), place(height))) role="img"
            aria-labelledby=(format!("{title} {desc}")) {
            title id=(title) { "Requests per second over time, by who answered" }
            desc id=(desc) { (document.phases.iter().map(super::in_words).collect::<Vec<_>>().join("; ")) }
            defs {
                pattern id=(format!("hatch-{}", frame.name)) width="6" height="6" patternUnits="userSpaceOnUse"
                    patternTransform="rotate(45)" {
                    rect.rf width="6" height="6" {}
                    rect.hatch width="2" height="6" {}
                }
            }
            (bands(document, &scale, lanes_height))
            (axes(&scale, &rates, frame))
            (areas(&layers, &bars, &scale, frame))
            (marks(&labels, &scale, lanes_height))
            (inside(&layers, &bars, &scale, frame))
            (named(&names, lanes_height))
        }
    }
}

/// Names of the phases: in their band if they fit, else side by side in a second row.
fn phase_names(document: &Document, scale: &Scale, frame: &Frame) -> Vec<Label> {
    let mut taken = frame.left;
    let mut names = Vec::new();
    for phase in &document.phases {
        let (from, to) = (scale.x(phase.from_ms), scale.x(phase.to_ms));
        let length = labels::width(&phase.name, frame.letter);
        let middle = f64::midpoint(from, to);
        let fits = length + 4.0 <= to - from;
        let start = if fits { middle - length / 2.0 } else { (middle - length / 2.0).max(taken) };
        if !fits {
            taken = start + length + 8.0;
        }
        names.push(Label {
            text: phase.name.clone(),
            at: middle,
            start,
            end: start + length,
            lane: usize::from(!fits),
        });
    }
    let mut limit = scale.right;
    for name in names.iter_mut().rev().filter(|name| name.lane > 0) {
        let length = name.end - name.start;
        name.start = name.start.min(limit - length);
        name.end = name.start + length;
        limit = name.start - 8.0;
    }
    names
}

fn bands(document: &Document, scale: &Scale, above: f64) -> Markup {
    html! {
        @for phase in &document.phases {
            @let (from, to) = (scale.x(phase.from_ms), scale.x(phase.to_ms));
            rect class=(format!("band {}", phase.name)) x=(place(from)) y=(place(above + 2.0))
                width=(place((to - from).max(0.0))) height=(place(scale.bottom - above - 2.0)) {
                title { (super::in_words(phase)) }
            }
        }
    }
}

/// Names of the phases, above the lines of moments.
fn named(names: &[Label], above: f64) -> Markup {
    html! {
        @for name in names {
            @let row = if name.lane == 0 { 1.0 } else { 2.0 };
            text.phase x=(place(f64::midpoint(name.start, name.end))) y=(place(above + row * ROW - 2.0)) text-anchor="middle" {
                (name.text)
            }
        }
    }
}

fn axes(scale: &Scale, rates: &[f64], frame: &Frame) -> Markup {
    html! {
        @for rate in rates {
            @let y = place(scale.y(*rate));
            line.grid x1=(place(scale.left)) x2=(place(scale.right)) y1=(y) y2=(y) {}
            text.tick x=(place(scale.left - 6.0)) y=(place(scale.y(*rate) + 4.0)) text-anchor="end" { (place(*rate)) }
        }
        @for time in ticks(scale.end, frame.times).into_iter().filter(|time| *time <= scale.end) {
            @let x = place(scale.x(time));
            line.axis x1=(x) x2=(x) y1=(place(scale.bottom)) y2=(place(scale.bottom + 5.0)) {}
            @let anchor = if scale.x(time) + 2.5 * frame.letter > frame.width { "end" } else { "middle" };
            text.tick x=(x) y=(place(scale.bottom + ROW)) text-anchor=(anchor) { (time_of(time)) }
        }
        text.tick x=(place(scale.left)) y=(place(scale.bottom + 2.0 * ROW)) { "↑ requests/s   → time from the drill's start" }
    }
}

/// A time on the axis.
fn time_of(milliseconds: f64) -> String {
    if milliseconds == 0.0 { "0".into() } else { seconds(milliseconds) }
}

/// The regions stacked, with failed requests in front.
fn areas(layers: &[Layer<'_>], bars: &[Bar], scale: &Scale, frame: &Frame) -> Markup {
    let hatch = format!("fill:url(#hatch-{})", frame.name);
    html! {
        @for layer in layers {
            @if layer.failed {
                path.failures style=(hatch) d=(layer.outline(bars, scale)) {}
            } @else {
                path class=(layer.class) d=(layer.outline(bars, scale)) {}
            }
        }
        line.axis x1=(place(scale.left)) x2=(place(scale.right)) y1=(place(scale.bottom)) y2=(place(scale.bottom)) {}
    }
}

/// The name of each layer where it is widest, so that the picture can be read without colours.
fn inside(layers: &[Layer<'_>], bars: &[Bar], scale: &Scale, frame: &Frame) -> Markup {
    html! {
        @for layer in layers {
            @let wide = labels::width(layer.name, frame.letter) + 8.0;
            @if let Some((x, y)) = layer.room(bars, scale, wide, ROW) {
                text class=(format!("inside {}", layer.class)) x=(place(x)) y=(place(y + 4.0)) text-anchor="middle" {
                    (layer.name)
                }
            }
        }
    }
}

fn marks(labels: &[Label], scale: &Scale, lanes_height: f64) -> Markup {
    let lane_y = |label: &Label| lanes_height - f64::from(u32::try_from(label.lane).unwrap_or(0)) * ROW;
    html! {
        @for label in labels {
            line.mark x1=(place(label.at)) x2=(place(label.at)) y1=(place(lane_y(label) - ROW + 3.0)) y2=(place(scale.bottom)) {}
        }
        @for label in labels {
            text.moment x=(place(label.start)) y=(place(lane_y(label) - 4.0)) { (label.text) }
        }
    }
}
