//! What the word at the cursor is: a verb, a flag, or the value of an argument.

use std::collections::BTreeMap;

use clap::{Arg, ArgAction, Command, ValueHint};

/// What can be completed at the cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// One of these, each with what it is.
    OneOf(Vec<Candidate>),
    /// A file of this machine.
    File,
    /// A folder of this machine.
    Folder,
    /// The value of an argument, by its id, for which clap knows no values.
    Value(String),
}

/// Something that may stand at the cursor.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Candidate {
    /// What is typed.
    pub text: String,
    /// What it is, in a line; empty where there is nothing to say.
    pub about: String,
}

/// A command line up to the cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The verbs, such as `locality`, `apply`.
    pub verbs: Vec<String>,
    /// Values of the arguments before the cursor, by id; lists are taken apart.
    pub given: BTreeMap<String, Vec<String>>,
    /// The part of the word at the cursor that is a flag, with its `=`: of `--flag=value` all before the value. Else
    /// empty.
    pub flag: String,
    /// The rest of that word, which is completed.
    pub word: String,
    /// What it is.
    pub wanted: Wanted,
    /// Verbs that may stand there instead of the value.
    pub or_verbs: Vec<Candidate>,
}

impl Line {
    /// The last value of an argument before the cursor.
    pub fn last(&self, id: &str) -> Option<&str> {
        self.given.get(id).and_then(|values| values.last()).map(String::as_str)
    }

    /// All values of an argument before the cursor.
    pub fn all(&self, id: &str) -> &[String] {
        self.given.get(id).map(Vec::as_slice).unwrap_or_default()
    }
}

/// Reads a command line as clap would, up to its last word, at which the cursor is. What is hidden is not offered.
pub fn read(root: Command, words: &[String]) -> Line {
    let mut root = root;
    root.build();
    let (word, before) = words.split_last().map_or(("", &[][..]), |(word, before)| (word.as_str(), before));
    let mut reading =
        Reading { command: &root, verbs: Vec::new(), given: BTreeMap::new(), position: 0, pending: None, ended: false };
    for word in before {
        reading.pass(word);
    }
    reading.end(word)
}

struct Reading<'a> {
    command: &'a Command,
    verbs: Vec<String>,
    given: BTreeMap<String, Vec<String>>,
    /// How many positional arguments of this verb were given.
    position: usize,
    /// The flag whose value comes next.
    pending: Option<&'a Arg>,
    /// Whether `--` was given.
    ended: bool,
}

impl<'a> Reading<'a> {
    fn pass(&mut self, word: &str) {
        if let Some(argument) = self.pending.take() {
            self.give(argument, word);
        } else if self.ended {
            self.positional(word);
        } else if word == "--" {
            self.ended = true;
        } else if word.starts_with('-') && word.len() > 1 {
            self.flag(word);
        } else if let Some(verb) = self.command.find_subcommand(word) {
            self.command = verb;
            self.verbs.push(verb.get_name().to_owned());
            self.position = 0;
        } else {
            self.positional(word);
        }
    }

    fn positional(&mut self, word: &str) {
        if let Some(argument) = self.argument_here() {
            self.give(argument, word);
        }
        self.position += 1;
    }

    fn flag(&mut self, word: &str) {
        let Some((argument, value)) = find_flag(self.command, word) else { return };
        match value {
            Some(value) => self.give(argument, value),
            None if wants_next(argument) => self.pending = Some(argument),
            None => self.give(argument, ""),
        }
    }

    fn give(&mut self, argument: &Arg, value: &str) {
        let values = self.given.entry(argument.get_id().to_string()).or_default();
        match argument.get_value_delimiter() {
            Some(delimiter) => values.extend(value.split(delimiter).map(ToOwned::to_owned)),
            None => values.push(value.to_owned()),
        }
    }

    /// The positional argument whose turn it is; the last one takes all that come after it, where it takes several.
    fn argument_here(&self) -> Option<&'a Arg> {
        let all: Vec<&Arg> = self.command.get_positionals().collect();
        let last = all.last().filter(|last| matches!(last.get_action(), ArgAction::Append));
        all.get(self.position).or(last).copied()
    }

    fn end(self, word: &str) -> Line {
        let (wanted, typed) = self.wanted(word);
        let flag = word.strip_suffix(typed).unwrap_or_default().to_owned();
        let is_first = self.pending.is_none() && !self.ended && self.position == 0 && flag.is_empty();
        let or_verbs = match wanted {
            Wanted::OneOf(_) => Vec::new(),
            _ if is_first => self.verbs_below(),
            _ => Vec::new(),
        };
        Line { wanted, or_verbs, flag, word: typed.to_owned(), verbs: self.verbs, given: self.given }
    }

    fn wanted<'w>(&self, word: &'w str) -> (Wanted, &'w str) {
        if let Some(argument) = self.pending {
            return (value_of(argument), word);
        }
        if !self.ended && word.starts_with('-') {
            let found = find_flag(self.command, word);
            return match found.and_then(|(argument, value)| Some((argument, value?))) {
                Some((argument, value)) => (value_of(argument), value),
                None => (Wanted::OneOf(self.flags()), word),
            };
        }
        match self.argument_here() {
            Some(argument) => (value_of(argument), word),
            None if self.ended || self.position > 0 => (Wanted::OneOf(Vec::new()), word),
            None => (Wanted::OneOf(self.verbs_below()), word),
        }
    }

    fn verbs_below(&self) -> Vec<Candidate> {
        self.command.get_subcommands().filter(|verb| !verb.is_hide_set()).map(verb).collect()
    }

    /// Flags that may still be given.
    fn flags(&self) -> Vec<Candidate> {
        let may = |argument: &&Arg| {
            let again = matches!(argument.get_action(), ArgAction::Append);
            !argument.is_hide_set() && (again || !self.given.contains_key(argument.get_id().as_str()))
        };
        let flags = self.command.get_arguments().filter(may).filter_map(|argument| {
            let about = argument.get_help().map(|help| first_line(&help.to_string())).unwrap_or_default();
            Some(Candidate { text: format!("--{}", argument.get_long()?), about })
        });
        flags.collect()
    }
}

fn verb(command: &Command) -> Candidate {
    let about = command.get_about().map(|about| first_line(&about.to_string())).unwrap_or_default();
    Candidate { text: command.get_name().to_owned(), about }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

/// The flag that a word is, and the value that hangs on it: `--flag`, `--flag=value`, `-f`, `-f=value`, `-fvalue`.
fn find_flag<'a, 'w>(command: &'a Command, word: &'w str) -> Option<(&'a Arg, Option<&'w str>)> {
    if let Some(long) = word.strip_prefix("--") {
        let (name, value) = long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value)));
        return command.get_arguments().find(|argument| argument.get_long() == Some(name)).map(|found| (found, value));
    }
    let rest = word.strip_prefix('-')?;
    let short = rest.chars().next()?;
    let argument = command.get_arguments().find(|argument| argument.get_short() == Some(short))?;
    let value = &rest[short.len_utf8()..];
    let value = value.strip_prefix('=').unwrap_or(value);
    Some((argument, Some(value).filter(|value| !value.is_empty() && takes_value(argument))))
}

fn takes_value(argument: &Arg) -> bool {
    matches!(argument.get_action(), ArgAction::Set | ArgAction::Append)
}

/// Whether the word after the flag is its value.
fn wants_next(argument: &Arg) -> bool {
    takes_value(argument)
        && !argument.is_require_equals_set()
        && argument.get_num_args().is_none_or(|count| count.min_values() > 0)
}

fn value_of(argument: &Arg) -> Wanted {
    let values = argument.get_possible_values();
    if !values.is_empty() && takes_value(argument) {
        let shown = values.iter().filter(|value| !value.is_hide_set()).map(|value| Candidate {
            text: value.get_name().to_owned(),
            about: value.get_help().map(|help| first_line(&help.to_string())).unwrap_or_default(),
        });
        return Wanted::OneOf(shown.collect());
    }
    match argument.get_value_hint() {
        ValueHint::DirPath => Wanted::Folder,
        ValueHint::AnyPath | ValueHint::FilePath => Wanted::File,
        _ => Wanted::Value(argument.get_id().to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(subcommand)]
        verb: Verb,
        /// Contexts
        #[arg(long, value_delimiter = ',', global = true)]
        contexts: Vec<String>,
        #[arg(long, global = true, hide = true)]
        secret: bool,
    }

    #[derive(Subcommand)]
    enum Verb {
        /// Opens
        Open(Open),
        /// Sets
        Set { pairs: Vec<String> },
        #[command(hide = true)]
        Hidden,
        Group {
            #[command(subcommand)]
            verb: Inner,
        },
        #[command(args_conflicts_with_subcommands = true)]
        Run {
            #[command(subcommand)]
            verb: Option<Inner>,
            service: Option<String>,
            #[arg(long)]
            from: Option<String>,
        },
    }

    #[derive(Subcommand)]
    enum Inner {
        List,
    }

    #[derive(Args)]
    struct Open {
        service: String,
        /// Namespace
        ///
        /// Of the service.
        #[arg(short, long)]
        namespace: Option<String>,
        #[arg(short, long, value_enum)]
        output: Option<Format>,
        #[arg(long)]
        file: Option<PathBuf>,
        #[arg(long, value_hint = ValueHint::DirPath)]
        folder: Option<PathBuf>,
        #[arg(long, num_args = 0.., require_equals = true)]
        take: Option<Vec<String>>,
        #[arg(short, long)]
        yes: bool,
    }

    #[derive(Clone, ValueEnum)]
    enum Format {
        Yaml,
        /// JSON
        Json,
    }

    fn line(words: &str) -> Line {
        let words: Vec<String> = words.split(' ').map(ToOwned::to_owned).collect();
        read(Cli::command(), &words)
    }

    fn offered(words: &str) -> Vec<String> {
        match line(words).wanted {
            Wanted::OneOf(candidates) => candidates.into_iter().map(|candidate| candidate.text).collect(),
            other => panic!("{other:?}"),
        }
    }

    fn wanted(words: &str) -> (Wanted, String) {
        let line = line(words);
        (line.wanted, line.word)
    }

    fn value(id: &str, word: &str) -> (Wanted, String) {
        (Wanted::Value(id.into()), word.into())
    }

    #[test]
    fn verbs_stand_first_and_hidden_ones_are_not_offered() {
        assert_eq!(offered(""), ["open", "set", "group", "run", "help"]);
        assert_eq!(offered("group "), ["list", "help"]);
        assert_eq!(offered("--contexts a,b "), ["open", "set", "group", "run", "help"]);
    }

    #[test]
    fn where_a_verb_or_an_argument_may_stand_both_are_offered() {
        let verbs = |words| line(words).or_verbs.into_iter().map(|verb| verb.text).collect::<Vec<_>>();
        assert_eq!(wanted("run "), value("service", ""));
        assert_eq!(verbs("run "), ["list", "help"]);
        assert_eq!(verbs("run --from x "), ["list", "help"]);
        for words in ["run hello ", "run --from ", "run --from=", "run -- ", "open "] {
            assert_eq!(verbs(words), [""; 0], "{words}");
        }
    }

    #[test]
    fn a_positional_argument_stands_where_it_is_its_turn() {
        assert_eq!(wanted("open hel"), value("service", "hel"));
        assert_eq!(wanted("open -n sample hel"), value("service", "hel"));
        assert_eq!(offered("open hello "), Vec::<String>::new());
        assert_eq!(wanted("set a=b c"), value("pairs", "c"));
        assert_eq!(wanted("open -- -x"), value("service", "-x"));
    }

    #[test]
    fn a_flag_takes_the_word_behind_it_or_what_hangs_on_it() {
        assert_eq!(wanted("open --contexts east,we"), value("contexts", "east,we"));
        assert_eq!(wanted("open --contexts=east,we"), value("contexts", "east,we"));
        assert_eq!(line("open --contexts=east,we").flag, "--contexts=");
        assert_eq!(line("open --contexts east,we").flag, "");
        assert_eq!(wanted("open -n sam"), value("namespace", "sam"));
        assert_eq!(wanted("open -nsam"), value("namespace", "sam"));
        assert_eq!(wanted("open --take hel"), value("service", "hel"));
        assert_eq!(wanted("open -y hel"), value("service", "hel"));
    }

    #[test]
    fn flags_are_offered_once_and_with_their_first_line() {
        assert_eq!(
            offered("open -y --contexts a --"),
            ["--namespace", "--output", "--file", "--folder", "--take", "--contexts", "--help"]
        );
        let Wanted::OneOf(flags) = line("open --na").wanted else { panic!() };
        assert_eq!(flags[0], Candidate { text: "--namespace".into(), about: "Namespace".into() });
    }

    #[test]
    fn values_that_clap_knows_are_offered_and_files_are_the_shells() {
        assert_eq!(offered("open -o "), ["yaml", "json"]);
        assert_eq!(offered("open --output=j"), ["yaml", "json"]);
        assert_eq!(wanted("open --file x").0, Wanted::File);
        assert_eq!(wanted("open --folder x").0, Wanted::Folder);
    }

    #[test]
    fn what_stood_before_is_known_by_its_argument() {
        let line = line("--contexts east,west open hello -n sample ");
        assert_eq!(line.verbs, ["open"]);
        assert_eq!(line.all("contexts"), ["east", "west"]);
        assert_eq!(line.last("namespace"), Some("sample"));
        assert_eq!(line.last("service"), Some("hello"));
    }
}
