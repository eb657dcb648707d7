//! The reference of one plugin: one file in Markdown.

use clap::Command;
use mesh_shared::plugin::terminal::help;
use mesh_shared::plugin::text;

use crate::pages::{Flag, Page, pages};

/// Widest line of prose.
const LINE: usize = 120;

/// All of the plugin's verbs with their flags, defaults, examples and exit codes. What every verb takes comes once, at the
/// end.
pub fn reference(command: &Command) -> String {
    let all = pages(command);
    let Some((plugin, verbs)) = all.split_first() else { return String::new() };
    let mut blocks = vec![heading(plugin), description(plugin), contents(plugin, verbs)];
    blocks.extend(sections(plugin));
    blocks.extend(flags(plugin, false));
    for page in verbs {
        blocks.push(format!("## {}\n{}", page.line, description(page)));
        blocks.push(code(&page.usage.join("\n")));
        blocks.extend(flags(page, false));
        blocks.extend(sections(page));
    }
    blocks.push("## Common to every verb".to_owned());
    blocks.extend(flags(plugin, true));
    blocks.push("Exit codes, where a verb tells none of its own:".to_owned());
    blocks.push(table("exit codes", help::EXIT_CODES));
    blocks.join("\n\n") + "\n"
}

fn heading(plugin: &Page) -> String {
    format!(
        "<!-- Written by `make reference` from the arguments in the sources: change them there. -->\n# {}",
        plugin.line
    )
}

fn contents(plugin: &Page, verbs: &[Page]) -> String {
    let row = |page: &Page| format!("| [{}]({}) | {} |", verb(page, plugin), anchor(&page.line), cell(&page.about));
    let rows: Vec<String> = verbs.iter().map(row).collect();
    format!(
        "| verb | |\n|---|---|\n{}\n\nWhat is [common to every verb](#common-to-every-verb) is at the end.\n\n\
         *Nothing here is run by the tests: every example is parsed by them, and those of the other pages are run.*",
        rows.join("\n")
    )
}

fn code(lines: &str) -> String {
    format!("```sh\n{lines}\n```")
}

fn verb<'a>(page: &'a Page, plugin: &Page) -> &'a str {
    page.line.strip_prefix(&plugin.line).unwrap_or(&page.line).trim_start()
}

/// As GitHub makes it of a heading.
fn anchor(heading: &str) -> String {
    format!("#{}", heading.replace(' ', "-"))
}

fn description(page: &Page) -> String {
    let sentence = |(index, text): (usize, &String)| if index == 0 { format!("{text}.") } else { linked(text) };
    let wrapped = |part| text::wrapped(&sentence(part), LINE).join("\n");
    page.description.iter().enumerate().map(wrapped).collect::<Vec<_>>().join("\n\n")
}

/// Files of `docs/` as links from the folder below it.
fn linked(text: &str) -> String {
    let link = |word: &str| match word.strip_prefix("docs/").and_then(|rest| rest.strip_suffix(".md")) {
        Some(name) => format!("[docs/{name}.md](../{name}.md)"),
        None => word.to_owned(),
    };
    text.split(' ').map(link).collect::<Vec<_>>().join(" ")
}

/// A table per group, of what the verbs below take too, or of the rest.
fn flags(page: &Page, global: bool) -> Vec<String> {
    let mut tables = Vec::new();
    for group in &page.groups {
        let rows: Vec<String> = group.flags.iter().filter(|flag| flag.global == global).map(row).collect();
        if !rows.is_empty() {
            let heading = group.heading.to_lowercase();
            tables.push(format!("| {heading} | | default |\n|---|---|---|\n{}", rows.join("\n")));
        }
    }
    tables
}

fn row(flag: &Flag) -> String {
    let mut parts = flag.text.clone();
    if let Some(first) = parts.first_mut().filter(|_| flag.text.len() > 1) {
        first.push('.');
    }
    let default = flag.default.as_deref().unwrap_or_default();
    format!("| `{}` | {} | {} |", flag.form, cell(&parts.join(" ")), cell(default))
}

/// Text that ends no cell and begins no tag.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;").replace('\n', " ")
}

fn sections(page: &Page) -> Vec<String> {
    let own = page.sections.iter().filter(|(_, lines)| lines != help::EXIT_CODES);
    own.map(|(heading, lines)| if heading == "Examples" { code(lines) } else { table(heading, lines) }).collect()
}

/// Lines of a word and what it says.
fn table(heading: &str, lines: &str) -> String {
    let row = |line: &str| {
        let (one, two) = line.split_once("  ").unwrap_or((line, ""));
        format!("| {} | {} |", cell(one.trim()), cell(two.trim()))
    };
    let rows: Vec<String> = lines.lines().map(row).collect();
    format!("| {} | |\n|---|---|\n{}", heading.to_lowercase(), rows.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::tests::command;

    #[test]
    fn one_file_tells_all_of_a_plugin() {
        insta::assert_snapshot!(reference(&command()));
    }
}
