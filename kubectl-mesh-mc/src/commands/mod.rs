//! One file per verb: its arguments, and calls.

pub mod join;
