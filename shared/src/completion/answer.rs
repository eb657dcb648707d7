//! An answer as kubectl wants it: a candidate a line, what it is behind a tab, and last what the shell is to do.

use std::fmt::Write as _;

use super::line::Candidate;

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

/// The text for kubectl: those candidates that begin with the word. One that a shell could take for something else than a name is
/// left out: names come from clusters.
pub fn render(candidates: &[Candidate], word: &str, directive: Directive) -> String {
    let mut text = String::new();
    for candidate in candidates.iter().filter(|one| one.text.starts_with(word) && is_plain(&one.text)) {
        let _ = match candidate.about.as_str() {
            "" => writeln!(text, "{}", candidate.text),
            about => writeln!(text, "{}\t{about}", candidate.text),
        };
    }
    let _ = writeln!(text, ":{}", directive.number());
    text
}

/// Whether a name is made of nothing but what no shell reads anything into. Contexts may hold `/`, `:` and `@`.
fn is_plain(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || "-._/:@=,%+".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(text: &str, about: &str) -> Candidate {
        Candidate { text: text.into(), about: about.into() }
    }

    #[test]
    fn candidates_stand_a_line_each_and_the_directive_last() {
        let all = [candidate("join", "Bring clusters into one mesh"), candidate("version", "")];
        assert_eq!(render(&all, "", Directive::Candidates), "join\tBring clusters into one mesh\nversion\n:4\n");
        assert_eq!(render(&all, "jo", Directive::NoSpace), "join\tBring clusters into one mesh\n:6\n");
        assert_eq!(render(&[], "", Directive::Files), ":0\n");
        assert_eq!(render(&[], "", Directive::Folders), ":16\n");
    }

    #[test]
    fn a_name_that_a_shell_could_run_is_never_offered() {
        let all = ["$(id)", "a;b", "a`b`", "a b", "a\nb", "a\tb", "a'b", "*"].map(|text| candidate(text, ""));
        assert_eq!(render(&all, "", Directive::Candidates), ":4\n");
        let usual = candidate("default/api-east-example-com:6443/kube:admin", "");
        assert!(render(&[usual], "", Directive::Candidates).starts_with("default/api-east"));
    }
}
