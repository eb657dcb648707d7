//! A file per verb: arguments and calls.

pub mod mesh;
