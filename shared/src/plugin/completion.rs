//! What may come next on a command line, found from clap's own description of it in three steps: [`line`] says what the
//! cursor's word is, [`crate::cluster::completion::names`] looks up names, which may ask clusters, and [`answer`]
//! formats the result for kubectl.

pub mod helper;
pub mod verb;

pub mod answer;
pub mod line;
pub mod shell;
pub mod subject;
