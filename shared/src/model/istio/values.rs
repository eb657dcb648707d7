//! The user's own values: `--set` and `--values`, merged below what a join sets itself.

use serde_json::{Map, Value};

use crate::plugin::error::{Error, Result};

/// Puts `over` on top of `under`: maps merge key by key, anything else is replaced.
pub fn merge(under: &mut Value, over: Value) {
    match (under, over) {
        (Value::Object(under), Value::Object(over)) => {
            for (key, value) in over {
                merge(under.entry(key).or_insert(Value::Null), value);
            }
        }
        (under, over) => *under = over,
    }
}

/// The value tree of one `--set key.path=value`, by helm's rules: `true`, `false`, `null` and whole numbers are what
/// they look like, `{a,b}` is a list, `\.` in a key is a dot, `key[0]` is a list item; anything else is text.
///
/// # Errors
/// A usage error if there is no `=`, a key is empty, or an index is not a number or over 1000.
pub fn parse_set(text: &str) -> Result<Value> {
    let fault = |why: String| {
        Error::usage(format!("--set {text:?} is not understood")).because(why).fix("write it as --set key.path=value")
    };
    let Some((path, value)) = text.split_once('=') else { return Err(fault("it has no '='".into())) };
    let keys = split_keys(path).map_err(fault)?;
    Ok(keys.into_iter().rev().fold(scalar_or_list(value), |inner, key| match key {
        Key::Name(name) => Value::Object(Map::from_iter([(name, inner)])),
        Key::Index(index) => {
            let mut list = vec![Value::Null; index];
            list.push(inner);
            Value::Array(list)
        }
    }))
}

/// As [`parse_set`], but the value stays text.
///
/// # Errors
/// As [`parse_set`].
pub fn parse_set_string(text: &str) -> Result<Value> {
    let mut tree = parse_set(text)?;
    let value = text.split_once('=').map_or("", |(_, value)| value);
    replace_leaf(&mut tree, value);
    Ok(tree)
}

fn replace_leaf(tree: &mut Value, text: &str) {
    match tree {
        Value::Object(map) if map.len() == 1 => {
            if let Some(inner) = map.values_mut().next() {
                replace_leaf(inner, text);
            }
        }
        leaf => *leaf = text.into(),
    }
}

/// The first of these paths that is set, as `a.b.c`, if any.
pub fn first_set<'a>(values: &Value, paths: &[&'a [&'a str]]) -> Option<String> {
    paths
        .iter()
        .find(|path| path.iter().try_fold(values, |value, key| value.get(*key)).is_some())
        .map(|path| path.join("."))
}

enum Key {
    Name(String),
    Index(usize),
}

fn split_keys(path: &str) -> std::result::Result<Vec<Key>, String> {
    let mut keys = Vec::new();
    let mut name = String::new();
    let mut characters = path.chars();
    let mut after_index = false;
    loop {
        match characters.next() {
            Some('\\') => name.extend(characters.next()),
            Some('[') => {
                if !name.is_empty() {
                    keys.push(Key::Name(std::mem::take(&mut name)));
                }
                let digits: String = characters.by_ref().take_while(|c| *c != ']').collect();
                let index: usize = digits.parse().map_err(|_| format!("{digits:?} is not an index"))?;
                if index > 1000 {
                    return Err(format!("index {index} is over 1000"));
                }
                keys.push(Key::Index(index));
                after_index = true;
            }
            end @ (Some('.') | None) => {
                if name.is_empty() && !after_index {
                    return Err("a key is empty".into());
                }
                if !name.is_empty() {
                    keys.push(Key::Name(std::mem::take(&mut name)));
                }
                after_index = false;
                if end.is_none() {
                    return Ok(keys);
                }
            }
            Some(other) => name.push(other),
        }
    }
}

fn scalar_or_list(text: &str) -> Value {
    match text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        Some("") => Value::Array(Vec::new()),
        Some(items) => items.split(',').map(scalar).collect(),
        None => scalar(text),
    }
}

fn scalar(text: &str) -> Value {
    match text {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        "null" => Value::Null,
        // Helm keeps a number with a leading zero as text.
        _ if text.len() > 1 && text.starts_with('0') => text.into(),
        _ => text.parse::<i64>().map_or_else(|_| text.replace("\\,", ",").into(), Value::from),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_path_becomes_a_tree() {
        assert_eq!(parse_set("pilot.env.PILOT_X=true").unwrap(), json!({"pilot": {"env": {"PILOT_X": true}}}));
        assert_eq!(parse_set("a\\.b=007").unwrap(), json!({"a.b": "007"}));
        assert_eq!(parse_set("a[1].b={x,2}").unwrap(), json!({"a": [null, {"b": ["x", 2]}]}));
        assert_eq!(parse_set("a=b=c").unwrap(), json!({"a": "b=c"}));
    }

    #[test]
    fn what_is_no_setting_is_a_usage_error() {
        for wrong in ["pilot", "=1", "a..b=1", "a[x]=1", "a[99999999]=1"] {
            assert_eq!(parse_set(wrong).unwrap_err().exit_code(), 2, "{wrong}");
        }
    }

    #[test]
    fn later_values_win_and_others_stay() {
        let mut values = json!({"global": {"network": "a", "tag": "1"}, "list": [1, 2]});
        merge(&mut values, json!({"global": {"network": "b"}, "list": [3]}));
        assert_eq!(values, json!({"global": {"network": "b", "tag": "1"}, "list": [3]}));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,40}") {
            let _ = parse_set(&text);
        }
    }
}
