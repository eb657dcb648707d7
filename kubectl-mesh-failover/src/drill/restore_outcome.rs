//! What putting back means for each change: compare and set, never overwriting someone else's change.

use mesh_shared::model::kube::object_key::ObjectKey;
use serde_json::Value;

use super::changed::Changed;
use super::changed::reversible::{Decision, Words};
use super::fault_record::Record;
use super::recording::{Left, PutBack};

/// Decides by the live object, which is none if it is gone.
pub fn decide(record: &Record, changed: &Changed, live: Option<&Value>) -> Decision {
    changed.reversible().decide(&record.run, live)
}

/// The outcome of a change whose object is as it was before.
pub fn told_as_before(record: &Record, changed: &Changed) -> PutBack {
    let back = told_of(record, changed, None);
    PutBack { after: back.before.clone(), ..back }
}

/// The outcome of a change whose object is `live` now.
pub fn told(record: &Record, changed: &Changed, live: Option<&Value>) -> PutBack {
    let decision = decide(record, changed, live);
    let (left, found, fault) = match decision {
        Decision::Back => (None, None, None),
        Decision::Restore(_) => (Some(Left::Unknown), None, Some("it is still as the drill left it".to_owned())),
        Decision::Theirs { found, why } => (Some(Left::Theirs), Some(found), Some(why)),
    };
    let restored = left.is_none();
    let told = told_of(record, changed, found);
    PutBack { after: if restored { told.before.clone() } else { told.after }, restored, fault, left, ..told }
}

/// A change that was not put back, with what was found in place of what the drill wrote.
fn told_of(record: &Record, changed: &Changed, found: Option<String>) -> PutBack {
    let ObjectKey { kind, namespace, name } = changed.reversible().object();
    let Words { field, before, during } = changed.reversible().words();
    PutBack {
        object: format!("{kind} {namespace}/{name} in {}", record.cluster),
        field: field.into(),
        before,
        during: during.into(),
        after: found.unwrap_or_else(|| during.into()),
        restored: false,
        fault: None,
        left: Some(Left::Unknown),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::drill::fault_record::tests::{record, three_replicas};

    #[test]
    fn what_is_told_is_what_stands() {
        let tell = |replicas: u64| {
            let live = json!({"kind": "Deployment", "metadata": {"uid": "u"}, "spec": {"replicas": replicas}});
            let told = told(&record(vec![]), &Changed::Replicas(three_replicas()), Some(&live));
            (told.after, told.restored, told.fault)
        };
        assert_eq!(tell(3), ("3".into(), true, None));
        assert_eq!(
            tell(5),
            ("5".into(), false, Some("someone scaled Deployment helloworld-v1 to 5 in the meantime".into()))
        );
        assert!(!tell(0).1);
    }
}
