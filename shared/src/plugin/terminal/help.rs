//! The shape of all help pages of both plugins: `-h` is a line per flag, `--help` tells all, with examples and exit codes.

use clap::{Args, Command};

use crate::plugin::error::{Error, Result};

/// The maximum width of help: longer lines are hard to read, however wide the terminal.
const WIDTH: usize = 100;

/// The exit codes of a verb that has none of its own.
pub const EXIT_CODES: &str = "\
0        done
1        refused or failed
2        wrong command line
128 + N  interrupted by signal N";

/// The end of a verb's `--help`. Examples are lines of `# what it does` with commands below each; exit codes are lines
/// of a number and its meaning.
pub fn ending(examples: &str, exit_codes: &str) -> String {
    section("Examples", examples) + "\n\n" + &section("Exit codes", exit_codes)
}

/// One section at the end of `--help`: a heading, and its lines below it.
pub fn section(heading: &str, lines: &str) -> String {
    let indented = lines.lines().map(|line| if line.is_empty() { String::new() } else { format!("  {line}") });
    format!("{heading}:\n{}", indented.collect::<Vec<_>>().join("\n"))
}

/// The sections that [`section`] wrote, each by its heading, its lines without their indent.
pub fn sections(ending: &str) -> Vec<(String, String)> {
    let mut all: Vec<(String, Vec<&str>)> = Vec::new();
    for line in ending.lines() {
        match (line.strip_suffix(':').filter(|_| !line.starts_with(' ')), all.last_mut()) {
            (Some(heading), _) => all.push((heading.to_owned(), Vec::new())),
            (None, Some((_, lines))) => lines.push(line.strip_prefix("  ").unwrap_or(line)),
            (None, None) => {}
        }
    }
    all.into_iter().map(|(heading, lines)| (heading, lines.join("\n").trim_end().to_owned())).collect()
}

/// The command with what all its pages have in common: their width, the line in which `-h` says where to find more, and the
/// ends of the verbs that both plugins have.
pub fn shaped(command: Command) -> Command {
    let program = command.get_bin_name().unwrap_or_default().to_owned();
    let first = command.get_subcommands().next().map(|verb| verb.get_name().to_owned()).unwrap_or_default();
    let command = command.mut_subcommands(|verb| {
        let examples = match verb.get_name() {
            "completion" => completion_examples(&program),
            "version" => format!("# Which version is installed\n{program} version"),
            "help" => format!("# The same as {program} {first} --help\n{program} help {first}"),
            _ => return verb,
        };
        verb.after_long_help(ending(&examples, EXIT_CODES))
    });
    shaped_below(command.max_term_width(WIDTH), &program)
}

fn completion_examples(program: &str) -> String {
    format!(
        "# Once: let kubectl find the plugin's completions\n{program} completion install\n\n\
         # In ~/.bashrc, where kubectl's own completion is not on yet\n{program} completion bash"
    )
}

fn shaped_below(command: Command, line: &str) -> Command {
    let command = command.after_help(format!("All flags, examples, exit codes: {line} --help"));
    command.mut_subcommands(|verb| {
        let line = format!("{line} {}", verb.get_name());
        shaped_below(verb, &line)
    })
}

/// Explain a verb
///
/// Prints the same as the verb's own --help.
#[derive(Debug, Clone, Args)]
pub struct HelpArguments {
    /// The verb, such as join; none for the plugin itself
    #[arg(value_name = "VERB")]
    verbs: Vec<String>,
}

/// The long help of the requested verb, in colours if they are wanted.
///
/// # Errors
/// A usage error if there is no such verb.
pub fn page(command: Command, asked: &HelpArguments, colour: bool) -> Result<String> {
    let mut command = shaped(command);
    command.build();
    let mut at = &mut command;
    for verb in &asked.verbs {
        let line = at.get_bin_name().unwrap_or_default().to_owned();
        let known: Vec<String> = at.get_subcommands().map(|known| known.get_name().to_owned()).collect();
        at = at.find_subcommand_mut(verb).ok_or_else(|| {
            Error::usage(format!("{line} has no verb {verb:?}"))
                .meant(verb, known.iter().map(String::as_str))
                .fix(format!("see what there is: {line} --help"))
        })?;
    }
    let help = at.render_long_help();
    Ok(if colour { help.ansi().to_string() } else { help.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command() -> Command {
        let recover =
            Command::new("recover").about("Put back").after_long_help(ending("# All\nplugin recover", "0  done"));
        Command::new("plugin").bin_name("kubectl plugin").subcommand(Command::new("drill").subcommand(recover))
    }

    #[test]
    fn the_sections_of_an_ending_are_read_back() {
        let text = ending("# One\na b\n\n# Two\na c", EXIT_CODES);
        let all = sections(&text);
        assert_eq!(all[0], ("Examples".into(), "# One\na b\n\n# Two\na c".into()));
        assert_eq!(all[1], ("Exit codes".into(), EXIT_CODES.into()));
    }

    #[test]
    fn a_short_page_ends_in_where_the_long_one_is() {
        let mut command = shaped(command());
        command.build();
        let verb = command.find_subcommand_mut("drill").unwrap().find_subcommand_mut("recover").unwrap();
        let short = verb.render_help().to_string();
        assert_eq!(short.lines().last(), Some("All flags, examples, exit codes: kubectl plugin drill recover --help"));
        let long = verb.render_long_help().to_string();
        assert!(long.contains("Examples:\n  # All") && !long.contains("All flags"), "{long}");
    }

    #[test]
    fn help_explains_the_verb_that_is_named() {
        let asked = |verbs: &[&str]| HelpArguments { verbs: verbs.iter().map(ToString::to_string).collect() };
        let text = page(command(), &asked(&["drill", "recover"]), false).unwrap();
        assert!(text.contains("Usage: kubectl plugin drill recover"), "{text}");
        let error = page(command(), &asked(&["drill", "nothing"]), false).unwrap_err();
        assert_eq!(error.what, "kubectl plugin drill has no verb \"nothing\"");
    }
}
