//! The document as JSON, for programs. docs/drills.md describes its fields.

use mesh_shared::plugin::error::{Error, Result};

use super::document::Document;

/// The document, one field per line, with a final line feed.
///
/// # Errors
/// If it cannot be written as JSON, which is not known to happen.
pub fn render(document: &Document) -> Result<String> {
    let text = serde_json::to_string_pretty(document)
        .map_err(|error| Error::failed("the report cannot be written as JSON").because(error.to_string()).report())?;
    Ok(text + "\n")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use crate::drill::report::sample_documents;

    /// Paths of all fields, such as `phases[].answers.*`: keys that are regions become a star.
    fn paths(value: &Value, at: &str, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(fields) => {
                let regions = ["answers", "attempts"].iter().any(|name| at.rsplit('.').next() == Some(name));
                for (name, field) in fields {
                    let name = if regions { "*" } else { name };
                    let path = if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") };
                    found.insert(path.clone());
                    paths(field, &path, found);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| paths(item, &format!("{at}[]"), found)),
            _ => {}
        }
    }

    #[test]
    fn every_field_is_documented_and_every_documented_field_is_written() {
        let mut written = BTreeSet::new();
        for (_, document) in sample_documents::all() {
            let text = super::render(&document).unwrap();
            paths(&serde_json::from_str(&text).unwrap(), "", &mut written);
        }
        let documented: BTreeSet<String> = include_str!("../../../../docs/drills.md")
            .lines()
            .skip_while(|line| !line.starts_with("| field |"))
            .skip(2)
            .take_while(|line| line.starts_with("| "))
            .filter_map(|line| Some(line.split('`').nth(1)?.to_owned()))
            .collect();
        assert_eq!(written, documented);
    }

    #[test]
    fn the_schema_stands_first() {
        let (_, document) = sample_documents::all().remove(0);
        assert!(super::render(&document).unwrap().starts_with("{\n  \"schema\": \"mesh-failover/drill/v1\""));
    }
}
