//! A fault that exists only for these tests goes through a whole drill with nothing but its file and its line: no other
//! file mentions it, yet it appears in the plan, the writes, the record, the recovery and the report.

use jiff::Timestamp;
use mesh_shared::model::kube::write::{Operation, Write};
use mesh_shared::plugin::terminal::Terminal;
use serde_json::Value;

use super::*;
use crate::drill::fault_record::Record;
use crate::drill::fault_record::tests::record;
use crate::drill::measure::measure;
use crate::drill::measure::tests::stream::{Stream, Who, experiment};
use crate::drill::recording::{Mark, Recording};
use crate::drill::report;
use crate::drill::restore_outcome::told;
use crate::drill::test_mesh::with_pods;
use crate::drill::traffic::Curl;
use crate::drill::words::{Listed, Overview, list, overview, put_back, recovery};
use mesh_shared::plugin::arguments::TableFormat;

fn latency() -> Fault {
    parse("latency=2000").unwrap()
}

fn recorded() -> Record {
    Record { fault: latency(), ..record(changes_of(&latency())) }
}

/// What the API server has after the writes that create the filter.
fn live() -> Value {
    let making = &recorded().makings("m")[0];
    let Write::Create { manifest } = &making.first else { panic!("{making:?}") };
    let mut live = manifest.clone();
    live["metadata"]["uid"] = "e".into();
    let Some(Write::Patch { operations, .. }) = making.then(&live) else { panic!("{making:?}") };
    let Operation::Add { value, .. } = &operations[1] else { panic!("{operations:?}") };
    live["spec"]["configPatches"] = value.clone();
    live
}

#[test]
fn its_plan_says_what_it_will_do_and_to_whom() {
    let (at, experiment) = (with_pods(), experiment(latency()));
    let pods: Vec<String> = latency().kind().pods(&at, &name()).unwrap().iter().map(|pod| pod.name.clone()).collect();
    let shown = Overview { experiment: &experiment, pods: &pods, also: &[], workloads: &[], curl: Curl::Rated };
    insta::assert_snapshot!(overview(&shown), @r"
    helloworld.sample in east: 1 endpoint; no other service uses these pods.
    The filter applies to 2 pods: helloworld-east and helloworld-canary-east. They serve helloworld.sample.
    Fails over to: west (region west-1), exposed, 1 endpoint.
    Governed by: DestinationRule sample/helloworld.
    Client: Deployment/curl in east (curl-7d9c-x2), 50 requests a second.
    Note: clients with a shorter timeout fail.
    Will: have the proxies of helloworld.sample wait 2000 ms, for 10.0 s after the failover.
          Put back when the drill ends, also on Ctrl-C;
          if this process is killed, the fault stays until you run: kubectl mesh-failover drill recover helloworld.sample --contexts east
    ");
}

#[test]
fn its_filter_delays_and_aborts_nothing() {
    let live = live();
    assert_eq!(live["metadata"]["name"], "mesh-failover-drill-helloworld");
    let config = &live["spec"]["configPatches"][0]["patch"]["value"]["typed_config"];
    assert_eq!((&config["delay"]["fixed_delay"], config.get("abort")), (&"2000ms".into(), None));
}

#[test]
fn its_record_says_what_was_made_and_reads_back() {
    let object = recorded().manifest("m");
    let (read, _) = Record::read(&object, "east").unwrap();
    assert_eq!(read, recorded());
    let [Changed::Filter(filter)] = &read.changed[..] else { panic!("{read:?}") };
    assert_eq!(filter.spec, live()["spec"]);
}

#[test]
fn what_it_made_is_put_back_and_told() {
    let record = recorded();
    let standing = told(&record, &record.changed[0], Some(&live()));
    insta::assert_snapshot!(recovery(&record, &[standing], "east"), @r"
    Drill of helloworld.sample in east (east), started 2027-01-15 08:00:00 UTC by ada@laptop/7f3a:
      EnvoyFilter sample/mesh-failover-drill-helloworld in east: the object itself from present back to absent
    ");
    let gone = told(&record, &record.changed[0], None);
    insta::assert_snapshot!(put_back(&[gone]), @"EnvoyFilter sample/mesh-failover-drill-helloworld in east: the object itself absent → present → absent, as before");
    let left = Listed::of(&record, "east", false, Timestamp::from_second(1_800_000_060).unwrap());
    let listed = list(&[left], TableFormat::Table);
    assert!(listed.contains("latency=2000"), "{listed}");
}

/// Every answer still comes from the failed region, late, and then not at all.
fn drilled() -> Recording {
    let record = recorded();
    let mut recording = Stream::begin(latency())
        .requests(500, &[Who::East])
        .fault()
        .requests(50, &[Who::East])
        .requests(450, &[Who::Nobody])
        .mark(Mark::Hold)
        .requests(100, &[Who::Nobody])
        .restore()
        .requests(250, &[Who::East])
        .end();
    recording.put_back = vec![told(&record, &record.changed[0], None)];
    recording
}

#[test]
fn its_report_says_why_it_did_not_fail_over_and_what_to_know() {
    let document = measure(&drilled());
    let text = report::text::render(&document, Terminal { live: false, asks: false, colour: false });
    let lines = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for said in [
        "FAILED helloworld.sample did not fail over",
        "why rule helloworld ejects for errors, and a late answer is not one",
        "do give its route a timeout, by which a late answer becomes an error",
        "EnvoyFilter sample/mesh-failover-drill-helloworld in east: the object itself absent as before, verified",
        "note a delay shows a failover only if a timeout turns it into an error",
    ] {
        assert!(lines.contains(said), "{said}: {text}");
    }
    assert!(report::html::render(&document).contains("Answers 2000 ms late in east"));
    let json: Value = serde_json::from_str(&report::json::render(&document).unwrap()).unwrap();
    assert_eq!(json["experiment"]["fault"], serde_json::json!({"kind": "latency", "delay": 2000}));
}

#[test]
fn neither_help_nor_completion_offers_it() {
    assert_eq!(usage(), "scale-to-zero, or upstream-errors[=PERCENT]");
    assert_eq!(*WORDS, ["scale-to-zero", "upstream-errors"]);
    assert!(!help().contains("late"));
}
