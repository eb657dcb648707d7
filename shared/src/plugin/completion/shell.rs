//! The shells in which kubectl completes, and what each does with the candidates.

/// A shell in which kubectl completes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shell {
    /// bash, with the package bash-completion.
    Bash,
    /// zsh.
    Zsh,
    /// fish.
    Fish,
}

impl Shell {
    /// The shell that a program is, by its path or its name, such as `/usr/bin/zsh` or `-bash`.
    pub fn of(program: &str) -> Option<Self> {
        match program.rsplit('/').next()?.trim_start_matches('-') {
            "bash" => Some(Self::Bash),
            "zsh" => Some(Self::Zsh),
            "fish" => Some(Self::Fish),
            _ => None,
        }
    }

    /// What it has to source for kubectl to complete in it.
    pub fn sourced(self) -> &'static str {
        match self {
            Self::Bash => "source <(kubectl completion bash)",
            Self::Zsh => "source <(kubectl completion zsh)",
            Self::Fish => "kubectl completion fish | source",
        }
    }

    /// What kubectl's script for it puts before every word that it is offered while this word is typed: all from the first dash
    /// to the last `=`, as if that were a flag with a value. That of bash puts nothing there.
    ///
    /// Source: spf13/cobra `zsh_completions.go` and `fish_completions.go`, `flagPrefix`.
    pub fn puts_before(self, word: &str) -> &str {
        match (self, word.find('-'), word.rfind('=')) {
            (Self::Zsh | Self::Fish, Some(dash), Some(equals)) if dash < equals => &word[dash..=equals],
            _ => "",
        }
    }

    /// Whether the second half of `KEY=VALUE` can be offered once the first stands. Where [`Self::puts_before`] takes a dash in
    /// KEY for that of a flag it cannot.
    pub fn completes_halves(self) -> bool {
        self == Self::Bash
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_is_known_by_its_program() {
        for (program, shell) in [
            ("/bin/bash", Some(Shell::Bash)),
            ("-zsh", Some(Shell::Zsh)),
            ("/opt/homebrew/bin/fish", Some(Shell::Fish)),
            ("/bin/sh", None),
            ("", None),
        ] {
            assert_eq!(Shell::of(program), shell, "{program}");
        }
    }

    #[test]
    fn zsh_and_fish_take_all_up_to_the_last_equals_sign_for_a_flag() {
        for shell in [Shell::Zsh, Shell::Fish] {
            assert_eq!(shell.puts_before("--contexts=ea"), "--contexts=");
            assert_eq!(shell.puts_before("--failover=eu-1=us"), "--failover=eu-1=");
            assert_eq!(shell.puts_before("eu-1=us"), "-1=");
            assert_eq!(shell.puts_before("eu=us-1"), "");
            assert_eq!(shell.puts_before("eu-1"), "");
        }
        assert_eq!(Shell::Bash.puts_before("--contexts=ea"), "");
    }
}
