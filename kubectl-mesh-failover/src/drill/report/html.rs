//! The report as one HTML page: verdict first, one picture, then the tables. It needs no script, font or request,
//! follows the reader's light or dark mode, and can be printed.

use jiff::Timestamp;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use mesh_shared::plugin::text::{count, grouped};

use super::document::{Document, Verdict};
use super::text::word;
use super::wording::seconds;

mod labels;
mod layers;
mod picture;
mod scale;
mod tables;

/// The page. [`html!`] escapes everything that is not ours.
pub fn render(document: &Document) -> String {
    let service = &document.experiment.service;
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'";
                title { (word(document.verdict)) ": drill of " (service) }
                style { (PreEscaped(include_str!("html/style.css"))) }
            }
            body {
                main {
                    (verdict(document))
                    (reasons(document))
                    (timeline(document))
                    (tables::figures(document))
                    (tables::hypothesis(document))
                    (tables::phases(document))
                    (tables::put_back(document))
                    (tables::counters(document))
                    (notes(document))
                    (tables::experiment(document))
                }
                footer {
                    "kubectl mesh-failover " (document.version) " · " (document.schema) " · begun "
                    (moment(document.started)) ", ended " (moment(document.ended))
                }
            }
        }
    }
    .into_string()
}

/// CSS class and sign of a verdict; the word is next to the sign.
fn sign(verdict: Verdict) -> (&'static str, &'static str) {
    match verdict {
        Verdict::Held => ("held", "✓"),
        Verdict::Failed => ("failed", "✗"),
        Verdict::Stopped => ("stopped", "■"),
        Verdict::NotRestored => ("failed", "!"),
    }
}

fn verdict(document: &Document) -> Markup {
    let (class, sign) = sign(document.verdict);
    let experiment = &document.experiment;
    html! {
        header.verdict.(class) {
            p.badge { span aria-hidden="true" { (sign) } " " (word(document.verdict)) }
            h1 { (document.headline) }
            p.soft {
                (experiment.fault.kind().title()) " in " (experiment.failed.cluster)
                " · requests from " (experiment.client.workload) " in " (experiment.client.cluster)
                " · " (moment(document.started))
            }
            (key_figures(document))
        }
    }
}

fn key_figures(document: &Document) -> Markup {
    let figures = &document.figures;
    let missed =
        |name: &str| document.hypothesis.iter().any(|part| part.name.starts_with(name) && part.held == Some(false));
    let time = |name: &str, time: Option<f64>| match time {
        Some(time) => seconds(time),
        None if missed(name) => "not reached".into(),
        None => "—".into(),
    };
    let restored = document.put_back.iter().filter(|field| field.restored).count();
    let back = match (restored, document.put_back.len()) {
        (_, 0) if document.verdict == Verdict::NotRestored => "no".to_owned(),
        (_, 0) => "nothing changed".to_owned(),
        (some, all) if some == all => "yes, verified".to_owned(),
        (some, all) => format!("{some} of {all}"),
    };
    let tiles = [
        ("Failover", time("failover", figures.failover_ms)),
        ("Failed requests", format!("{} of {}", grouped(figures.failed), grouped(figures.requests))),
        ("Failback", time("failback", figures.failback_ms)),
        ("Put back", back),
    ];
    html! {
        dl.key {
            @for (name, value) in tiles {
                div { dt { (name) } dd { (value) } }
            }
        }
    }
}

fn reasons(document: &Document) -> Markup {
    html! {
        @if !document.reasons.is_empty() {
            section.why {
                h2 { "Why" }
                ul {
                    @for reason in &document.reasons {
                        li {
                            p { (reason.why) }
                            @if let Some(remedy) = &reason.remedy {
                                @if remedy.starts_with("kubectl ") {
                                    p.do { span { "Do: " } code { (remedy) } }
                                } @else {
                                    p.do { span { "Do: " } (remedy) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn timeline(document: &Document) -> Markup {
    html! {
        section {
            h2 { "What happened" }
            @if document.timeline.slices.is_empty() {
                p { "No request was recorded." }
            } @else {
                figure {
                    (picture::legend(document))
                    (picture::draw(document, &picture::WIDE))
                    (picture::draw(document, &picture::NARROW))
                    figcaption.soft {
                        "Requests per second by who answered, in slices of " (seconds(document.timeline.width_ms))
                        ". Times count from the drill's start."
                    }
                }
            }
        }
    }
}

fn notes(document: &Document) -> Markup {
    html! {
        @if !document.notes.is_empty() {
            section {
                h2 { "Notes on the figures" }
                ul { @for note in &document.notes { li { (note) " " code { (note.code) } } } }
            }
        }
    }
}

/// Such as `24 November 2026, 21:40:00 UTC`.
fn moment(at: Timestamp) -> String {
    at.strftime("%-d %B %Y, %H:%M:%S UTC").to_string()
}

/// Such as `baseline: 500 requests, none failed`.
fn in_words(phase: &super::document::Phase) -> String {
    let failed = if phase.failed == 0 { "none".into() } else { grouped(phase.failed) };
    let answers: Vec<String> =
        phase.answers.iter().map(|(region, answers)| format!("{} by {region}", grouped(*answers))).collect();
    let answers = if answers.is_empty() { String::new() } else { format!(", answered {}", answers.join(" and ")) };
    format!("{}: {}{answers}, {failed} failed", phase.name, count(phase.requests, "request"))
}

#[cfg(test)]
mod tests {
    use crate::drill::report::sample_documents;

    #[test]
    fn a_page_needs_nothing_from_elsewhere_and_no_script() {
        for (name, document) in sample_documents::all() {
            let page = super::render(&document);
            for foreign in
                ["src=", "href=", "url(", "@import", "<script", "<img", "<iframe", "<object", " onerror=alert"]
            {
                let without_text = page.replace("&lt;img src=x onerror=alert(3)&gt;", "").replace("url(#", "");
                assert!(!without_text.contains(foreign), "{name}: {foreign}");
            }
        }
    }

    #[test]
    fn what_comes_from_a_cluster_stays_text() {
        let page = super::render(&sample_documents::long_and_hostile());
        assert_eq!(page.matches("<script").count(), 0);
        assert_eq!(page.matches("</style>").count(), 1);
        assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
        assert!(page.contains("&quot;&gt;&lt;script&gt;alert(2)"));
    }

    #[test]
    fn the_verdict_comes_before_the_picture_and_the_picture_before_the_tables() {
        for (name, document) in
            sample_documents::all().into_iter().filter(|(_, document)| !document.timeline.slices.is_empty())
        {
            let page = super::render(&document);
            let places = ["<h1>", "<svg", "<table"].map(|part| page.find(part).unwrap());
            assert!(places.is_sorted(), "{name}");
        }
    }

    #[test]
    fn every_picture_has_a_title_and_a_description_and_every_table_heads() {
        for (name, document) in sample_documents::all() {
            let page = super::render(&document);
            assert_eq!(page.matches("role=\"img\"").count(), page.matches("<desc ").count(), "{name}");
            assert_eq!(page.matches("<th").count() - page.matches("<thead").count(), page.matches("scope=").count());
        }
    }

    #[test]
    fn a_document_has_one_page_and_every_element_is_closed() {
        for (name, document) in sample_documents::all() {
            let page = super::render(&document);
            assert_eq!(page, super::render(&document), "{name}");
            for element in ["svg", "g", "rect", "path", "text", "table", "tr", "td", "th", "section", "dl"] {
                let opened =
                    page.matches(&format!("<{element} ")).count() + page.matches(&format!("<{element}>")).count();
                assert_eq!(opened, page.matches(&format!("</{element}>")).count(), "{name}: {element}");
            }
        }
    }

    /// With `DRILL_PAGES` set to a folder, the pages of all cases are written there for inspection.
    #[test]
    fn every_case_fits_a_page_that_can_be_sent_by_mail() {
        let folder = std::env::var_os("DRILL_PAGES").map(std::path::PathBuf::from);
        for (name, document) in sample_documents::all() {
            let page = super::render(&document);
            assert!(page.len() < 200_000, "{name}: {}", page.len());
            if let Some(folder) = &folder {
                std::fs::write(folder.join(format!("{name}.html")), page).unwrap();
            }
        }
    }
}
