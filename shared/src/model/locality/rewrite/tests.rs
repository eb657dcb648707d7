use proptest::prelude::*;

use super::*;
use crate::model::kube::json_patch::tests::patched;
use crate::model::locality::merge::tests::{any_spec, wanted};
use crate::model::locality::merge::{Merged, merge};

const US: &str = "kubectl-mesh-failover";

/// The fields of a value as `managedFields` lists them.
fn fields(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            Value::Object(map.iter().map(|(key, value)| (format!("f:{key}"), fields(value))).collect())
        }
        _ => json!({}),
    }
}

fn entry(manager: &str, operation: &str, object: &Value) -> Value {
    let mut owned = json!({"spec": object["spec"]});
    for part in ["labels", "annotations"] {
        if object["metadata"][part].is_object() {
            owned["metadata"][part] = object["metadata"][part].clone();
        }
    }
    json!({"manager": manager, "operation": operation, "fieldsV1": fields(&owned)})
}

fn users(spec: &Value) -> Value {
    let mut object = json!({
        "apiVersion": API_VERSION, "kind": "DestinationRule",
        "metadata": {"name": "a", "namespace": "sample", "uid": "u", "resourceVersion": "1"},
        "spec": spec,
    });
    object["metadata"]["managedFields"] = json!([entry("kubectl-edit", "Update", &object)]);
    object
}

/// What an API server makes of a write, as far as these tests look at ownership.
fn carried_out(live: Option<&Value>, write: &Write) -> Option<Value> {
    match write {
        Write::Delete { .. } => None,
        Write::Patch { operations, .. } => {
            let mut object = patched(live.unwrap(), operations);
            object["metadata"]["resourceVersion"] = "9".into();
            Some(object)
        }
        Write::Apply { manifest } => {
            let mut object = live.map_or_else(|| manifest.clone(), |live| over(live, manifest));
            let others = object["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
            let mut entries: Vec<Value> =
                others.into_iter().filter(|entry| entry["manager"] != US || entry["operation"] != "Apply").collect();
            entries.push(entry(US, "Apply", manifest));
            object["metadata"]["managedFields"] = entries.into();
            object["metadata"]["resourceVersion"] = "8".into();
            object["metadata"]["uid"] = "u".into();
            Some(object)
        }
        Write::Create { .. } => unreachable!(),
    }
}

fn over(live: &Value, manifest: &Value) -> Value {
    match (live, manifest) {
        (Value::Object(live), Value::Object(manifest)) => {
            let mut whole = live.clone();
            for (key, value) in manifest {
                let value = live.get(key).map_or_else(|| value.clone(), |live| over(live, value));
                whole.insert(key.clone(), value);
            }
            Value::Object(whole)
        }
        _ => manifest.clone(),
    }
}

fn standing(live: &Value) -> Standing<'_> {
    Standing::of(live, US).unwrap()
}

fn merged_into(standing: &Standing<'_>) -> Merged {
    let start = if standing.own { filled(&standing.spec, &json!({"host": "a"})) } else { standing.spec.clone() };
    merge(&start, &wanted()).unwrap()
}

/// The rule after an apply, and what that took over.
fn applied(live: &Value) -> (Value, Vec<Conflict>) {
    let standing = standing(live);
    let rewrite = standing.with(&merged_into(&standing), US);
    let after = rewrite.write.map_or_else(|| live.clone(), |write| carried_out(Some(live), &write).unwrap());
    (after, rewrite.conflicts)
}

/// Whether applying once more would write anything.
fn is_settled(live: &Value) -> bool {
    let standing = standing(live);
    let rewrite = standing.with(&merged_into(&standing), US);
    rewrite.write.is_none() && rewrite.conflicts.is_empty()
}

fn removed(live: &Value) -> Option<Value> {
    let write = standing(live).removed(US).write;
    write.map_or_else(|| Some(live.clone()), |write| carried_out(Some(live), &write))
}

fn own() -> Value {
    let key = ObjectKey::new("DestinationRule", "sample", "a");
    let made = made(&key, &merge(&json!({"host": "a"}), &wanted()).unwrap(), US);
    carried_out(None, &made.write.unwrap()).unwrap()
}

#[test]
fn a_rule_of_our_own_is_made_once_and_goes_whole() {
    let own = own();
    assert!(standing(&own).own);
    assert!(is_settled(&own));
    assert_eq!(removed(&own), None);
}

#[test]
fn a_rule_of_our_own_that_others_put_something_into_stays_with_that() {
    let mut rule = own();
    rule["spec"]["subsets"] = json!([{"name": "v1"}]);
    let theirs = json!({"manager": "kubectl-edit", "operation": "Update", "fieldsV1": {"f:spec": {"f:subsets": {}}}});
    rule["metadata"]["managedFields"].as_array_mut().unwrap().push(theirs);
    assert!(is_settled(&rule));
    let left = removed(&rule).unwrap();
    assert_eq!(left["spec"], json!({"subsets": [{"name": "v1"}], "host": "a"}));
    assert_eq!(left["metadata"]["labels"][MANAGED_BY], Value::Null);
    assert!(!standing(&left).has_ours());
}

#[test]
fn what_is_new_in_a_users_rule_is_applied_and_the_rest_is_not_sent() {
    let rule = users(
        &json!({"host": "a", "subsets": [{"name": "v1"}], "trafficPolicy": {"outlierDetection": {"interval": "1s"}}}),
    );
    let standing = standing(&rule);
    let Some(Write::Apply { manifest }) = standing.with(&merged_into(&standing), US).write else { panic!() };
    assert_eq!(manifest["metadata"]["resourceVersion"], "1");
    assert_eq!(manifest["metadata"].get("labels"), None);
    assert_eq!(manifest["spec"]["trafficPolicy"]["outlierDetection"], json!({"maxEjectionPercent": 99}));
    assert_eq!(manifest["spec"].as_object().unwrap().len(), 1);
}

#[test]
fn a_value_of_somebody_elses_is_named_with_its_owner_and_changed_by_a_patch_that_tests_it() {
    let rule = users(&json!({"host": "a", "trafficPolicy": {"outlierDetection": {"maxEjectionPercent": 10}}}));
    let (after, conflicts) = applied(&rule);
    assert_eq!(conflicts.len(), 1);
    assert_eq!(conflicts[0].field, "spec.trafficPolicy.outlierDetection.maxEjectionPercent");
    assert_eq!((conflicts[0].owners.as_slice(), &conflicts[0].old), (&["kubectl-edit".to_owned()][..], &json!(10)));
    assert_eq!(after["spec"]["trafficPolicy"]["outlierDetection"]["maxEjectionPercent"], 99);
    // Once taken over, it is no longer a conflict.
    assert!(is_settled(&after));
    let back = removed(&after).unwrap();
    assert_eq!((&back["spec"], back["metadata"].get("annotations")), (&rule["spec"], None));
}

#[test]
fn a_value_that_was_changed_since_is_theirs_again() {
    let (mut rule, _) = applied(&users(&json!({"host": "a"})));
    rule["spec"]["trafficPolicy"]["outlierDetection"]["maxEjectionPercent"] = 10.into();
    let (_, conflicts) = applied(&rule);
    assert_eq!(conflicts.iter().map(|conflict| &conflict.old).collect::<Vec<_>>(), [&json!(10)]);
    let standing = standing(&rule);
    assert_eq!(standing.kept[0].field, "spec.trafficPolicy.outlierDetection.maxEjectionPercent");
    assert_eq!(
        removed(&rule).unwrap()["spec"],
        json!({"host": "a", "trafficPolicy": {"outlierDetection": {"maxEjectionPercent": 10}}})
    );
}

#[test]
fn a_record_of_the_first_builds_is_used_as_it_is_and_not_rewritten_for_its_form() {
    let before = users(&json!({"host": "a", "trafficPolicy": {"outlierDetection": {"maxEjectionPercent": 10}}}));
    let (mut rule, _) = applied(&before);
    let text = rule["metadata"]["annotations"][annotation::key(US)].as_str().unwrap();
    let whole: Value = serde_json::from_str(text).unwrap();
    assert_eq!(whole["version"], 1);
    rule["metadata"]["annotations"][annotation::key(US)] = whole["edits"].to_string().into();
    assert!(is_settled(&rule));
    let back = removed(&rule).unwrap();
    assert_eq!((&back["spec"], back["metadata"].get("annotations")), (&before["spec"], None));
}

#[test]
fn where_nobody_can_read_what_is_ours_nothing_is_decided() {
    let (rule, _) = applied(&users(&json!({"host": "a"})));
    for (text, damage) in [
        ("[{", Damage::Form("it breaks off after 2 characters".into())),
        ("{\"version\":9,\"edits\":[]}", Damage::Version(9)),
    ] {
        let mut rule = rule.clone();
        rule["metadata"]["annotations"][annotation::key(US)] = text.into();
        assert_eq!(Standing::of(&rule, US), Err(damage));
    }
}

proptest! {
    #[test]
    fn applied_twice_is_applied_once(spec in any_spec()) {
        let (once, _) = applied(&users(&spec));
        prop_assert!(is_settled(&once));
    }

    #[test]
    fn removing_gives_back_what_was(spec in any_spec()) {
        let rule = users(&spec);
        let (after, _) = applied(&rule);
        let back = removed(&after).unwrap();
        prop_assert_eq!(&back["spec"], &spec);
        prop_assert_eq!(back["metadata"].get("annotations"), None);
    }

    #[test]
    fn what_others_put_beside_ours_outlives_it(spec in any_spec()) {
        let (mut after, _) = applied(&users(&spec));
        after["spec"]["exportTo"] = json!(["."]);
        after["spec"]["trafficPolicy"]["connectionPool"] = json!({"tcp": {"maxConnections": 1}});
        let back = removed(&after).unwrap();
        prop_assert_eq!(&back["spec"]["exportTo"], &json!(["."]));
        prop_assert_eq!(&back["spec"]["trafficPolicy"]["connectionPool"]["tcp"]["maxConnections"], &json!(1));
    }

    #[test]
    fn a_write_never_sends_what_is_the_users(spec in any_spec()) {
        let rule = users(&spec);
        let standing = standing(&rule);
        if let Some(Write::Apply { manifest }) = standing.with(&merged_into(&standing), US).write {
            for edit in edits(&manifest["spec"], &over(&manifest["spec"], &spec)) {
                prop_assert_eq!(edit.old, None, "{:?}", edit.path);
            }
        }
    }
}
