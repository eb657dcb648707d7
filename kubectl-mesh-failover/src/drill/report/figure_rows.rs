//! The table of figures, the same in every human-readable report.

use mesh_shared::plugin::text::{count, grouped};

use super::document::{Document, Phase};
use super::wording::{latency, latency_number, percent, percent_of, seconds};

/// One figure.
pub struct FigureRow {
    /// Such as `failover`.
    pub name: &'static str,
    /// Such as `0.26 s`.
    pub value: String,
    /// What it means.
    pub told: String,
}

/// The figures of a drill that have a value, in display order.
pub fn rows(document: &Document) -> Vec<FigureRow> {
    let mut rows = times(document);
    rows.extend(requests(document));
    rows
}

fn times(document: &Document) -> Vec<FigureRow> {
    let figures = &document.figures;
    let experiment = &document.experiment;
    let (failed, target) = (&experiment.failed.region, &experiment.target.region);
    let mut rows = Vec::new();
    let mut add = |name, milliseconds: Option<f64>, told: String| {
        if let Some(milliseconds) = milliseconds {
            rows.push(FigureRow { name, value: seconds(milliseconds), told });
        }
    };
    add("detection", figures.first_effect_ms, format!("{} after the fault was accepted", effect(document)));
    let share = percent(experiment.hypothesis.failover_share);
    let before = figures.last_from_failed_ms.map_or_else(String::new, |last| match figures.failover_ms {
        Some(failover) if last <= failover => format!("; last answer of {failed} after {}", seconds(last)),
        _ => String::new(),
    });
    add("failover", figures.failover_ms, format!("from then on at least {share} from {target}{before}"));
    add("failback", figures.failback_ms, "after the restore was accepted: from then on as before the fault".into());
    rows
}

/// What the first effect was.
fn effect(document: &Document) -> String {
    let figures = &document.figures;
    let first = |at: Option<f64>| at.is_some() && at == figures.first_effect_ms;
    if first(figures.first_elsewhere_ms) {
        let named = document.moments.iter().find(|moment| moment.name.starts_with("first answer from "));
        named.map_or_else(|| "first answer from elsewhere".into(), |moment| moment.name.clone())
    } else if first(figures.first_error_ms) {
        "first failed request".into()
    } else {
        "traffic failed over".into()
    }
}

fn requests(document: &Document) -> Vec<FigureRow> {
    let figures = &document.figures;
    let failed = percent_of(figures.failed, figures.requests);
    let mut rows = vec![FigureRow {
        name: "failed",
        value: format!("{} of {}", grouped(figures.failed), count(figures.requests, "request")),
        told: if figures.failed > 0 { format!("{failed} of the whole drill") } else { String::new() },
    }];
    if let Some((p50, p99, phases)) = latencies(document) {
        rows.push(FigureRow { name: "latency", value: format!("p50 {p50}"), told: format!("p99 {p99}   ({phases})") });
    }
    if figures.rate > 0.0 {
        let lost = if figures.lost > 0 { format!(", {} lost", count(figures.lost, "sample")) } else { String::new() };
        rows.push(FigureRow {
            name: "traffic",
            value: format!("{:.0} requests/s", figures.rate),
            told: format!("time resolution {}{lost}", latency(figures.resolution_ms)),
        });
    }
    rows
}

/// p50 and p99 of the baseline, the hold (or the fault, if no hold was reached or nothing answered) and the phase
/// after.
fn latencies(document: &Document) -> Option<(String, String, String)> {
    let named = |name: &str| document.phases.iter().find(|phase| phase.name == name && phase.latency.is_some());
    let phases: Vec<&Phase> =
        [named("baseline"), named("hold").or_else(|| named("fault")), named("after")].into_iter().flatten().collect();
    let joined = |of: &dyn Fn(&Phase) -> String| phases.iter().map(|phase| of(phase)).collect::<Vec<_>>().join(" → ");
    let quantile = |of: &dyn Fn(&super::document::Latency) -> f64| {
        let told =
            joined(&|phase| phase.latency.as_ref().map(|latency| latency_number(of(latency))).unwrap_or_default());
        format!("{told} ms")
    };
    (!phases.is_empty()).then(|| {
        (quantile(&|latency| latency.p50), quantile(&|latency| latency.p99), joined(&|phase| phase.name.clone()))
    })
}
