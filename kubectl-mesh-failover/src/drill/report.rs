//! Reports of a drill: one document, rendered in several formats. Each is a function of the document alone.

pub mod document;
mod figure_rows;
pub mod html;
pub mod json;
pub mod text;
pub mod wording;

#[cfg(test)]
mod sample_documents;
