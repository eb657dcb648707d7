//! Reports a command line that is not understood as every other error is reported.

use std::error::Error as _;

use clap::Command;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::plugin::did_you_mean;
use crate::plugin::error::{Error, Kind};
use crate::plugin::text;

/// What is wrong with the command line, why, and the next thing to do: what was probably meant, and the help of the verb
/// ([`asked_for`]). None for help and version, which are no errors.
pub fn explain(error: &clap::Error, verb: &str) -> Option<Error> {
    use ErrorKind::{DisplayHelp, DisplayHelpOnMissingArgumentOrSubcommand, DisplayVersion};
    if matches!(error.kind(), DisplayHelp | DisplayVersion | DisplayHelpOnMissingArgumentOrSubcommand) {
        return None;
    }
    let usage = words(error, ContextKind::Usage).pop().unwrap_or_default();
    let usage = usage.trim_start_matches("Usage:").lines().next().unwrap_or_default().trim();
    let (what, why) = said(error);
    let mut remedy: Vec<String> = Vec::new();
    let own = error.source().and_then(|source| source.downcast_ref::<Error>());
    remedy.extend(own.into_iter().flat_map(|own| own.remedy.clone()));
    let suggested: Vec<String> =
        [ContextKind::SuggestedSubcommand, ContextKind::SuggestedArg, ContextKind::SuggestedValue]
            .into_iter()
            .flat_map(|kind| words(error, kind))
            .collect();
    remedy.extend(did_you_mean::question(&suggested));
    remedy.extend(words(error, ContextKind::Suggested));
    if error.kind() == ErrorKind::MissingRequiredArgument && !usage.is_empty() {
        remedy.push(format!("write it as: {usage}"));
    }
    let help = format!("see what there is: {verb} --help");
    remedy.push(help);
    Some(Error { kind: Kind::Usage, code: None, what, place: None, why, remedy, also: Vec::new() })
}

/// What failed, and why if that is known.
fn said(error: &clap::Error) -> (String, Option<String>) {
    if error.kind() == ErrorKind::MissingRequiredArgument {
        let missing = words(error, ContextKind::InvalidArg);
        let verb = if missing.len() == 1 { "is" } else { "are" };
        return (format!("{} {verb} missing", text::list(&missing)), None);
    }
    let text = error.render().to_string();
    let first = text.trim_start_matches("error:").split("\n\n").next().unwrap_or_default().trim();
    let mut lines = first.lines().map(str::trim);
    let what = lines.next().unwrap_or_default();
    let (possible, rest): (Vec<&str>, Vec<&str>) = lines.partition(|line| line.starts_with('['));
    let what = if rest.is_empty() { what.to_owned() } else { format!("{what} {}", rest.join(", ")) };
    if let Some(source) = error.source() {
        let why = source.to_string();
        return (what.trim_end_matches(&why).trim_end_matches([':', ' ']).to_owned(), Some(why));
    }
    let possible = possible.first().map(|line| line.trim_matches(['[', ']']).to_owned());
    (what, possible)
}

/// The verb that a command line asks for, such as `kubectl mesh-mc join`: the one whose help to show.
pub fn asked_for(command: &Command, words: impl IntoIterator<Item = String>) -> String {
    let mut at = command;
    let mut line = command.get_bin_name().unwrap_or_default().to_owned();
    for word in words {
        if let Some(verb) = at.find_subcommand(&word) {
            at = verb;
            line = format!("{line} {word}");
        }
    }
    line
}

fn words(error: &clap::Error, kind: ContextKind) -> Vec<String> {
    match error.get(kind) {
        Some(ContextValue::String(one)) => vec![one.clone()],
        Some(ContextValue::Strings(all)) => all.clone(),
        Some(ContextValue::StyledStr(one)) => vec![one.to_string()],
        Some(ContextValue::StyledStrs(all)) => all.iter().map(ToString::to_string).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use clap::{Arg, ArgAction};

    use super::*;
    use crate::plugin::terminal::Terminal;
    use crate::plugin::terminal::error_message;

    fn told(words: &[&str]) -> String {
        let number =
            |text: &str| text.parse::<u8>().map_err(|_| Error::usage("it is not a number").fix("write 1 to 9"));
        let join = Command::new("join")
            .arg(Arg::new("contexts").long("contexts").value_name("A,B").required(true))
            .arg(Arg::new("format").short('o').long("output").value_name("FORMAT").value_parser(["yaml", "json"]))
            .arg(Arg::new("rate").long("rate").value_name("N").value_parser(number))
            .arg(Arg::new("yes").long("yes").action(ArgAction::SetTrue).conflicts_with("format"));
        let command = Command::new("plugin").bin_name("kubectl plugin").subcommand_required(true).subcommand(join);
        let verb = asked_for(&command, words.iter().map(ToString::to_string));
        let error = command.try_get_matches_from([&["plugin"], words].concat()).unwrap_err();
        let terminal = Terminal { live: false, asks: false, colour: false };
        explain(&error, &verb).map_or("an answer".into(), |error| error_message::render(&error, terminal))
    }

    #[test]
    fn each_slip_of_a_command_line_ends_in_a_next_step() {
        let lines = [
            &["jion"][..],
            &["join", "--contxts", "a"],
            &["join"],
            &["join", "--contexts"],
            &["join", "--contexts", "a", "--output", "yml"],
            &["join", "--contexts", "a", "--rate", "ten"],
            &["join", "--contexts", "a", "--yes", "-o", "yaml"],
            &["join", "--contexts", "a", "surplus"],
            &["--nothing"],
        ];
        let all: Vec<String> =
            lines.iter().map(|words| format!("$ kubectl plugin {}\n{}", words.join(" "), told(words))).collect();
        insta::assert_snapshot!(all.join("\n\n"));
    }

    #[test]
    fn help_is_an_answer() {
        assert_eq!(told(&["join", "--help"]), "an answer");
    }
}
