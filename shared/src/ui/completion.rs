//! The verb `completion`, which both plugins have, and the hidden one that kubectl's helper calls.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

use crate::machine::completion_helper::Written;

const BASH: &str = "source <(kubectl completion bash)";
const ZSH: &str = "source <(kubectl completion zsh)";
const FISH: &str = "kubectl completion fish | source";

/// Complete verbs, flags and names by kubectl's own completion
///
/// kubectl completes a plugin through a helper of its own in PATH. It then offers verbs and flags, and the names that stand in
/// your kubeconfig and in the clusters: contexts, services, workloads, regions. Clusters are only read, for two seconds at most.
#[derive(Debug, Args)]
pub struct CompletionArguments {
    /// What is wanted.
    #[command(subcommand)]
    pub verb: CompletionVerb,
}

/// `completion …`.
#[derive(Debug, Subcommand)]
pub enum CompletionVerb {
    /// Put the helper where kubectl finds it
    ///
    /// It is written beside the plugin, else into ~/.local/bin if that is in PATH. A file of somebody else's stays.
    Install {
        /// Folder of PATH that it goes into
        #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
        dir: Option<PathBuf>,
    },
    /// Print what bash is to source
    Bash,
    /// Print what zsh is to source
    Zsh,
    /// Print what fish is to source
    Fish,
}

/// What kubectl's helper asks.
#[derive(Debug, Args)]
pub struct CompleteArguments {
    /// The words of the command line, up to the cursor
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub words: Vec<String>,
}

impl CompletionVerb {
    /// What a shell is to source; none for the verb that installs.
    pub fn source(&self) -> Option<&'static str> {
        match self {
            Self::Install { .. } => None,
            Self::Bash => Some(BASH),
            Self::Zsh => Some(ZSH),
            Self::Fish => Some(FISH),
        }
    }
}

/// What is said once the helper stands.
pub fn installed(written: &Written) -> String {
    let path = written.path.display();
    let first = if written.stood { format!("{path} stands already.") } else { format!("Wrote {path}.") };
    let folder = written.path.parent().unwrap_or(&written.path).display();
    let second = if written.in_path {
        "It works in every shell in which kubectl's own completion does. Where that is not on yet:".to_owned()
    } else {
        format!("kubectl finds it once {folder} is in your PATH, in every shell in which its own completion is on:")
    };
    format!(
        "{first}\n{second}\n  bash  {BASH:<36} in ~/.bashrc, with the package bash-completion\n  \
         zsh   {ZSH:<36} in ~/.zshrc\n  fish  {FISH:<36} in ~/.config/fish/config.fish"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_installs_it_learns_what_the_shell_still_needs() {
        let written =
            Written { path: "/home/ada/.krew/bin/kubectl_complete-mesh_mc".into(), stood: false, in_path: true };
        insta::assert_snapshot!(installed(&written));
        let elsewhere = Written { path: "/opt/x/kubectl_complete-mesh_mc".into(), stood: true, in_path: false };
        insta::assert_snapshot!(installed(&elsewhere));
    }
}
