//! Stub.
use super::document::Document;
/// Stub.
pub fn render(document: &Document) -> String { format!("{:?} {}\n{:#?}\n", document.verdict, document.headline, document) }
