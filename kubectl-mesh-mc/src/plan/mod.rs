//! What a verb decides, from what was observed, as pure functions.

pub mod join;
