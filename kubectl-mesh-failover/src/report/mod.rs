//! Reports of a drill: one document, rendered in several ways.

pub mod document;
pub mod wording;
