//! What every page of help has to have, and how wide it may be.

use clap::Command;

use crate::pages::{Page, help_pages, pages};

/// With its indent a line of an example fits 80 columns: what has to be copied is not broken.
const LINE: usize = 78;

/// What is missing or wrong on the pages of a command: examples that its own parser takes, exit codes, and for `-h` where
/// more is told.
pub fn faults(command: &Command) -> Vec<String> {
    let mut faults: Vec<String> = pages(command).iter().flat_map(|page| faults_of(command, page)).collect();
    for page in help_pages(command, 80) {
        let wanted = format!("{} --help", page.line);
        if page.short.lines().last().is_none_or(|last| !last.ends_with(&wanted)) {
            faults.push(format!("{} -h does not end in where more is told", page.line));
        }
    }
    faults
}

fn faults_of(command: &Command, page: &Page) -> Vec<String> {
    let told = |heading: &str| page.sections.iter().find(|(own, _)| own == heading).map(|(_, lines)| lines);
    let mut faults = Vec::new();
    if page.about.is_empty() {
        faults.push(format!("{} does not say what it does", page.line));
    }
    if told("Exit codes").is_none() {
        faults.push(format!("{} names no exit codes: help::ending", page.line));
    }
    let examples = told("Examples").map(String::as_str).unwrap_or_default();
    let whole = examples.replace("\\\n", " ");
    let lines: Vec<&str> = whole.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    if !lines.iter().any(|line| line.starts_with(&page.line)) {
        faults.push(format!("{} has no example: help::ending", page.line));
    }
    let lines_told = page.sections.iter().flat_map(|(_, lines)| lines.lines());
    faults.extend(
        lines_told
            .filter(|line| line.chars().count() > LINE)
            .map(|line| format!("{}: over {LINE} characters, which a narrow terminal breaks: {line:?}", page.line)),
    );
    for line in lines {
        // What names the plugin is one word to its parser.
        let program = command.get_bin_name().unwrap_or_default();
        let Some(rest) = line.strip_prefix(program) else {
            faults.push(format!("{}: {line:?} is no example of this plugin", page.line));
            continue;
        };
        let words = std::iter::once(program.to_owned()).chain(words(rest));
        if let Err(error) = command.clone().try_get_matches_from(words) {
            faults.push(format!("{}: {line:?} is not understood: {error}", page.line));
        }
    }
    faults
}

/// The words of a command as a shell takes them; of quotes it knows the single ones.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut quoted) = (vec![String::new()], false);
    for character in line.chars() {
        match (character, words.last_mut()) {
            ('\'', _) => quoted = !quoted,
            (' ', _) if !quoted => words.push(String::new()),
            (other, Some(word)) => word.push(other),
            (_, None) => {}
        }
    }
    words.into_iter().filter(|word| !word.is_empty()).collect()
}

/// Lines of help that do not fit a terminal of so many columns. In `-h` no flag takes more than one line. Usage may be wider: it
/// is one line of a shell.
pub fn misfits(command: &Command, columns: usize) -> Vec<String> {
    let mut faults = Vec::new();
    for page in help_pages(command, columns) {
        let lines = page.short.lines().chain(page.long.lines()).filter(|line| !line.starts_with("Usage: "));
        let wide = lines.filter(|line| line.chars().count() > columns);
        faults.extend(wide.map(|line| format!("{} at {columns} columns: too wide: {line:?}", page.line)));
        // A text that found no room beside its flag stands below it, or goes on there.
        let below = page.short.lines().filter(|line| line.starts_with("          ") && !line.trim().starts_with('-'));
        faults.extend(below.map(|line| format!("{} at {columns} columns: a second line: {line:?}", page.line)));
    }
    faults
}

#[cfg(test)]
mod tests {
    use clap::Arg;
    use mesh_shared::plugin::terminal::help;

    use super::*;
    use crate::pages::tests::command;

    #[test]
    fn a_whole_page_has_no_faults() {
        assert_eq!(faults(&command()), [""; 0]);
        assert_eq!(misfits(&command(), 80), [""; 0]);
    }

    #[test]
    fn a_verb_without_example_or_exit_codes_is_told() {
        let bare = command().subcommand(Command::new("bare").about("Do"));
        let all = faults(&help::shaped(bare));
        assert_eq!(
            all,
            [
                "kubectl plugin bare names no exit codes: help::ending",
                "kubectl plugin bare has no example: help::ending"
            ]
        );
    }

    #[test]
    fn an_example_that_the_parser_refuses_is_told() {
        let text = help::ending("# Wrong\nkubectl plugin recover --nothing", help::EXIT_CODES);
        let all = faults(&command().mut_subcommand("recover", |verb| verb.after_long_help(text)));
        assert!(all.len() == 1 && all[0].contains("--nothing"), "{all:?}");
    }

    #[test]
    fn a_flag_that_takes_two_lines_is_told() {
        let text = "A text that is far too long to stand beside its flag on a narrow terminal, and so goes on below";
        let wide = command().mut_subcommand("recover", |verb| verb.arg(Arg::new("wide").long("wide").help(text)));
        assert!(!misfits(&wide, 80).is_empty());
    }
}
