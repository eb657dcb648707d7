//! The reference of one plugin: one file in Markdown.

use clap::Command;
use mesh_shared::ui::{format, help};

use crate::pages::{Flag, Page, pages};

/// Widest line of prose.
const LINE: usize = 120;

/// All of the plugin's verbs with their flags, defaults, examples and exit codes. What every verb takes is told once, at the top.
pub fn reference(command: &Command) -> String {
    let all = pages(command);
    let Some((plugin, verbs)) = all.split_first() else { return String::new() };
    let mut text = format!(
        "<!-- Written by `make reference` from the arguments in the sources: change them there. -->\n# {}\n",
        plugin.line
    );
    text += &description(plugin);
    text += "\n| verb | |\n|---|---|\n";
    for page in verbs {
        text += &format!("| [{}]({}) | {} |\n", verb(page, plugin), anchor(&page.line), cell(&page.about));
    }
    text += &format!(
        "\nWhat is [common to every verb](#common-to-every-verb) is told once, at the end.\n{}",
        sections(plugin)
    );
    text += &flags(plugin, false);
    for page in verbs {
        text += &format!("\n## {}\n{}", page.line, description(page));
        text += &format!("\n```\n{}\n```\n", page.usage.join("\n"));
        text += &flags(page, false);
        text += &sections(page);
    }
    text += "\n## Common to every verb\n";
    text += &flags(plugin, true);
    text + "\nExit codes, where a verb tells none of its own:\n" + &table("exit codes", help::EXIT_CODES)
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
    let wrapped = |part| format!("{}\n", format::wrapped(&sentence(part), LINE).join("\n"));
    page.description.iter().enumerate().map(wrapped).collect::<Vec<_>>().join("\n")
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
fn flags(page: &Page, global: bool) -> String {
    let mut text = String::new();
    for group in &page.groups {
        let rows: Vec<String> = group.flags.iter().filter(|flag| flag.global == global).map(row).collect();
        if !rows.is_empty() {
            text += &format!("\n| {} | | default |\n|---|---|---|\n{}", group.heading.to_lowercase(), rows.concat());
        }
    }
    text
}

fn row(flag: &Flag) -> String {
    let mut parts = flag.text.clone();
    if let Some(first) = parts.first_mut().filter(|_| flag.text.len() > 1) {
        first.push('.');
    }
    let default = flag.default.as_deref().unwrap_or_default();
    format!("| `{}` | {} | {} |\n", flag.form, cell(&parts.join(" ")), cell(default))
}

/// Text that ends no cell and begins no tag.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;").replace('\n', " ")
}

fn sections(page: &Page) -> String {
    let mut text = String::new();
    for (heading, lines) in &page.sections {
        if heading == "Examples" {
            text += &format!("\n```\n{lines}\n```\n");
        } else if lines != help::EXIT_CODES {
            text += &table(heading, lines);
        }
    }
    text
}

/// Lines of a word and what it says.
fn table(heading: &str, lines: &str) -> String {
    let mut text = format!("\n| {} | |\n|---|---|\n", heading.to_lowercase());
    for line in lines.lines() {
        let (one, two) = line.split_once("  ").unwrap_or((line, ""));
        text += &format!("| {} | {} |\n", cell(one.trim()), cell(two.trim()));
    }
    text
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
