//! The one writer of YAML. kubectl and other readers take YAML 1.1, in which `no`, `on`, `y` or `1_000` are not text:
//! whatever is not plain beyond doubt is quoted.

use std::fmt::Write as _;

use serde_json::Value;

/// A document without the leading `---`, ending in a newline.
pub fn document(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Object(map) if !map.is_empty() => block(&mut out, value, 0),
        Value::Array(list) if !list.is_empty() => block(&mut out, value, 0),
        scalar => {
            inline(&mut out, scalar);
            out.push('\n');
        }
    }
    out
}

/// Writes a map or list that is not empty, each line indented.
fn block(out: &mut String, value: &Value, indent: usize) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                pad(out, indent);
                entry(out, key, value, indent);
            }
        }
        Value::Array(list) => {
            for item in list {
                pad(out, indent);
                out.push_str("- ");
                match item {
                    Value::Object(map) if !map.is_empty() => {
                        for (index, (key, value)) in map.iter().enumerate() {
                            if index > 0 {
                                pad(out, indent + 2);
                            }
                            entry(out, key, value, indent + 2);
                        }
                    }
                    Value::Array(list) if !list.is_empty() => {
                        out.push('\n');
                        block(out, item, indent + 2);
                    }
                    scalar => leaf(out, scalar, indent),
                }
            }
        }
        scalar => leaf(out, scalar, indent),
    }
}

fn entry(out: &mut String, key: &str, value: &Value, indent: usize) {
    text(out, key);
    out.push(':');
    match value {
        Value::Object(map) if !map.is_empty() => {
            out.push('\n');
            block(out, value, indent + 2);
        }
        Value::Array(list) if !list.is_empty() => {
            out.push('\n');
            block(out, value, indent);
        }
        scalar => {
            out.push(' ');
            leaf(out, scalar, indent);
        }
    }
}

fn leaf(out: &mut String, value: &Value, indent: usize) {
    match value {
        Value::String(lines) if is_literal(lines) => {
            out.push_str("|\n");
            for line in lines.lines() {
                pad(out, indent + 2);
                out.push_str(line);
                out.push('\n');
            }
        }
        scalar => {
            inline(out, scalar);
            out.push('\n');
        }
    }
}

/// Whether a text reads best as lines (a certificate, a kubeconfig): several, each plainly printable, the last one ended.
fn is_literal(text: &str) -> bool {
    text.ends_with('\n')
        && !text.ends_with("\n\n")
        && text.len() > 1
        && text.lines().all(|line| {
            !line.is_empty()
                && !line.starts_with([' ', '\t'])
                && line.chars().all(|c| c.is_ascii_graphic() || c == ' ')
                && !line.ends_with(' ')
        })
}

fn inline(out: &mut String, value: &Value) {
    match value {
        Value::String(string) => text(out, string),
        Value::Object(_) => out.push_str("{}"),
        Value::Array(_) => out.push_str("[]"),
        other => {
            let _ = write!(out, "{other}");
        }
    }
}

fn text(out: &mut String, string: &str) {
    if is_plain(string) {
        out.push_str(string);
    } else {
        // A JSON string is a double-quoted YAML string (YAML 1.2, section 1.3), but for two characters that YAML counts as
        // line breaks or refuses.
        let quoted = Value::from(string).to_string();
        for character in quoted.chars() {
            match character {
                '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => {
                    let _ = write!(out, "\\u{:04x}", u32::from(character));
                }
                other => out.push(other),
            }
        }
    }
}

/// Whether a text is the same unquoted in YAML 1.1 and 1.2: begins with a letter, holds only harmless characters, and is none
/// of the words that mean something else.
fn is_plain(string: &str) -> bool {
    const WORDS: [&str; 11] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"];
    let first = string.chars().next();
    first.is_some_and(|c| c.is_ascii_alphabetic() || c == '/')
        && string.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '/' | '_' | ':' | '=' | '+'))
        && !string.ends_with(':')
        && !WORDS.contains(&string.to_ascii_lowercase().as_str())
}

fn pad(out: &mut String, indent: usize) {
    out.extend(std::iter::repeat_n(' ', indent));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_yaml_1_1_takes_for_something_else_is_quoted() {
        for word in [
            "no", "On", "y", "1_000", "0x1f", "12:30", "", "~", "-", "=", "a: b", "a:", "# c", "null", "2001-1-1",
            ".inf",
        ] {
            assert_eq!(document(&json!({ "key": word })), format!("key: {}\n", json!(word)));
        }
    }

    #[test]
    fn addresses_images_and_what_is_encoded_stand_without_quotes() {
        for word in ["https://10.0.0.1:6443", "docker.io/lab/curl:1", "LS0tLS1CRUdJTg+/=="] {
            assert_eq!(document(&json!({ "key": word })), format!("key: {word}\n"));
        }
    }

    #[test]
    fn manifests_read_as_people_write_them() {
        let text = document(&json!({
            "kind": "Service",
            "spec": { "ports": [{ "name": "tls", "port": 15443 }], "selector": {}, "names": ["a", "b"] },
            "pem": "-----BEGIN\nabc=\n",
        }));
        assert_eq!(
            text,
            "kind: Service\nspec:\n  ports:\n  - name: tls\n    port: 15443\n  selector: {}\n  names:\n  - a\n  - b\npem: |\n  -----BEGIN\n  abc=\n"
        );
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "\\PC{0,8}".prop_map(Value::from),
            "([a-zA-Z=+/-]{1,6}\n){1,3}".prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::hash_map("\\PC{0,6}", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_reader_gets_back_what_was_written(value in any_json()) {
            let read: Value = serde_yaml::from_str(&document(&value)).unwrap();
            prop_assert_eq!(read, value);
        }
    }
}
