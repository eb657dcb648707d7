//! A command line as values: a page per verb, and what stands on it.

use std::collections::BTreeMap;

use clap::{Arg, Command};
use mesh_shared::plugin::terminal::help;

/// A verb, or the plugin itself.
pub(crate) struct Page {
    /// Such as `kubectl mesh-failover drill recover`.
    pub line: String,
    /// One line.
    pub about: String,
    /// Paragraphs; the first says what [`Page::about`] says.
    pub description: Vec<String>,
    /// One line for each way to call it.
    pub usage: Vec<String>,
    /// Verbs below it, with what each does.
    pub verbs: Vec<(String, String)>,
    /// Flags and values in their groups.
    pub groups: Vec<Group>,
    /// Examples, exit codes and the like, by their headings.
    pub sections: Vec<(String, String)>,
}

/// Flags under one heading.
pub(crate) struct Group {
    pub heading: String,
    pub flags: Vec<Flag>,
}

/// A flag or a value.
pub(crate) struct Flag {
    /// Such as `-o, --output <FORMAT>`.
    pub form: String,
    /// Paragraphs.
    pub text: Vec<String>,
    /// What holds where it is not given.
    pub default: Option<String>,
    /// Whether the verbs below take it too.
    pub global: bool,
}

/// The name of the flag that every page has.
const HELP: &str = "help";

/// Every visible verb of the command, itself first, each before those below it.
pub(crate) fn pages(command: &Command) -> Vec<Page> {
    let mut command = command.clone();
    command.build();
    visible(&command).into_iter().map(page).collect()
}

/// What `-h` and `--help` of one verb print.
pub(crate) struct HelpPage {
    /// Such as `kubectl mesh-failover drill recover`.
    pub line: String,
    /// What `-h` prints.
    pub short: String,
    /// What `--help` prints.
    pub long: String,
}

/// What `-h` and `--help` of every visible verb print on a terminal of 80 columns, each by the verb's name, such as
/// `mesh-failover-drill-recover`.
pub fn transcripts(command: &Command) -> BTreeMap<String, String> {
    let text = |page: HelpPage| format!("$ {0} -h\n{1}\n$ {0} --help\n{2}", page.line, page.short, page.long);
    let name = |page: &HelpPage| page.line.trim_start_matches("kubectl ").replace(' ', "-");
    help_pages(command, 80).into_iter().map(|page| (name(&page), text(page))).collect()
}

/// What `-h` and `--help` print for every visible verb, on a terminal of so many columns.
pub(crate) fn help_pages(command: &Command, columns: usize) -> Vec<HelpPage> {
    let mut command = command.clone().max_term_width(columns).term_width(columns);
    command.build();
    let page = |verb: &Command| {
        let mut verb = verb.clone().term_width(columns);
        HelpPage {
            line: line(&verb).to_owned(),
            short: verb.render_help().to_string(),
            long: verb.render_long_help().to_string(),
        }
    };
    visible(&command).into_iter().map(page).collect()
}

fn visible(command: &Command) -> Vec<&Command> {
    let below = command.get_subcommands().filter(|verb| !verb.is_hide_set());
    std::iter::once(command).chain(below.flat_map(visible)).collect()
}

fn line(command: &Command) -> &str {
    command.get_bin_name().unwrap_or_else(|| command.get_name())
}

fn page(command: &Command) -> Page {
    let usage = command.clone().render_usage().to_string();
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let description = command.get_long_about().map_or_else(|| about.clone(), ToString::to_string);
    let verbs = command.get_subcommands().filter(|verb| !verb.is_hide_set());
    Page {
        line: line(command).to_owned(),
        description: paragraphs(&description),
        usage: usage.trim_start_matches("Usage:").lines().map(|line| line.trim().to_owned()).collect(),
        verbs: verbs
            .map(|verb| (verb.get_name().to_owned(), verb.get_about().map(ToString::to_string).unwrap_or_default()))
            .collect(),
        groups: groups(command),
        sections: help::sections(&command.get_after_long_help().map(ToString::to_string).unwrap_or_default()),
        about,
    }
}

fn groups(command: &Command) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
        let usual = if argument.is_positional() { "Arguments" } else { "Options" };
        let heading = argument.get_help_heading().unwrap_or(usual);
        match groups.iter_mut().find(|group| group.heading == heading) {
            Some(group) => group.flags.push(flag(argument)),
            None => groups.push(Group { heading: heading.to_owned(), flags: vec![flag(argument)] }),
        }
    }
    // As clap prints them: what has no heading of its own comes first.
    groups.sort_by_key(|group| ["Arguments", "Options"].iter().position(|usual| *usual == group.heading).unwrap_or(2));
    groups
}

fn flag(argument: &Arg) -> Flag {
    let short = argument.get_short().filter(|_| argument.get_long().is_some());
    let text = argument.get_long_help().or_else(|| argument.get_help()).map(ToString::to_string).unwrap_or_default();
    let text = if argument.get_id() == HELP {
        "Print help: -h in short, --help with examples and exit codes".to_owned()
    } else {
        text
    };
    let given = argument.get_default_values().iter().map(|value| value.to_string_lossy()).collect::<Vec<_>>().join(",");
    let takes_value = argument.get_action().takes_values();
    let mut text = paragraphs(&text);
    let told = take_default(&mut text);
    Flag {
        form: short.map(|short| format!("-{short}, ")).unwrap_or_default() + &argument.to_string(),
        default: told.or_else(|| Some(given).filter(|given| takes_value && !given.is_empty())),
        text,
        global: argument.is_global_set() || argument.get_id() == HELP,
    }
}

fn paragraphs(text: &str) -> Vec<String> {
    text.split("\n\n").map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
}

/// Takes the sentence `By default …` out of a text; what it says, without its full stop.
fn take_default(paragraphs: &mut Vec<String>) -> Option<String> {
    const BEGIN: &str = "By default ";
    let (index, begin) = paragraphs.iter().enumerate().find_map(|(index, text)| Some((index, text.find(BEGIN)?)))?;
    let text = paragraphs[index].clone();
    let rest = &text[begin + BEGIN.len()..];
    let (told, after) = rest.split_once(". ").unwrap_or((rest.trim_end_matches('.'), ""));
    let left = format!("{}{after}", &text[..begin]).trim().to_owned();
    if left.is_empty() {
        paragraphs.remove(index);
    } else {
        paragraphs[index] = left;
    }
    Some(told.to_owned())
}

#[cfg(test)]
pub(crate) mod tests {
    use clap::Command;
    use mesh_shared::plugin::terminal::help;

    use super::*;

    /// A command line with everything that a manual has to tell.
    pub(crate) fn command() -> Command {
        let recover = Command::new("recover")
            .about("Put back")
            .long_about("Put back\n\nWhat a drill left.")
            .arg(Arg::new("service").value_name("SERVICE").required(true).help("The service"))
            .arg(
                Arg::new("dir")
                    .long("dir")
                    .value_name("DIR")
                    .help("Folder")
                    .long_help("Folder\n\nKeeps it. By default ~/a.d, else b|c. May be repeated."),
            )
            .arg(Arg::new("time").short('t').long("time").value_name("TIME").default_value("2m").help_heading("Write"))
            .after_long_help(help::ending(
                "# Here\nkubectl plugin recover 'a b'\n\n# There\nkubectl plugin recover c --dir=d",
                "0        done\n128 + N  interrupted",
            ));
        let hidden = Command::new("secret").hide(true);
        let root = Command::new("plugin").bin_name("kubectl plugin").about("Do all").subcommand_required(true);
        help::shaped(
            root.arg(Arg::new("user").long("user").global(true).help("Whose").help_heading("Connection"))
                .disable_help_subcommand(true)
                .after_long_help(help::ending("# All\nkubectl plugin recover a", help::EXIT_CODES))
                .subcommands([recover, hidden]),
        )
    }

    #[test]
    fn every_visible_verb_has_a_page() {
        let lines: Vec<String> = pages(&command()).into_iter().map(|page| page.line).collect();
        assert_eq!(lines, ["kubectl plugin", "kubectl plugin recover"]);
        assert_eq!(transcripts(&command()).keys().collect::<Vec<_>>(), ["plugin", "plugin-recover"]);
    }

    #[test]
    fn a_default_is_told_apart_from_the_text() {
        let page = pages(&command()).remove(1);
        let flags: Vec<&Flag> = page.groups.iter().flat_map(|group| &group.flags).collect();
        let dir = flags.iter().find(|flag| flag.form == "--dir <DIR>").unwrap();
        assert_eq!(dir.text, ["Folder", "Keeps it. May be repeated."]);
        assert_eq!(dir.default.as_deref(), Some("~/a.d, else b|c"));
        let time = flags.iter().find(|flag| flag.form == "-t, --time <TIME>").unwrap();
        assert_eq!(time.default.as_deref(), Some("2m"));
    }

    #[test]
    fn groups_stand_as_in_the_help() {
        let page = pages(&command()).remove(1);
        let headings: Vec<&str> = page.groups.iter().map(|group| group.heading.as_str()).collect();
        assert_eq!(headings, ["Arguments", "Options", "Write", "Connection"]);
    }
}
