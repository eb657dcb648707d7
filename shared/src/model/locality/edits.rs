//! What we wrote into someone else's rule, and how to take it out again. It is kept as annotation.rs describes.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One value that we put into a rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edit {
    /// Keys from `spec` on, such as `trafficPolicy`, `outlierDetection`.
    pub path: Vec<String>,
    /// What was there; none if nothing was.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub old: Option<Value>,
    /// What we wrote.
    pub new: Value,
}

/// An explicit null is a value that was there.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

impl Edit {
    /// Such as `spec.trafficPolicy.outlierDetection.maxEjectionPercent`.
    pub fn field(&self) -> String {
        format!("spec.{}", self.path.join("."))
    }
}

/// A value of ours that someone has changed since, and that stays as they set it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Kept {
    /// Such as `spec.trafficPolicy.outlierDetection.maxEjectionPercent`.
    pub field: String,
    /// What we wrote.
    pub wrote: Value,
    /// What is there now; none if they removed it.
    pub stands: Option<Value>,
}

/// The edits from one value to the other: topmost fields that are new, and fields that are replaced. Nothing is ever
/// removed.
pub fn edits(from: &Value, to: &Value) -> Vec<Edit> {
    let mut all = Vec::new();
    collect(from, to, &mut Vec::new(), &mut all);
    all
}

fn collect(from: &Value, to: &Value, path: &mut Vec<String>, all: &mut Vec<Edit>) {
    match (from, to) {
        _ if from == to => {}
        (Value::Object(from), Value::Object(to)) => {
            for (key, value) in to {
                path.push(key.clone());
                match from.get(key) {
                    Some(old) => collect(old, value, path, all),
                    None => all.push(Edit { path: path.clone(), old: None, new: value.clone() }),
                }
                path.pop();
            }
        }
        _ => all.push(Edit { path: path.clone(), old: Some(from.clone()), new: to.clone() }),
    }
}

/// A spec without what was written into it. What others have changed since stays, and is added to `kept`; what others
/// put beside it stays too. `shared` says whether someone else now owns a path (from `spec` on) as well, so that it
/// stays.
pub fn undo(spec: &Value, record: &[Edit], shared: &dyn Fn(&[String]) -> bool, kept: &mut Vec<Kept>) -> Value {
    let mut spec = spec.clone();
    for edit in record.iter().rev() {
        let Some((last, parents)) = edit.path.split_last() else { continue };
        let parent = parents.iter().try_fold(&mut spec, |value, key| value.get_mut(key));
        let parent = parent.and_then(Value::as_object_mut);
        let live = parent.as_ref().and_then(|parent| parent.get(last)).cloned();
        let mut path = edit.path.clone();
        let back = restored(edit.old.as_ref(), &edit.new, live.as_ref(), &mut path, shared, kept);
        match (parent, back) {
            (Some(parent), Some(back)) => {
                parent.insert(last.clone(), back);
            }
            (Some(parent), None) => {
                parent.shift_remove(last);
            }
            (None, _) => {}
        }
    }
    spec
}

/// The value to leave where we replaced `old` by `new` and `live` is there now.
fn restored(
    old: Option<&Value>,
    new: &Value,
    live: Option<&Value>,
    path: &mut Vec<String>,
    shared: &dyn Fn(&[String]) -> bool,
    kept: &mut Vec<Kept>,
) -> Option<Value> {
    let Some(live) = live else {
        kept.push(Kept { field: format!("spec.{}", path.join(".")), wrote: new.clone(), stands: None });
        return None;
    };
    match (new, live) {
        (Value::Object(ours), Value::Object(theirs)) if !ours.is_empty() => {
            let old = old.and_then(Value::as_object);
            let mut rest = Map::new();
            for (key, value) in theirs {
                let Some(ours) = ours.get(key) else {
                    rest.insert(key.clone(), value.clone());
                    continue;
                };
                path.push(key.clone());
                let back = restored(old.and_then(|old| old.get(key)), ours, Some(value), path, shared, kept);
                path.pop();
                rest.extend(back.map(|back| (key.clone(), back)));
            }
            for (key, value) in ours.iter().filter(|(key, _)| !theirs.contains_key(*key)) {
                kept.push(Kept { field: format!("spec.{}.{key}", path.join(".")), wrote: value.clone(), stands: None });
            }
            (!rest.is_empty() || old.is_some()).then_some(Value::Object(rest))
        }
        _ if new == live => match old {
            None if shared(path) => Some(live.clone()),
            old => old.cloned(),
        },
        (Value::Array(ours), Value::Array(theirs)) if keyed(ours) && keyed(theirs) => {
            let old = old.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            let mut rest = Vec::new();
            for item in theirs {
                let key = key_of(item);
                let Some(ours) = ours.iter().find(|ours| key_of(ours) == key) else {
                    rest.push(item.clone());
                    continue;
                };
                path.push(key.unwrap_or_default());
                let old = old.iter().find(|old| key_of(old) == key_of(item));
                rest.extend(restored(old, ours, Some(item), path, shared, kept));
                path.pop();
            }
            (!rest.is_empty() || !old.is_empty()).then_some(Value::Array(rest))
        }
        _ => {
            kept.push(Kept {
                field: format!("spec.{}", path.join(".")),
                wrote: new.clone(),
                stands: Some(live.clone()),
            });
            Some(live.clone())
        }
    }
}

/// Whether every item of a list has a key of its own.
fn keyed(items: &[Value]) -> bool {
    let keys: Vec<Option<String>> = items.iter().map(key_of).collect();
    keys.iter().enumerate().all(|(index, key)| key.is_some() && !keys[..index].contains(key))
}

/// What identifies an item of its list: the port of `portLevelSettings`.
fn key_of(item: &Value) -> Option<String> {
    item["port"]["number"].as_u64().map(|number| number.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn nobody(_: &[String]) -> bool {
        false
    }

    fn undone(old: &Value, new: &Value, live: &Value) -> (Value, Vec<String>) {
        let mut kept = Vec::new();
        let back = undo(live, &edits(old, new), &nobody, &mut kept);
        (back, kept.into_iter().map(|kept| kept.field).collect())
    }

    #[test]
    fn what_was_is_given_back() {
        let old = json!({"host": "a", "trafficPolicy": {"tls": {"mode": "ISTIO_MUTUAL"}, "outlierDetection": {}}});
        let new = json!({"host": "a", "trafficPolicy": {
            "tls": {"mode": "ISTIO_MUTUAL"}, "outlierDetection": {"interval": "1s"}, "loadBalancer": {"localityLbSetting": {"enabled": true}},
        }});
        assert_eq!(undone(&old, &new, &new), (old, vec![]));
    }

    #[test]
    fn what_others_added_since_stays() {
        let old = json!({"host": "a"});
        let new = json!({"host": "a", "trafficPolicy": {"outlierDetection": {"interval": "1s"}}});
        let live = json!({"host": "a", "subsets": [1], "trafficPolicy": {"outlierDetection": {"interval": "1s", "minHealthPercent": 5}}});
        let left = json!({"host": "a", "subsets": [1], "trafficPolicy": {"outlierDetection": {"minHealthPercent": 5}}});
        assert_eq!(undone(&old, &new, &live), (left, vec![]));
    }

    #[test]
    fn what_others_changed_since_stays_and_is_told() {
        let old = json!({"outlierDetection": {"maxEjectionPercent": 10}});
        let new = json!({"outlierDetection": {"maxEjectionPercent": 99}});
        let live = json!({"outlierDetection": {"maxEjectionPercent": 50}});
        let told = vec!["spec.outlierDetection.maxEjectionPercent".to_owned()];
        assert_eq!(undone(&old, &new, &live), (live.clone(), told.clone()));
        assert_eq!(undone(&old, &new, &json!({"outlierDetection": {}})), (json!({"outlierDetection": {}}), told));
    }

    #[test]
    fn ports_are_given_back_one_by_one_where_the_list_was_changed() {
        let port = |number: u16, more: Value| {
            let mut item = json!({"port": {"number": number}});
            item.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            item
        };
        let old = json!({"portLevelSettings": [port(80, json!({"tls": {}})), port(90, json!({}))]});
        let new = json!({"portLevelSettings": [port(80, json!({"tls": {}, "outlierDetection": {"interval": "1s"}})), port(90, json!({}))]});
        let live = json!({"portLevelSettings": [
            port(100, json!({"tls": {}})),
            port(80, json!({"tls": {}, "outlierDetection": {"interval": "1s"}, "connectionPool": {}})),
        ]});
        let left = json!({"portLevelSettings": [port(100, json!({"tls": {}})), port(80, json!({"tls": {}, "connectionPool": {}}))]});
        assert_eq!(undone(&old, &new, &live), (left, vec![]));
    }

    #[test]
    fn what_somebody_else_came_to_own_as_well_stays() {
        let (old, new) = (json!({}), json!({"outlierDetection": {"interval": "1s", "maxEjectionPercent": 99}}));
        let shared = |path: &[String]| path.last().is_some_and(|key| key == "interval");
        let back = undo(&new, &edits(&old, &new), &shared, &mut Vec::new());
        assert_eq!(back, json!({"outlierDetection": {"interval": "1s"}}));
    }
}
