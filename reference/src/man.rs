//! Man pages: section 1, one per verb.

use std::collections::BTreeMap;

use clap::Command;
use mesh_shared::plugin::text::wrapped;
use roff::{Roff, bold, italic, roman};

use crate::pages::{Flag, Group, Page, pages};

/// Widest line of the source.
const LINE: usize = 72;

/// The man pages of a command and of every visible verb below it, each by the name of its file, such as
/// `kubectl-mesh-mc-join.1`. They hold neither a date nor a version: built anywhere at any time they are the same.
pub fn man_pages(command: &Command) -> BTreeMap<String, String> {
    let all = pages(command);
    all.iter().map(|page| (format!("{}.1", name(&page.line)), render(page, &all))).collect()
}

fn name(line: &str) -> String {
    line.replace(' ', "-")
}

fn render(page: &Page, all: &[Page]) -> String {
    let mut roff = Roff::new();
    let title = name(&page.line);
    // No date, and no name of the manual between the titles, for which the longer ones leave no room.
    roff.control("TH", [title.to_uppercase().as_str(), "1", "\"\"", "kubectl plugins", "\"\""]);
    roff.control("SH", ["NAME"]);
    text(&mut roff, &format!("{title} - {}", lower_first(&page.about)));
    roff.control("SH", ["SYNOPSIS"]);
    for (index, line) in page.usage.iter().enumerate() {
        if index > 0 {
            roff.control("br", []);
        }
        roff.text([bold(page.line.as_str()), roman(line.strip_prefix(page.line.as_str()).unwrap_or(line))]);
    }
    roff.control("SH", ["DESCRIPTION"]);
    // The first says what the name's line says.
    let told = page.description.get(1..).filter(|rest| !rest.is_empty()).unwrap_or(&page.description);
    paragraphs(&mut roff, told, "PP");
    if !page.verbs.is_empty() {
        roff.control("SH", ["VERBS"]);
        for (verb, about) in &page.verbs {
            roff.control("TP", []);
            roff.text([bold(verb.as_str())]);
            text(&mut roff, about);
        }
    }
    let (arguments, options): (Vec<&Group>, Vec<&Group>) =
        page.groups.iter().partition(|group| group.heading == "Arguments");
    for (heading, groups) in [("ARGUMENTS", arguments), ("OPTIONS", options)] {
        if !groups.is_empty() {
            roff.control("SH", [heading]);
            for group in groups {
                flags(&mut roff, group);
            }
        }
    }
    for (heading, lines) in &page.sections {
        roff.control("SH", [heading.replace("Exit codes", "Exit status").to_uppercase().as_str()]);
        verbatim(&mut roff, lines);
    }
    see_also(&mut roff, page, all);
    ascii(&roff.render())
}

/// Characters beyond ASCII as escapes, which groff and mandoc read in any locale (groff_char(7)).
fn ascii(text: &str) -> String {
    let escaped = |c: char| if c.is_ascii() { c.to_string() } else { format!("\\[u{:04X}]", u32::from(c)) };
    text.chars().map(escaped).collect()
}

fn flags(roff: &mut Roff, group: &Group) {
    if !["Arguments", "Options"].contains(&group.heading.as_str()) {
        roff.control("SS", [group.heading.as_str()]);
    }
    for flag in &group.flags {
        roff.control("TP", []);
        let (flag_itself, value) = flag.form.split_once('<').map_or((flag.form.as_str(), None), |(a, b)| (a, Some(b)));
        match value {
            Some(value) => roff.text([bold(flag_itself), italic(format!("<{value}"))]),
            None => roff.text([bold(flag_itself)]),
        };
        paragraphs(roff, &told(flag), "IP");
    }
}

/// Its text, and its default as the last paragraph.
fn told(flag: &Flag) -> Vec<String> {
    let default = flag.default.as_ref().map(|default| format!("Default: {default}"));
    flag.text.iter().cloned().chain(default).collect()
}

fn paragraphs(roff: &mut Roff, texts: &[String], between: &str) {
    for (index, paragraph) in texts.iter().enumerate() {
        if index > 0 {
            roff.control(between, []);
        }
        text(roff, paragraph);
    }
}

/// Text that flows, in lines that are short enough for those who read the source.
fn text(roff: &mut Roff, text: &str) {
    for line in wrapped(text, LINE) {
        roff.text([roman(line)]);
    }
}

/// Lines as they are, however wide the terminal.
fn verbatim(roff: &mut Roff, lines: &str) {
    roff.control("nf", []);
    for line in lines.lines() {
        roff.text([roman(line)]);
    }
    roff.control("fi", []);
}

/// The plugin's other pages that are nearest: the one above and those below.
fn see_also(roff: &mut Roff, page: &Page, all: &[Page]) {
    let depth = |line: &str| line.split(' ').count();
    let is_near = |other: &&Page| {
        let (one, two) = (depth(&page.line), depth(&other.line));
        (two + 1 == one && page.line.starts_with(&other.line)) || (one + 1 == two && other.line.starts_with(&page.line))
    };
    let near: Vec<String> = all.iter().filter(is_near).map(|other| format!("{}(1)", name(&other.line))).collect();
    roff.control("SH", ["SEE ALSO"]);
    text(roff, &near.into_iter().chain(["kubectl(1)".to_owned()]).collect::<Vec<_>>().join(", "));
}

fn lower_first(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map(|first| first.to_lowercase().chain(characters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::tests::command;

    #[test]
    fn a_page_tells_all_of_a_verb() {
        let all = man_pages(&command());
        assert_eq!(all.keys().collect::<Vec<_>>(), ["kubectl-plugin-recover.1", "kubectl-plugin.1"]);
        insta::assert_snapshot!(all["kubectl-plugin-recover.1"]);
    }
}
