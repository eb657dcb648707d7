//! The report on a terminal: verdict, why, figures, proof that everything was put back. At most 100 columns, except for
//! commands.

use mesh_shared::plugin::terminal::Terminal;
use mesh_shared::plugin::text::wrapped;

use super::document::{Document, Verdict};
use super::figure_rows;
use crate::drill::recording::PutBack;

const COLUMNS: usize = 100;

/// Indentation of texts: two spaces, a label of at most nine letters, and two more spaces.
const INDENT: usize = 13;

/// The report in lines. The verdict is a word, which colour only highlights.
pub fn render(document: &Document, terminal: Terminal) -> String {
    let verdict = word(document.verdict);
    let shown = match document.verdict {
        Verdict::Held => terminal.strong(verdict),
        Verdict::Failed | Verdict::Stopped | Verdict::NotRestored => terminal.alarm(verdict),
    };
    let mut lines = Vec::new();
    for (index, line) in wrapped(&document.headline, COLUMNS - verdict.len() - 2).into_iter().enumerate() {
        lines.push(if index == 0 { format!("{shown}  {line}") } else { format!("{:1$}{line}", "", verdict.len() + 2) });
    }
    for reason in &document.reasons {
        lines.extend(labelled("why", &reason.why));
        lines.extend(reason.remedy.iter().flat_map(|remedy| labelled("do", remedy)));
    }
    for row in figure_rows::rows(document) {
        lines.extend(figure(row.name, &row.value, &row.told));
    }
    if let Some(counters) = &document.counters {
        let verb = if counters.agrees { "agree" } else { "DIFFER from the drill's" };
        lines.extend(labelled("counters", &format!("the client proxy's {verb}: {}", counters.told)));
        if !counters.ejected.is_empty() {
            lines.extend(labelled("ejected", &counters.ejected.join(", ")));
        }
    }
    lines.extend(document.put_back.iter().flat_map(put_back));
    for note in &document.notes {
        lines.extend(labelled(&note.severity.to_string(), &format!("{note} [{}]", note.code)));
    }
    lines.join("\n") + "\n"
}

/// The verdict as a word.
pub fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Held => "HELD",
        Verdict::Failed => "FAILED",
        Verdict::Stopped => "STOPPED",
        Verdict::NotRestored => "NOT RESTORED",
    }
}

/// The proof; what was not put back is among the reasons.
fn put_back(field: &PutBack) -> Vec<String> {
    let PutBack { object, field: name, after, restored, .. } = field;
    if !restored {
        return Vec::new();
    }
    labelled("put back", &format!("{object}: {name} {after} as before, verified"))
}

/// A label and a text, in as many lines as needed. A command is not wrapped, so that it can be copied.
fn labelled(label: &str, text: &str) -> Vec<String> {
    if text.starts_with("kubectl ") {
        return vec![line(label, text)];
    }
    let lines = wrapped(text, COLUMNS - INDENT);
    lines.iter().enumerate().map(|(index, text)| line(if index == 0 { label } else { "" }, text)).collect()
}

/// The same for a figure: its value, and in a column beside it the parts that three blanks separate.
fn figure(label: &str, value: &str, told: &str) -> Vec<String> {
    const GAP: &str = "   ";
    const VALUE: usize = 6;
    let mut parts: Vec<String> = Vec::new();
    let most = COLUMNS - INDENT - value.chars().count().max(VALUE) - GAP.len();
    for part in told.split(GAP).filter(|part| !part.is_empty()) {
        match parts.last_mut() {
            Some(last) if last.chars().count() + GAP.len() + part.chars().count() <= most => {
                last.push_str(GAP);
                last.push_str(part);
            }
            _ => parts.extend(wrapped(part, most)),
        }
    }
    let mut lines = vec![format!("{value:<VALUE$}{GAP}{}", parts.first().map_or("", String::as_str))];
    lines.extend(parts.iter().skip(1).map(|part| format!("{:VALUE$}{GAP}{part}", "")));
    lines.iter().enumerate().map(|(index, text)| line(if index == 0 { label } else { "" }, text.trim_end())).collect()
}

fn line(label: &str, text: &str) -> String {
    format!("  {label:<9}  {text}")
}

#[cfg(test)]
mod tests {
    use mesh_shared::plugin::terminal::Terminal;

    use crate::drill::report::document::Document;
    use crate::drill::report::sample_documents;

    fn render(document: &Document) -> String {
        super::render(document, Terminal { live: false, asks: false, colour: false })
    }

    #[test]
    fn a_figure_of_several_lines_keeps_its_columns() {
        let told =
            "from then on at least 99 % from asia-southeast-1; last answer of europe-central-1 after 0.24 s   p99";
        insta::assert_snapshot!(super::figure("failover", "3 s", told).join("\n"), @r"
          failover   3 s      from then on at least 99 % from asia-southeast-1; last answer of
                              europe-central-1 after 0.24 s   p99
        ");
    }

    #[test]
    fn a_drill_that_held() {
        insta::assert_snapshot!(render(&sample_documents::held()), @r"
        HELD  helloworld.sample failed over from east to west and came back.
          detection  0.26 s   first answer from west-1 after the fault was accepted
          failover   0.26 s   from then on at least 99 % from west-1; last answer of east-1 after 0.24 s
          failback   3 s      after the restore was accepted: from then on as before the fault
          failed     0 of 1,500 requests
          latency    p50 1.2 → 2 → 1.2 ms   p99 1.2 → 2 → 2 ms   (baseline → hold → after)
          traffic    50 requests/s   time resolution 20 ms
          counters   the client proxy's agree: it counted 1,488 answers and 0 failed attempts, we 1,500 and
                     0
          put back   Deployment sample/helloworld-v1 in east: replicas 1 as before, verified
          note       scaling to zero takes the endpoints away: it does not show that outlier detection
                     ejects hosts that fail (--fault upstream-errors does) [report/fault-limits]
        ");
    }

    #[test]
    fn a_drill_in_which_nothing_was_ejected() {
        insta::assert_snapshot!(render(&sample_documents::never_ejected()), @r"
        FAILED  helloworld.sample did not fail over: 600 of 600 requests failed, none reached west.
          why        rule helloworld ejects at most 10 % of 2 hosts, which is less than one
                     (maxEjectionPercent, default)
          do         kubectl mesh-failover locality apply helloworld.sample --failover east-1=west-1
          detection  0.02 s   first failed request after the fault was accepted
          failback   0.02 s   after the restore was accepted: from then on as before the fault
          failed     600 of 1,350 requests   44.4 % of the whole drill
          latency    p50 1.2 → 1.2 ms   p99 1.2 → 1.2 ms   (baseline → after)
          traffic    50 requests/s   time resolution 20 ms
          counters   the client proxy's agree: it counted 750 answers and 600 failed attempts, we 750 and
                     600
          put back   EnvoyFilter sample/mesh-failover-drill-helloworld in east: the EnvoyFilter itself
                     absent as before, verified
        ");
    }

    #[test]
    fn a_drill_that_is_not_put_back() {
        insta::assert_snapshot!(render(&sample_documents::not_restored()), @r"
        NOT RESTORED  helloworld.sample: Deployment sample/helloworld-v1 in east was not put back: replicas
                      is 3, not 1.
          why        Deployment sample/helloworld-v1 in east: replicas was 1, is 3: someone else scaled it
          do         kubectl mesh-failover drill recover helloworld.sample --contexts east
          detection  0.26 s   first answer from west-1 after the fault was accepted
          failover   0.26 s   from then on at least 99 % from west-1; last answer of east-1 after 0.24 s
          failback   3 s      after the restore was accepted: from then on as before the fault
          failed     0 of 1,500 requests
          latency    p50 1.2 → 2 → 1.2 ms   p99 1.2 → 2 → 2 ms   (baseline → hold → after)
          traffic    50 requests/s   time resolution 20 ms
          counters   the client proxy's agree: it counted 1,488 answers and 0 failed attempts, we 1,500 and
                     0
          put back   Deployment sample/helloworld-v1 in east: replicas 1 as before, verified
          note       scaling to zero takes the endpoints away: it does not show that outlier detection
                     ejects hosts that fail (--fault upstream-errors does) [report/fault-limits]
        ");
    }

    #[test]
    fn a_drill_that_was_stopped() {
        insta::assert_snapshot!(render(&sample_documents::stopped()), @r"
        STOPPED  The drill of helloworld.sample was stopped by SIGINT; everything was put back.
          detection  0.26 s   first answer from west-1 after the fault was accepted
          failed     0 of 592 requests
          latency    p50 1.2 → 2 → 2 ms   p99 1.2 → 2 → 2 ms   (baseline → fault → after)
          traffic    50 requests/s   time resolution 20 ms
          counters   the client proxy's agree: it counted 563 answers and 0 failed attempts, we 575 and 0
          put back   Deployment sample/helloworld-v1 in east: replicas 1 as before, verified
          note       p99 of a phase with fewer than 100 requests is its slowest one [report/few-requests]
          note       scaling to zero takes the endpoints away: it does not show that outlier detection
                     ejects hosts that fail (--fault upstream-errors does) [report/fault-limits]
        ");
    }

    #[test]
    fn no_line_but_a_command_is_wider_than_the_terminal() {
        for (name, document) in sample_documents::all() {
            for line in render(&document).lines().filter(|line| !line.contains("kubectl ")) {
                let words = line.split_whitespace().map(|word| word.chars().count()).max().unwrap_or(0);
                assert!(line.chars().count() <= 100.max(words + 14), "{name}: {line}");
            }
        }
    }
}
