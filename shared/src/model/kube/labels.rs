//! Labels, and equality-based selectors over them.

use std::collections::BTreeMap;

use serde_json::Value;

/// The labels of an object, or an equality-based selector, as a value has them; empty where there are none.
pub fn read(value: &Value) -> BTreeMap<String, String> {
    let pairs = value.as_object().into_iter().flatten();
    pairs.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
}

/// Whether all labels of a selector are among these. An empty selector selects everything; what it means instead in some
/// kinds, such as a Service, is the caller's to know.
pub fn selected(labels: &BTreeMap<String, String>, selector: &BTreeMap<String, String>) -> bool {
    selector.iter().all(|(name, value)| labels.get(name) == Some(value))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_selector_needs_all_its_labels() {
        let selector = read(&json!({"app": "a", "istio": "b"}));
        assert!(selected(&read(&json!({"app": "a", "istio": "b", "x": "y"})), &selector));
        assert!(!selected(&read(&json!({"app": "a"})), &selector));
        assert!(!selected(&read(&json!({"app": "a", "istio": "c"})), &selector));
        assert!(selected(&BTreeMap::new(), &BTreeMap::new()));
    }
}
