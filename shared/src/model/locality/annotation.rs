//! The annotation of a rule that keeps what we wrote into it and what was there before: its format, and what is wrong
//! with one that cannot be read.
//!
//! ```json
//! {"version":1,"edits":[{"path":["trafficPolicy","outlierDetection","maxEjectionPercent"],"old":10,"new":99}]}
//! ```
//! `old` is missing if nothing was there. The first builds wrote only the list of edits; it is read as version 1.

use std::fmt;

use serde::Deserialize;
use serde_json::{Value, json};

use super::edits::Edit;

/// The version that this program writes.
const VERSION: u64 = 1;

/// Why what we wrote into a rule is unknown. Nothing may be written to such a rule: its old values are kept nowhere
/// else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Damage {
    /// It is not in the form of any version. Its text is not quoted, since it comes from a cluster.
    Form(String),
    /// Its version is unknown to this program.
    Version(u64),
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form(what) => f.write_str(what),
            Self::Version(version) => {
                write!(f, "it is of version {version}, and this plugin knows only version {VERSION}")
            }
        }
    }
}

/// The key of the annotation that keeps what a manager wrote.
pub fn key(manager: &str) -> String {
    format!("{manager}/written")
}

/// What a manager wrote into an object, according to its annotation; nothing if it has none.
///
/// # Errors
/// If the annotation exists and cannot be read: that is not the same as having none.
pub fn read(object: &Value, manager: &str) -> Result<Vec<Edit>, Damage> {
    match &object["metadata"]["annotations"][key(manager)] {
        Value::Null => Ok(Vec::new()),
        Value::String(text) => parse(text),
        _ => Err(Damage::Form("it is not text".into())),
    }
}

/// The annotation's text.
pub fn write(edits: &[Edit]) -> String {
    json!({"version": VERSION, "edits": edits}).to_string()
}

fn parse(text: &str) -> Result<Vec<Edit>, Damage> {
    if text.trim().is_empty() {
        return Err(Damage::Form("it is empty".into()));
    }
    let value: Value = serde_json::from_str(text).map_err(|error| {
        Damage::Form(if error.is_eof() {
            format!("it breaks off after {} characters", text.chars().count())
        } else {
            format!("it is not valid JSON from line {}, column {} on", error.line(), error.column())
        })
    })?;
    let edits = match value {
        Value::Array(edits) => edits,
        Value::Object(mut map) => {
            match map.shift_remove("version").as_ref().map(Value::as_u64) {
                Some(Some(VERSION)) => {}
                Some(Some(other)) => return Err(Damage::Version(other)),
                Some(None) => return Err(Damage::Form("its version is not a number".into())),
                None => return Err(Damage::Form("it has no version".into())),
            }
            match (map.shift_remove("edits"), map.is_empty()) {
                (Some(Value::Array(edits)), true) => edits,
                (_, false) => return Err(Damage::Form("it has keys that its version does not have".into())),
                (_, true) => return Err(Damage::Form("it has no list of edits".into())),
            }
        }
        _ => return Err(Damage::Form("it is neither an object nor a list".into())),
    };
    edits.iter().enumerate().map(|(index, edit)| entry(index + 1, edit)).collect()
}

fn entry(number: usize, value: &Value) -> Result<Edit, Damage> {
    let edit = Edit::deserialize(value)
        .map_err(|_| Damage::Form(format!("entry {number} is not in the form of an edit: path, old, new")))?;
    let is_key = |key: &String| !key.is_empty() && !key.chars().any(char::is_control);
    if edit.path.is_empty() || !edit.path.iter().all(is_key) {
        return Err(Damage::Form(format!("entry {number} names no field")));
    }
    Ok(edit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::locality::edits::edits;

    const US: &str = "kubectl-mesh-failover";

    fn rule(annotation: impl Into<Value>) -> Value {
        json!({"metadata": {"annotations": {key(US): annotation.into()}}})
    }

    fn damage(annotation: impl Into<Value>) -> String {
        read(&rule(annotation), US).unwrap_err().to_string()
    }

    #[test]
    fn what_was_written_reads_back_with_its_version() {
        let all = edits(&json!({"a": null, "b": 1}), &json!({"a": {"c": 1}, "b": 2, "d": 3}));
        let text = write(&all);
        assert!(text.starts_with(r#"{"version":1,"edits":["#), "{text}");
        assert_eq!(read(&rule(text), US), Ok(all));
    }

    #[test]
    fn the_list_without_a_version_that_the_first_builds_wrote_is_read() {
        let text = r#"[{"path":["trafficPolicy","outlierDetection","maxEjectionPercent"],"old":10,"new":99}]"#;
        let all = read(&rule(text), US).unwrap();
        assert_eq!(all[0].field(), "spec.trafficPolicy.outlierDetection.maxEjectionPercent");
        assert_eq!((all[0].old.as_ref(), &all[0].new), (Some(&json!(10)), &json!(99)));
    }

    #[test]
    fn a_rule_without_the_annotation_has_nothing_of_ours() {
        assert_eq!(read(&json!({}), US), Ok(vec![]));
        assert_eq!(read(&json!({"metadata": {"annotations": {"another/written": "x"}}}), US), Ok(vec![]));
    }

    #[test]
    fn each_damage_is_told_and_none_reads_as_nothing() {
        let whole = write(&edits(&json!({}), &json!({"trafficPolicy": {"outlierDetection": {"interval": "1s"}}})));
        for end in 1..whole.len() {
            let cut = &whole[..end];
            assert_eq!(damage(cut), format!("it breaks off after {end} characters"), "{cut}");
        }
        assert_eq!(damage(""), "it is empty");
        assert_eq!(damage(7), "it is not text");
        assert_eq!(damage("yes"), "it is not valid JSON from line 1, column 1 on");
        assert_eq!(damage("7"), "it is neither an object nor a list");
        assert_eq!(damage("{}"), "it has no version");
        assert_eq!(damage(r#"{"version":"1","edits":[]}"#), "its version is not a number");
        assert_eq!(damage(r#"{"version":1}"#), "it has no list of edits");
        assert_eq!(damage(r#"{"version":1,"edits":{}}"#), "it has no list of edits");
        assert_eq!(damage(r#"{"version":1,"edits":[],"more":1}"#), "it has keys that its version does not have");
        let form = "entry 1 is not in the form of an edit: path, old, new";
        assert_eq!(damage(r#"{"version":1,"edits":[{"path":["a"]}]}"#), form);
        assert_eq!(damage(r#"{"version":1,"edits":[{"path":["a"],"new":1,"odl":2}]}"#), form);
        assert_eq!(damage(r#"{"version":1,"edits":[{"path":[],"new":1}]}"#), "entry 1 names no field");
        assert_eq!(damage(r#"[{"path":["a"],"new":1},{"path":["a\u001b[2J"],"new":1}]"#), "entry 2 names no field");
    }

    #[test]
    fn a_version_that_is_not_known_is_not_guessed_at() {
        let newer = r#"{"version":2,"edits":[{"path":["a"],"new":1}]}"#;
        assert_eq!(read(&rule(newer), US), Err(Damage::Version(2)));
        assert_eq!(damage(newer), "it is of version 2, and this plugin knows only version 1");
    }
}
