//! Documents of all kinds, for testing and viewing the reports.

use mesh_shared::model::names::ClusterName;

use super::document::Document;
use crate::drill::faults::tests::{errors, scaling};
use crate::drill::measure::measure;
use crate::drill::measure::tests::stream;
use crate::drill::measure::tests::stream::{Stream, Who, replicas};
use crate::drill::recording::{Mark, Stop};

/// All cases, by name.
pub fn all() -> Vec<(&'static str, Document)> {
    vec![
        ("held", held()),
        ("never-ejected", never_ejected()),
        ("failed-over-on-errors", failed_over_on_errors()),
        ("not-restored", not_restored()),
        ("stopped", stopped()),
        ("late-and-slow", late_and_slow()),
        ("three-regions", three_regions()),
        ("long-and-hostile", long_and_hostile()),
        ("one-slice", one_slice()),
        ("nothing", nothing()),
    ]
}

/// Scaled to zero, and everything went as it should.
pub fn held() -> Document {
    measure(&stream::held().end())
}

/// The default percentage ejects none of the two hosts.
pub fn never_ejected() -> Document {
    let mut recording = stream::never_ejected();
    recording.put_back = vec![envoy_filter()];
    measure(&recording)
}

fn envoy_filter() -> crate::drill::recording::PutBack {
    crate::drill::recording::PutBack {
        object: "EnvoyFilter sample/mesh-failover-drill-helloworld in east".into(),
        field: "the EnvoyFilter itself".into(),
        before: "absent".into(),
        during: "present".into(),
        after: "absent".into(),
        restored: true,
        fault: None,
        left: None,
    }
}

/// One request failed, the host was ejected, and west answered.
pub fn failed_over_on_errors() -> Document {
    let mut stream = Stream::begin(errors(100))
        .requests(500, &[Who::East])
        .fault()
        .requests(6, &[Who::East])
        .requests(3, &[Who::EastFails])
        .eject("10.0.1.11:5000", true)
        .requests(91, &[Who::West])
        .mark(Mark::Hold)
        .requests(500, &[Who::West])
        .restore()
        .requests(500, &[Who::West])
        .eject("10.0.1.11:5000", false)
        .requests(400, &[Who::East]);
    stream.recording.put_back = vec![envoy_filter()];
    stream.recording.experiment.hypothesis.max_errors = Some(100);
    measure(&stream.end())
}

/// Someone else scaled the workload while it was at zero.
pub fn not_restored() -> Document {
    let mut recording = stream::held().end();
    recording.put_back = vec![replicas("3", false), replicas("1", true)];
    measure(&recording)
}

/// Ctrl-C during the fault.
pub fn stopped() -> Document {
    let stream = Stream::begin(scaling())
        .requests(500, &[Who::East])
        .fault()
        .requests(12, &[Who::East])
        .host_goes("10.0.1.11:5000")
        .requests(20, &[Who::West])
        .restore()
        .requests(60, &[Who::West]);
    measure(&stream.stopped(Stop::Signal(2)))
}

/// Both later than wanted, with failed requests throughout.
fn late_and_slow() -> Document {
    let mut stream = Stream::begin(errors(100))
        .requests(500, &[Who::East])
        .fault()
        .requests(300, &[Who::EastFails, Who::East, Who::West, Who::Nobody])
        .requests(300, &[Who::EastFails, Who::West])
        .requests(300, &[Who::West])
        .mark(Mark::Hold)
        .requests(200, &[Who::West])
        .restore()
        .requests(900, &[Who::West])
        .requests(400, &[Who::East]);
    stream.recording.experiment.hypothesis.failback_within = std::time::Duration::from_secs(10);
    measure(&stream.end())
}

/// The rest of the traffic goes to a third region.
fn three_regions() -> Document {
    let mut stream = Stream::begin(scaling())
        .requests(600, &[Who::East, Who::East, Who::East, Who::North])
        .fault()
        .requests(20, &[Who::East, Who::North])
        .host_goes("10.0.1.11:5000")
        .requests(400, &[Who::West, Who::North])
        .mark(Mark::Hold)
        .requests(400, &[Who::West, Who::West, Who::North])
        .restore()
        .requests(100, &[Who::West])
        .host_comes("10.0.1.11:5000")
        .requests(400, &[Who::East, Who::East, Who::East, Who::North]);
    for sample in &mut stream.recording.samples {
        if sample.number > 900 && sample.number.is_multiple_of(97) {
            sample.answered_by = None;
        }
    }
    measure(&stream.end())
}

/// Names of maximum length, and texts that look like markup.
pub fn long_and_hostile() -> Document {
    let mut recording = stream::never_ejected();
    let region = "a-region-with-a-name-as-long-as-a-label-of-kubernetes-can-be-63";
    let cluster = "arn-aws-eks-eu-central-1-123456789012-cluster-shop-production-1";
    recording.experiment.failed.region = region.into();
    recording.experiment.failed.cluster = ClusterName::new(cluster).unwrap();
    recording.experiment.failed.context = "arn:aws:eks:eu-central-1:123456789012:cluster/shop-production-1".into();
    recording.experiment.target.region = "<script>alert(1)</script>".into();
    recording.experiment.service.name = "a-service-with-a-name-as-long-as-a-label-of-kubernetes-may-be-1".into();
    recording.experiment.service.namespace = "a-namespace-with-a-name-as-long-as-it-may-be".into();
    recording.experiment.client.pod = "\"><script>alert(2)</script><img src=x onerror=alert(3)>".into();
    recording.experiment.url = "http://x/?a=1&b=<script>alert(4)</script>'\"".into();
    recording.experiment.pattern = Some("</style><script>alert(5)</script>".into());
    recording.experiment.workloads = vec!["Deployment a/<b>bold</b>".into(), "StatefulSet b/c&d;".into()];
    for host in recording.readings.iter_mut().flat_map(|reading| &mut reading.hosts) {
        host.region = if host.region == "east-1" { region.into() } else { "<script>alert(1)</script>".into() };
        host.ejected = host.priority == 0;
    }
    let mut field = replicas("<script>alert(6)</script>", false);
    field.fault = Some("]]></svg><script>alert(7)</script>".into());
    recording.put_back = vec![field];
    measure(&recording)
}

/// So short that a picture has one slice.
fn one_slice() -> Document {
    let mut recording =
        Stream::begin(scaling()).requests(3, &[Who::East]).stopped(Stop::Failed("the lock is held".into()));
    for sample in &mut recording.samples {
        sample.at = std::time::Duration::from_micros(500);
    }
    recording.marks.clear();
    recording.readings.clear();
    measure(&recording)
}

/// No request was ever reported.
fn nothing() -> Document {
    let mut recording = Stream::begin(scaling()).stopped(Stop::Traffic("exec: container not found".into()));
    recording.readings.clear();
    measure(&recording)
}
