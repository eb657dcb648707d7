//! What a kubectl plugin needs before it knows any cluster: errors, words, the terminal, completion.

pub mod arguments;
pub mod completion;
pub mod duration;
pub mod error;
pub mod near;
pub mod release;
pub mod terminal;
pub mod text;
pub mod yaml;
