//! Drills that do not hold, are stopped or are not put back, and the reasons.

use super::stream::{Stream, Who, held, never_ejected, replicas};
use crate::drill::faults::tests::{errors, scaling};
use crate::drill::governing_rule::Rule;
use crate::drill::measure::measure;
use crate::drill::recording::{Mark, Recording, Stop};
use crate::drill::report::document::{Document, Verdict};

const APPLY: &str = "kubectl mesh-failover locality apply helloworld.sample --failover east-1=west-1";

fn whys(document: &Document) -> Vec<&str> {
    document.reasons.iter().map(|reason| reason.why.as_str()).collect()
}

fn with_rule(change: impl FnOnce(&mut Rule)) -> Document {
    let mut recording = never_ejected();
    let rule = recording.experiment.rule.as_mut().unwrap();
    rule.max_ejection_percent = 100;
    change(rule);
    measure(&recording)
}

#[test]
fn a_percent_that_never_ejects_is_the_reason_where_everything_fails() {
    let document = measure(&never_ejected());
    assert_eq!(document.verdict, Verdict::Failed);
    assert_eq!(
        document.headline,
        "helloworld.sample did not fail over: 600 of 600 requests failed, none reached west."
    );
    assert_eq!(
        whys(&document),
        ["rule helloworld ejects at most 10 % of 2 hosts, which is less than one (maxEjectionPercent, default)"]
    );
    assert_eq!(document.reasons[0].remedy.as_deref(), Some(APPLY));
}

#[test]
fn each_fault_of_the_rule_is_named() {
    let document = with_rule(|rule| rule.outlier_detection = false);
    assert_eq!(
        whys(&document),
        ["rule helloworld has no outlier detection: without it Istio ranks no regions and ejects no host"]
    );
    let document = with_rule(|rule| rule.consecutive_5xx = 0);
    assert_eq!(whys(&document), ["rule helloworld never ejects for errors of the service (consecutive5xxErrors 0)"]);
    let document = with_rule(|rule| rule.failover_to = None);
    assert_eq!(whys(&document), ["rule helloworld has no failover from east-1 to west-1"]);
    let document = with_rule(|rule| rule.failover_to = Some("north-1".into()));
    assert_eq!(whys(&document), ["rule helloworld sends the traffic of east-1 to north-1, not to west-1"]);
    let document = with_rule(|_| {});
    assert_eq!(whys(&document), ["nothing came from west-1: it may not be exposed, or its gateway may be unreachable"]);
}

#[test]
fn no_rule_at_all_is_a_reason() {
    let mut recording = never_ejected();
    recording.experiment.rule = None;
    let document = measure(&recording);
    assert_eq!(whys(&document), ["no rule governs the client, so no region takes over from another"]);
}

#[test]
fn errors_too_rare_for_the_row_that_ejects_are_a_reason() {
    let mut recording = never_ejected();
    recording.experiment.fault = errors(30);
    let rule = recording.experiment.rule.as_mut().unwrap();
    (rule.max_ejection_percent, rule.consecutive_5xx) = (100, 5);
    let document = measure(&recording);
    assert_eq!(
        whys(&document),
        ["rule helloworld ejects after 5 errors in a row, but only 30 % of the answers are errors"]
    );
}

#[test]
fn a_target_that_answers_with_errors_is_told_from_one_that_is_not_reached() {
    let recording = Stream::begin(errors(100))
        .requests(500, &[Who::East])
        .fault()
        .requests(2, &[Who::EastFails])
        .requests(598, &[Who::WestFails])
        .mark(Mark::Hold)
        .restore()
        .requests(250, &[Who::East])
        .end();
    let document = measure(&recording);
    assert_eq!(document.verdict, Verdict::Failed);
    assert!(whys(&document)[0].starts_with("west-1 answered 100 % of"), "{:?}", whys(&document));
}

#[test]
fn a_fault_without_effect_did_not_show_a_failover() {
    let recording = Stream::begin(scaling())
        .requests(500, &[Who::East])
        .fault()
        .requests(600, &[Who::East])
        .mark(Mark::Hold)
        .restore()
        .requests(250, &[Who::East])
        .end();
    let document = measure(&recording);
    assert_eq!(document.verdict, Verdict::Failed);
    assert_eq!(
        document.headline,
        "helloworld.sample did not fail over: all of 600 requests were still answered by east."
    );
    assert_eq!(whys(&document), ["the fault had no effect: every answer still came from east-1"]);
    assert_eq!(document.figures.first_effect_ms, None);
}

#[test]
fn a_client_that_never_went_to_the_failed_region_shows_nothing() {
    let recording = Stream::begin(scaling())
        .requests(500, &[Who::West])
        .fault()
        .requests(600, &[Who::West])
        .restore()
        .requests(250, &[Who::West])
        .end();
    let document = measure(&recording);
    assert_eq!(document.verdict, Verdict::Failed);
    assert_eq!(whys(&document), ["east-1 did not answer this client before the fault either"]);
}

#[test]
fn a_failover_later_than_wanted_does_not_hold() {
    let recording = Stream::begin(errors(100))
        .requests(500, &[Who::East])
        .fault()
        .requests(600, &[Who::EastFails])
        .requests(300, &[Who::West])
        .restore()
        .requests(250, &[Who::East])
        .end();
    let document = measure(&recording);
    assert_eq!(document.verdict, Verdict::Failed);
    assert_eq!(
        document.headline,
        "helloworld.sample failed over from east to west too late: after 12 s, wanted within 10 s."
    );
    assert_eq!(whys(&document), ["it failed over, but later than the hypothesis allows"]);
}

fn slow_failback() -> Recording {
    let mut stream = Stream::begin(errors(100))
        .requests(500, &[Who::East])
        .fault()
        .requests(1, &[Who::EastFails])
        .requests(500, &[Who::West])
        .restore()
        .requests(600, &[Who::West])
        .requests(250, &[Who::East]);
    stream.recording.experiment.hypothesis.failback_within = std::time::Duration::from_secs(5);
    stream.end()
}

#[test]
fn a_failback_slower_than_wanted_is_explained_by_the_ejection() {
    let document = measure(&slow_failback());
    assert_eq!(document.verdict, Verdict::Failed);
    assert_eq!(
        document.headline,
        "helloworld.sample failed over from east to west, but came back late: after 12 s, wanted within 5 s."
    );
    assert_eq!(
        whys(&document),
        [
            "hosts of east-1 stay ejected for baseEjectionTime (1 min) times the number of their ejections: up to 1 min 1 s after this fault"
        ]
    );
}

#[test]
fn a_restore_that_failed_half_way_comes_before_all_else() {
    let mut recording = never_ejected();
    recording.put_back = vec![replicas("1", true), replicas("3", false)];
    let document = measure(&recording);
    assert_eq!(document.verdict, Verdict::NotRestored);
    assert_eq!(
        document.headline,
        "helloworld.sample: Deployment sample/helloworld-v1 in east was not put back: replicas is 3, not 1."
    );
    assert_eq!(
        whys(&document),
        ["Deployment sample/helloworld-v1 in east: replicas was 1, is 3: someone else scaled it"]
    );
    assert_eq!(
        document.reasons[0].remedy.as_deref(),
        Some("kubectl mesh-failover drill recover helloworld.sample --contexts east")
    );
}

#[test]
fn a_fault_of_which_nothing_tells_what_became_is_not_restored() {
    let mut recording = held().end();
    recording.put_back.clear();
    assert_eq!(measure(&recording).verdict, Verdict::NotRestored);
}

#[test]
fn too_many_errors_are_a_failure_under_the_fault_and_a_stop_before_it() {
    let mut stream =
        Stream::begin(errors(100)).requests(500, &[Who::East]).fault().requests(50, &[Who::EastFails]).restore();
    stream.recording.experiment.hypothesis.max_errors = Some(50);
    let document = measure(&stream.requests(100, &[Who::East]).stopped(Stop::MaxErrors(50)));
    assert_eq!(document.verdict, Verdict::Failed);
    assert_eq!(document.hypothesis[3].found, "50");
    assert_eq!(document.hypothesis[3].held, Some(false));
    let recording = Stream::begin(errors(100)).requests(50, &[Who::EastFails]).stopped(Stop::MaxErrors(50));
    assert_eq!(measure(&recording).verdict, Verdict::Stopped);
}

#[test]
fn a_baseline_below_the_hypothesis_stops_the_drill() {
    let recording = Stream::begin(errors(100))
        .requests(500, &[Who::East, Who::East, Who::East, Who::Nobody])
        .stopped(Stop::Baseline);
    let document = measure(&recording);
    assert_eq!(document.verdict, Verdict::Stopped);
    assert_eq!(document.headline, "helloworld.sample was left alone: 125 of 500 requests failed before any fault.");
    assert_eq!(document.hypothesis[0].held, Some(false));
}

#[test]
fn a_signal_stops_what_was_not_judged_yet_and_not_what_was() {
    let document = measure(
        &Stream::begin(errors(100))
            .requests(500, &[Who::East])
            .fault()
            .requests(50, &[Who::EastFails])
            .restore()
            .stopped(Stop::Signal(2)),
    );
    assert_eq!(document.verdict, Verdict::Stopped);
    assert_eq!(document.headline, "The drill of helloworld.sample was stopped by SIGINT; everything was put back.");
    let mut recording = slow_failback();
    recording.stopped = Some(Stop::Signal(2));
    assert_eq!(measure(&recording).verdict, Verdict::Failed);
}

#[test]
fn a_drill_that_is_stopped_after_all_parts_held_was_stopped_and_did_not_fail() {
    let document = measure(&held().stopped(Stop::Signal(15)));
    assert_eq!(document.verdict, Verdict::Stopped);
    assert_eq!(document.headline, "The drill of helloworld.sample was stopped by SIGTERM; everything was put back.");
    for stop in [Stop::LockLost("east".into()), Stop::Traffic("x".into()), Stop::Failed("x".into())] {
        assert_eq!(measure(&held().stopped(stop.clone())).verdict, Verdict::Stopped, "{stop:?}");
    }
}
