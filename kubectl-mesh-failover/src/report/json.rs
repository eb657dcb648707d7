//! Stub.
use super::document::Document;
/// Stub.
pub fn render(document: &Document) -> String { serde_json::to_string_pretty(document).unwrap_or_default() + "\n" }
