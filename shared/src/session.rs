//! What a command has from its start to its end.

pub mod standard_verbs;

use crate::cluster::connection_arguments::ConnectionArguments;
use crate::cluster::context::Connection;
use crate::plugin::release::Build;
use crate::plugin::terminal::Terminal;

/// How clusters are reached, where output goes, and who this plugin is to both.
#[derive(Debug, Clone)]
pub struct Session {
    /// How clusters are reached.
    pub connection: Connection,
    /// Where output goes and questions are asked.
    pub terminal: Terminal,
    /// Our field manager, the value of `managed-by` labels, and the User-Agent's name.
    pub manager: &'static str,
}

impl Session {
    /// The session of a plugin, from its connection flags.
    pub fn new(arguments: &ConnectionArguments, terminal: Terminal, manager: &'static str, build: &Build) -> Self {
        Self { connection: arguments.connection(&format!("{manager}/{}", build.version())), terminal, manager }
    }
}
