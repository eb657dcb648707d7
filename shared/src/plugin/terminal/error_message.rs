//! How every error of both plugins looks.

use super::Terminal;
use crate::plugin::error::{Error, Kind};

/// The error as lines: what, where, why, what to do, what else was refused, and whether anything was written.
pub fn render(error: &Error, terminal: Terminal) -> String {
    let mut blocks: Vec<String> =
        std::iter::once(error).chain(&error.also).map(|error| block(error, terminal).join("\n")).collect();
    if error.kind == Kind::Refused {
        let last = blocks.len() - 1;
        blocks[last].push_str("\nNothing was written.");
    }
    blocks.join("\n\n")
}

fn block(error: &Error, terminal: Terminal) -> Vec<String> {
    let label = error.code.map_or("error:".to_owned(), |code| format!("error[{code}]:"));
    let mut lines = vec![format!("{} {}", terminal.alarm(&label), error.what)];
    let mut field = |label: &str, text: &str| {
        for (index, line) in text.lines().enumerate() {
            lines.push(if index == 0 { format!("  {label:<6} {line}") } else { format!("         {line}") });
        }
    };
    if let Some(place) = &error.place {
        field("where:", place);
    }
    if let Some(why) = &error.why {
        field("why:", why);
    }
    if !error.remedy.is_empty() {
        field("do:", &error.remedy.join("\n"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::finding::codes::{control_plane, trust};
    use crate::plugin::finding::{Findings, Verb};

    #[test]
    fn an_error_tells_where_why_and_what_to_do() {
        let error = Error::refused("clusters trust different roots: east 3f:9a…, west c1:04…")
            .at("Secret cacerts in istio-system")
            .because("workloads of one would refuse the other's certificates")
            .fix("keep one root")
            .fix("kubectl mesh-mc join …");
        let terminal = Terminal { live: false, asks: false, colour: false };
        insta::assert_snapshot!(render(&error, terminal), @r"
        error: clusters trust different roots: east 3f:9a…, west c1:04…
          where: Secret cacerts in istio-system
          why:   workloads of one would refuse the other's certificates
          do:    keep one root
                 kubectl mesh-mc join …
        Nothing was written.
        ");
    }

    #[test]
    fn all_that_was_refused_is_told_each_with_its_code_and_once_that_nothing_was_written() {
        let differ = trust::ROOTS_DIFFER.found("clusters trust different roots").fix("keep one root");
        let operator = control_plane::NO_OPERATOR.found("west has no operator").context("west").fix("install it");
        let found: Findings = [differ, operator].into_iter().collect();
        let terminal = Terminal { live: false, asks: false, colour: false };
        insta::assert_snapshot!(render(&found.refuse(Verb::Join).unwrap_err(), terminal), @r"
        error[trust/roots-differ]: clusters trust different roots
          do:    keep one root

        error[control-plane/no-operator]: west has no operator
          where: context west
          do:    install it
        Nothing was written.
        ");
    }
}
