//! The verbs that both plugins have: `completion`, `version`, `help`, and the hidden one that kubectl's completion asks.

use clap::{Command, Subcommand};
use futures::FutureExt;

use super::Session;
use crate::cluster::completion::answer;
use crate::plugin::completion::helper::install;
use crate::plugin::completion::line::Line;
use crate::plugin::completion::subject::Subject;
use crate::plugin::completion::verb::{CompleteArguments, CompletionArguments, completion};
use crate::plugin::error::Result;
use crate::plugin::release::Build;
use crate::plugin::terminal::command::block_on;
use crate::plugin::terminal::help::{self, HelpArguments};
use crate::plugin::terminal::version::{self, VersionArguments};

/// A verb that both plugins have; what its help says is at its arguments. The ends of their help pages are made by [`help::shaped`], which knows the plugin's name.
#[derive(Debug, Subcommand)]
pub enum StandardVerb {
    Completion(CompletionArguments),
    #[command(name = "__complete", hide = true)]
    Complete(CompleteArguments),
    Version(VersionArguments),
    Help(HelpArguments),
}

/// What a plugin's standard verbs need to know of it.
#[derive(Debug, Clone, Copy)]
pub struct PluginVerbs {
    /// Its whole command line.
    pub command: fn() -> Command,
    /// Which build it is.
    pub build: &'static Build,
    /// What the value of an argument is.
    pub subject: fn(&Line) -> Option<Subject>,
    /// Names that it alone knows.
    pub own_names: fn() -> Vec<String>,
}

impl StandardVerb {
    /// Runs the verb, and returns the exit code.
    ///
    /// # Errors
    /// If the completion helper cannot be installed; a usage error for the help of an unknown verb.
    pub fn run(self, plugin: PluginVerbs, session: Session) -> Result<u8> {
        let terminal = session.terminal;
        let text = match self {
            Self::Completion(arguments) => {
                let name = (plugin.command)().get_name().trim_start_matches("kubectl-").to_owned();
                return completion(&arguments, |folder| install(&name, folder), terminal);
            }
            Self::Complete(arguments) => {
                let command = (plugin.command)();
                let answer = answer(&arguments.words, command, plugin.subject, plugin.own_names, session.connection);
                block_on(answer.map(Ok))?
            }
            Self::Version(arguments) => version::version(&arguments, &plugin.build.words(), &plugin.build.about()),
            Self::Help(asked) => help::page((plugin.command)(), &asked, terminal.on_stdout().colour)?,
        };
        terminal.data(&text);
        Ok(0)
    }
}
