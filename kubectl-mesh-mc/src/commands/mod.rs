//! One file per verb: its arguments, and calls.

pub mod completion;
pub mod join;
