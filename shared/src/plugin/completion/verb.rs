//! The verb `completion`, which both plugins have, and the hidden one that kubectl's helper calls.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum, ValueHint};

use crate::plugin::completion::helper::Written;
use crate::plugin::completion::shell::Shell;
use crate::plugin::error::{Error, Result};
use crate::plugin::terminal::Terminal;

/// Complete verbs, flags and names at a TAB
///
/// kubectl completes a plugin through a helper in PATH, which `install` puts there: beside the plugin, else into
/// ~/.local/bin if that is in PATH. Files of others are never overwritten. Completes verbs, flags, and names from your
/// kubeconfig and the clusters: contexts, services, workloads, regions. Clusters are only read, for two seconds at
/// most.
#[derive(Debug, Args)]
pub struct CompletionArguments {
    /// What is wanted: install, bash, zsh or fish
    ///
    /// install puts the helper where kubectl finds it. For bash, zsh and fish it prints what they source: kubectl's own
    /// completion, which asks the helper.
    #[arg(value_name = "WHAT", value_enum, hide_possible_values = true)]
    what: What,
    /// Folder of PATH for the helper
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    dir: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    /// Put the helper where kubectl finds it.
    Install,
    /// Print what bash sources.
    Bash,
    /// Print what zsh sources.
    Zsh,
    /// Print what fish sources.
    Fish,
}

/// What kubectl's helper asks.
#[derive(Debug, Args)]
pub struct CompleteArguments {
    /// The words of the command line, up to the cursor
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub words: Vec<String>,
}

/// Has the helper installed, into the folder that is named or one that fits, or prints what a shell sources. The exit code.
///
/// # Errors
/// If the helper cannot be installed; a usage error if a folder is named and nothing goes into it.
pub fn completion(
    arguments: &CompletionArguments,
    install: impl FnOnce(Option<&Path>) -> Result<Written>,
    terminal: Terminal,
) -> Result<u8> {
    let shell = match arguments.what {
        What::Install => {
            terminal.say(&installed(&install(arguments.dir.as_deref())?));
            return Ok(0);
        }
        What::Bash => Shell::Bash,
        What::Zsh => Shell::Zsh,
        What::Fish => Shell::Fish,
    };
    if arguments.dir.is_some() {
        return Err(Error::usage("--dir is for the helper, and none is installed here")
            .fix("leave it out, or install the helper: completion install --dir DIR"));
    }
    terminal.data(&format!("{}\n", shell.sourced()));
    Ok(0)
}

/// What is printed once the helper is installed.
fn installed(written: &Written) -> String {
    let path = written.path.display();
    let first = if written.stood { format!("{path} exists already.") } else { format!("Wrote {path}.") };
    let folder = written.path.parent().unwrap_or(&written.path).display();
    let second = if written.in_path {
        "It works in every shell in which kubectl's own completion does. Where that is not on yet:".to_owned()
    } else {
        format!("kubectl finds it once {folder} is in your PATH, in every shell in which its own completion is on:")
    };
    let [bash, zsh, fish] = [Shell::Bash, Shell::Zsh, Shell::Fish].map(Shell::sourced);
    format!(
        "{first}\n{second}\n  bash  {bash:<36} in ~/.bashrc, with the package bash-completion\n  \
         zsh   {zsh:<36} in ~/.zshrc\n  fish  {fish:<36} in ~/.config/fish/config.fish"
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
