//! Which fields of existing objects a join changes, for the plan that is shown before the question.

use mesh_shared::model::kube::difference::all_differences;
use mesh_shared::model::kube::write::{Operation, Write};
use mesh_shared::model::seen::observed_cluster::ObservedCluster;
use serde_json::Value;

use super::members::Member;
use crate::work::tasks::{Action, Steps};

/// One line for each field that a step changes in an object that exists, such as `Service istio-system/x in east:
/// .spec.type is "A", wanted "B"`. Never of a Secret.
pub(super) fn of(steps: &Steps, members: &[Member], observed: &[ObservedCluster]) -> Vec<String> {
    let mut lines = Vec::new();
    for (_, step) in steps.iter() {
        let (Some(cluster), Action::Write(write)) = (&step.cluster, &step.action) else { continue };
        let key = write.object();
        let seen = members.iter().zip(observed).find(|(member, _)| member.name == *cluster);
        let live = seen.and_then(|(_, seen)| seen.objects.get(&key)).filter(|_| key.kind != "Secret");
        let Some(live) = live else { continue };
        lines.extend(changes(write, live).into_iter().map(|change| format!("{key} in {cluster}: {change}")));
    }
    lines
}

fn changes(write: &Write, live: &Value) -> Vec<String> {
    match write {
        Write::Create { manifest } | Write::Apply { manifest } => {
            all_differences(live, manifest).iter().map(ToString::to_string).collect()
        }
        Write::Patch { operations, .. } => operations.iter().filter_map(|operation| changed(operation, live)).collect(),
        Write::Delete { .. } => Vec::new(),
    }
}

fn changed(operation: &Operation, live: &Value) -> Option<String> {
    let now = |path: &str| live.pointer(path).map_or_else(|| "nothing".to_owned(), ToString::to_string);
    match operation {
        Operation::Test { .. } => None,
        // A map that holds what comes next.
        Operation::Add { value, .. } if value.as_object().is_some_and(serde_json::Map::is_empty) => None,
        Operation::Add { path, value } | Operation::Replace { path, value } => {
            Some(format!("{} is {}, wanted {value}", readable(path), now(path)))
        }
        Operation::Remove { path } => Some(format!("{} is {}, and is removed", readable(path), now(path))),
    }
}

/// A JSON pointer as differences name fields.
fn readable(pointer: &str) -> String {
    pointer.replace('/', ".").replace("~1", "/").replace("~0", "~")
}

#[cfg(test)]
mod tests {
    use mesh_shared::model::kube::object_key::ObjectKey;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_patch_names_what_is_and_what_is_wanted() {
        let live = json!({"metadata": {"annotations": {"a/b": "old"}}});
        let operations = vec![
            Operation::Test { path: "/metadata/uid".into(), value: "u".into() },
            Operation::Add { path: "/metadata/labels".into(), value: json!({}) },
            Operation::Add { path: "/metadata/labels/x".into(), value: "y".into() },
            Operation::Replace { path: "/metadata/annotations/a~1b".into(), value: "new".into() },
        ];
        let object = ObjectKey::new("Service", "a", "b");
        let write = Write::Patch { api_version: "v1".into(), object, subresource: None, operations };
        assert_eq!(
            changes(&write, &live),
            [".metadata.labels.x is nothing, wanted \"y\"", ".metadata.annotations.a/b is \"old\", wanted \"new\""]
        );
    }
}
