//! A file per verb: arguments and calls.

pub mod arguments;
pub mod completion;
pub mod drill;
pub mod expose;
pub mod list;
pub mod locality;
pub mod mesh;
pub mod regions;
pub mod write;
