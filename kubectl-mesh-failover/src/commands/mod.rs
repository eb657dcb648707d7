//! A file per verb: arguments and calls.

pub mod arguments;
pub mod drill;
pub mod mesh;
pub mod write;
