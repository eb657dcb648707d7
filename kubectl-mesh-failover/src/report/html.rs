//! Stub.
use super::document::Document;
/// Stub.
pub fn render(document: &Document) -> String { format!("<!DOCTYPE html>{}", document.headline) }
