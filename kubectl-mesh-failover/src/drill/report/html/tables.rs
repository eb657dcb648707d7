//! The tables of the page.

use maud::{Markup, html};
use mesh_shared::plugin::text::{count, grouped};

use crate::drill::report::document::{Document, Phase};
use crate::drill::report::figure_rows;
use crate::drill::report::wording::{latency_number, percent_of, seconds};

/// The table of figures.
pub fn figures(document: &Document) -> Markup {
    html! {
        section {
            h2 { "Figures" }
            table.figures {
                tbody {
                    @for row in figure_rows::rows(document) {
                        tr { th scope="row" { (row.name) } td.value { (row.value) } td.soft { (row.told) } }
                    }
                }
            }
        }
    }
}

/// The hypothesis, part by part.
pub fn hypothesis(document: &Document) -> Markup {
    let judged = |held: Option<bool>| match held {
        Some(true) => ("held", "✓ held"),
        Some(false) => ("failed", "✗ did not hold"),
        None => ("stopped", "– not judged"),
    };
    html! {
        section {
            h2 { "Hypothesis" }
            table.stack.hypothesis role="table" {
                thead role="rowgroup" {
                    tr role="row" {
                        @for head in ["Part", "Wanted", "Found", "Judgement"] { th scope="col" role="columnheader" { (head) } }
                    }
                }
                tbody role="rowgroup" {
                    @for part in &document.hypothesis {
                        @let (class, word) = judged(part.held);
                        tr role="row" {
                            th scope="row" role="rowheader" { (part.name) }
                            td role="cell" data-label="Wanted" { (part.wanted) }
                            td role="cell" data-label="Found" { (part.found) }
                            td.(class) role="cell" data-label="Judgement" { strong { (word) } }
                        }
                    }
                }
            }
        }
    }
}

/// The phases side by side.
pub fn phases(document: &Document) -> Markup {
    let phases = &document.phases;
    let regions: std::collections::BTreeSet<&String> = phases.iter().flat_map(|phase| phase.answers.keys()).collect();
    let of = |phase: &Phase, region: &String| phase.answers.get(region).copied().unwrap_or(0);
    html! {
        section {
            h2 { "Phases" }
            table.numbers {
                thead { tr { td {} @for phase in phases { th scope="col" { (phase.name) } } } }
                tbody {
                    (line("length", phases, |phase| seconds(phase.to_ms - phase.from_ms)))
                    (line("requests", phases, |phase| grouped(phase.requests)))
                    (line("failed", phases, |phase| grouped(phase.failed)))
                    @for region in regions {
                        (line(&format!("from {region}"), phases, |phase| {
                            let answers = of(phase, region);
                            if answers == 0 { "0".into() } else { percent_of(answers, phase.requests) }
                        }))
                    }
                    (quantile("p50, ms", phases, |latency| latency.p50))
                    (quantile("p95, ms", phases, |latency| latency.p95))
                    (quantile("p99, ms", phases, |latency| latency.p99))
                }
            }
        }
    }
}

fn line(name: &str, phases: &[Phase], value: impl Fn(&Phase) -> String) -> Markup {
    html! { tr { th scope="row" { (name) } @for phase in phases { td { (value(phase)) } } } }
}

fn quantile(name: &str, phases: &[Phase], of: impl Fn(&crate::drill::report::document::Latency) -> f64) -> Markup {
    line(name, phases, |phase| phase.latency.as_ref().map_or_else(|| "—".into(), |latency| latency_number(of(latency))))
}

/// What was changed, and the proof that it was put back.
pub fn put_back(document: &Document) -> Markup {
    html! {
        section {
            h2 { "Changed, and put back" }
            @if document.put_back.is_empty() {
                p { "The drill changed nothing." }
            } @else {
                table.stack.changed role="table" {
                    thead role="rowgroup" {
                        tr role="row" {
                            @for head in ["Object", "Field", "Before", "During", "After, read back", "Put back"] {
                                th scope="col" role="columnheader" { (head) }
                            }
                        }
                    }
                    tbody role="rowgroup" {
                        @for field in &document.put_back {
                            tr role="row" {
                                th scope="row" role="rowheader" { (field.object) }
                                td role="cell" data-label="Field" { (field.field) }
                                td role="cell" data-label="Before" { (field.before) }
                                td role="cell" data-label="During" { (field.during) }
                                td role="cell" data-label="After" { (field.after) }
                                @if field.restored {
                                    td.held role="cell" data-label="Put back" { strong { "✓ yes, verified" } }
                                } @else {
                                    td.failed role="cell" data-label="Put back" {
                                        span { strong { "✗ no" } @if let Some(fault) = &field.fault { ": " (fault) } }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The client proxy's counters, compared with ours.
pub fn counters(document: &Document) -> Markup {
    html! {
        @if let Some(counters) = &document.counters {
            @let regions: std::collections::BTreeSet<&String> = counters.attempts.keys().chain(counters.answers.keys()).collect();
            section {
                h2 { "The client proxy's own counters" }
                p {
                    strong class=(if counters.agrees { "held" } else { "failed" }) {
                        (if counters.agrees { "✓ They agree with the drill's" } else { "✗ They differ from the drill's" })
                    }
                    ": " (counters.told) "."
                }
                table.numbers {
                    thead {
                        tr {
                            th scope="col" { "region" }
                            th scope="col" { "proxy: answers" }
                            th scope="col" { "proxy: failed attempts" }
                            th scope="col" { "drill: answers" }
                        }
                    }
                    tbody {
                        @for region in regions {
                            @let attempts = counters.attempts.get(region).copied().unwrap_or_default();
                            tr {
                                th scope="row" { (region) }
                                td { (grouped(attempts.success)) }
                                td { (grouped(attempts.error)) }
                                td { (grouped(counters.answers.get(region).copied().unwrap_or(0))) }
                            }
                        }
                    }
                }
                @if !counters.ejected.is_empty() {
                    p { "Ejected by outlier detection during the drill: " (counters.ejected.join(", ")) "." }
                }
            }
        }
    }
}

/// The experiment.
pub fn experiment(document: &Document) -> Markup {
    let experiment = &document.experiment;
    let client = &experiment.client;
    let hypothesis = &experiment.hypothesis;
    let time = |time: std::time::Duration| seconds(time.as_secs_f64() * 1000.0);
    let side = |side: &crate::drill::side::Side| {
        let endpoints = count(u64::try_from(side.endpoints).unwrap_or(u64::MAX), "endpoint");
        format!("{} (context {}), region {}, {endpoints}", side.cluster, side.context, side.region)
    };
    let rate = experiment.rate.map_or_else(|| "as fast as the client's curl can".into(), |rate| format!("{rate}/s"));
    let mut facts = vec![
        ("service", experiment.service.host()),
        ("run", format!("{} (its requests have the user agent mesh-failover/{0})", experiment.run)),
        ("fault", experiment.fault.kind().title()),
        ("failed", side(&experiment.failed)),
        ("target", side(&experiment.target)),
        ("workloads", experiment.workloads.join(", ")),
        (
            "client",
            format!("{} in {}, pod {}, container {}", client.workload, client.namespace, client.pod, client.container),
        ),
        ("client runs in", format!("{}, region {}", client.cluster, client.region)),
        ("URL", experiment.url.clone()),
        ("rate", rate),
        ("who answered", experiment.pattern.clone().unwrap_or_else(|| "by the client proxy's counters".into())),
        ("baseline, hold", format!("{}, {}", time(experiment.baseline), time(experiment.hold))),
        ("stop condition", hypothesis.max_errors.map_or_else(|| "none".into(), |most| count(most, "failed request"))),
    ];
    match &experiment.rule {
        None => facts.push(("rule", "none governs the client".into())),
        Some(rule) => {
            let to = rule.failover_to.as_deref().unwrap_or("no region");
            facts.push(("rule", format!("{}, failover to {to}", rule.name)));
            let hosts = count(u64::try_from(rule.hosts).unwrap_or(u64::MAX), "host");
            let detection = if rule.outlier_detection {
                format!(
                    "ejects after {} (0: never), checks every {}, for {} times the number of ejections, at most {} % of {hosts}",
                    count(u64::from(rule.consecutive_5xx), "error"),
                    time(rule.interval),
                    time(rule.base_ejection),
                    rule.max_ejection_percent
                )
            } else {
                "none".into()
            };
            facts.push(("outlier detection", detection));
        }
    }
    html! {
        section {
            h2 { "The experiment" }
            dl.facts {
                @for (name, value) in facts { div { dt { (name) } dd { (value) } } }
            }
        }
    }
}
