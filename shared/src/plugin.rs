//! What a kubectl plugin needs before it knows any cluster: errors, findings, words, the terminal, completion.

pub mod arguments;
pub mod completion;
pub mod did_you_mean;
pub mod duration;
pub mod error;
pub mod finding;
pub mod release;
pub mod terminal;
pub mod text;
pub mod yaml;
