//! Reports of a drill: one document, rendered in several ways.

pub mod document;
pub mod html;
pub mod json;
pub mod text;
pub mod wording;
