//! An answer as kubectl wants it: a candidate a line, what it is behind a tab, and last what the shell is to do.

use std::fmt::Write as _;

use super::line::{Candidate, Line};
use super::shell::Shell;

/// What the shell does with the candidates.
///
/// Source: cobra's `ShellCompDirective` (spf13/cobra `completions.go`), which kubectl reads from a plugin's helper
/// (`k8s.io/kubectl pkg/cmd/plugin/plugin_completion.go`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Directive {
    /// Candidates alone, and a space behind the one that is left.
    Candidates,
    /// Candidates alone, and no space.
    NoSpace,
    /// Files of this machine.
    Files,
    /// Folders of this machine.
    Folders,
}

impl Directive {
    fn number(self) -> u8 {
        const NO_SPACE: u8 = 2;
        const NO_FILES: u8 = 4;
        const FOLDERS: u8 = 16;
        match self {
            Self::Candidates => NO_FILES,
            Self::NoSpace => NO_SPACE | NO_FILES,
            Self::Files => 0,
            Self::Folders => FOLDERS,
        }
    }
}

/// The text for kubectl: those candidates that begin with the word, in the way in which its script for the shell makes that word of
/// them; for a shell that is not known as for bash. One that a shell could take for something else than a name is left out: names
/// come from clusters.
pub fn render(candidates: &[Candidate], line: &Line, directive: Directive, shell: Option<Shell>) -> String {
    let shell = shell.unwrap_or(Shell::Bash);
    let fitting = candidates.iter().filter(|one| one.text.starts_with(&line.word) && is_plain(&one.text));
    let mut offered: Vec<Candidate> = fitting.filter_map(|one| in_script(one, line, shell)).collect();
    let alone = offered.len() == 1;
    let directive = match directive {
        // fish's script reports an error where no space is to stand behind a lone word that begins with a dash.
        Directive::NoSpace if shell == Shell::Fish && alone && line.flag.starts_with('-') => Directive::Candidates,
        other => other,
    };
    // bash's script quotes a lone word, its commas too, and does not know it again when the list goes on. Of two it quotes none,
    // and bash takes two that are the same for one.
    if shell == Shell::Bash && alone && offered[0].text.contains(',') {
        offered.push(offered[0].clone());
    }
    let mut text = String::new();
    for candidate in offered {
        let _ = match candidate.about.as_str() {
            "" => writeln!(text, "{}", candidate.text),
            about => writeln!(text, "{}\t{about}", candidate.text),
        };
    }
    let _ = writeln!(text, ":{}", directive.number());
    text
}

/// A candidate without what the script puts before it by itself; none where that can only come out wrong.
fn in_script(candidate: &Candidate, line: &Line, shell: Shell) -> Option<Candidate> {
    let word = format!("{}{}", line.flag, line.word);
    let text = match shell.puts_before(&word) {
        "" => candidate.text.clone(),
        before => format!("{}{}", line.flag, candidate.text).strip_prefix(before)?.to_owned(),
    };
    Some(Candidate { text, about: candidate.about.clone() })
}

/// Whether a name is made of nothing but what no shell reads anything into. Contexts may hold `/`, `:` and `@`.
fn is_plain(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || "-._/:@=,%+".contains(c))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::plugin::completion::line::Wanted;

    fn candidate(text: &str, about: &str) -> Candidate {
        Candidate { text: text.into(), about: about.into() }
    }

    fn line(flag: &str, word: &str) -> Line {
        let wanted = Wanted::Value("contexts".into());
        let (flag, word) = (flag.into(), word.into());
        Line { verbs: Vec::new(), given: BTreeMap::new(), flag, word, wanted, or_verbs: Vec::new() }
    }

    /// The answer in a shell, on one line.
    fn said(shell: Shell, (flag, word): (&str, &str), texts: &[&str], directive: Directive) -> String {
        let all: Vec<Candidate> = texts.iter().map(|text| candidate(text, "")).collect();
        render(&all, &line(flag, word), directive, Some(shell)).trim_end().replace('\n', " ")
    }

    #[test]
    fn candidates_stand_a_line_each_and_the_directive_last() {
        let all = [candidate("join", "Bring clusters into one mesh"), candidate("version", "")];
        let said = |word, directive| render(&all, &line("", word), directive, None);
        assert_eq!(said("", Directive::Candidates), "join\tBring clusters into one mesh\nversion\n:4\n");
        assert_eq!(said("jo", Directive::NoSpace), "join\tBring clusters into one mesh\n:6\n");
        assert_eq!(render(&[], &line("", ""), Directive::Files, None), ":0\n");
        assert_eq!(render(&[], &line("", ""), Directive::Folders, None), ":16\n");
    }

    #[test]
    fn bash_is_told_a_lone_word_with_a_comma_twice_so_that_it_does_not_quote_it() {
        let contexts = ["east,west"];
        assert_eq!(said(Shell::Bash, ("", "east,we"), &contexts, Directive::Candidates), "east,west east,west :4");
        assert_eq!(said(Shell::Zsh, ("", "east,we"), &contexts, Directive::Candidates), "east,west :4");
        assert_eq!(said(Shell::Bash, ("", "ea"), &["east"], Directive::NoSpace), "east :6");
    }

    #[test]
    fn zsh_and_fish_get_what_their_scripts_do_not_put_there_themselves() {
        let pairs = ["eu-1=us-1", "us-1=eu-1"];
        for shell in [Shell::Zsh, Shell::Fish] {
            let said = |at| said(shell, at, &pairs, Directive::Candidates);
            assert_eq!(said(("--failover=", "eu-1=")), "us-1 :4");
            assert_eq!(said(("--failover=", "eu")), "eu-1=us-1 :4");
            assert_eq!(said(("", "eu")), "eu-1=us-1 :4");
            // Whatever is said here, they would write -1= before it.
            assert_eq!(said(("", "eu-1=")), ":4");
        }
        assert_eq!(said(Shell::Fish, ("", "eu="), &["eu=us"], Directive::Candidates), "eu=us :4");
        assert_eq!(said(Shell::Bash, ("", "eu-1="), &pairs, Directive::Candidates), "eu-1=us-1 :4");
        assert_eq!(said(Shell::Bash, ("--failover=", "eu-1="), &pairs, Directive::Candidates), "eu-1=us-1 :4");
    }

    #[test]
    fn fish_is_not_told_to_go_on_behind_a_lone_flag() {
        let contexts = ["east", "west"];
        assert_eq!(said(Shell::Fish, ("--contexts=", "ea"), &contexts, Directive::NoSpace), "east :4");
        assert_eq!(said(Shell::Fish, ("--contexts=", ""), &contexts, Directive::NoSpace), "east west :6");
        assert_eq!(said(Shell::Fish, ("", "ea"), &contexts, Directive::NoSpace), "east :6");
        assert_eq!(said(Shell::Zsh, ("--contexts=", "ea"), &contexts, Directive::NoSpace), "east :6");
    }

    #[test]
    fn a_name_that_a_shell_could_run_is_never_offered() {
        let hostile = ["$(id)", "a;b", "a`b`", "a b", "a\nb", "a\tb", "a'b", "*"];
        assert_eq!(said(Shell::Bash, ("", ""), &hostile, Directive::Candidates), ":4");
        let usual = "default/api-east-example-com:6443/kube:admin";
        assert_eq!(said(Shell::Bash, ("", ""), &[usual], Directive::Candidates), format!("{usual} :4"));
    }
}
