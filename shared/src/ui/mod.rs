//! The terminal: nothing outside of here prints. stdout is data, stderr is talk.

pub mod arguments;
pub mod command;
pub mod completion;
pub mod diff;
pub mod error;
pub mod format;
pub mod help;
pub mod live;
pub mod progress;
pub mod prompt;
pub mod table;
pub mod terminal;
pub mod usage;
pub mod version;
