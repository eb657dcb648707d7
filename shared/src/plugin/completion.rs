//! What may stand next on a command line: found in clap's own description of it, in three steps of which only the second asks
//! anybody. [`line`] says what the cursor's word is, [`crate::cluster::completion::names`] brings names where those of clusters are wanted,
//! [`answer`] says it as kubectl wants to hear it.

pub mod helper;
pub mod verb;

pub mod answer;
pub mod line;
pub mod shell;
pub mod subject;
