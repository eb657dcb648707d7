//! Drills that ran to completion.

use super::stream::{Stream, Who, held};
use crate::drill::faults::tests::{errors, scaling};
use crate::drill::measure::measure;
use crate::drill::recording::Mark;
use crate::drill::report::document::Verdict;

#[test]
fn a_drill_that_holds_says_when_traffic_went_and_when_it_came_back() {
    let document = measure(&held().end());
    assert_eq!(document.verdict, Verdict::Held);
    assert_eq!(document.headline, "helloworld.sample failed over from east to west and came back.");
    let figures = &document.figures;
    assert_eq!(figures.first_elsewhere_ms, Some(260.0));
    assert_eq!(figures.last_from_failed_ms, Some(240.0));
    assert_eq!(figures.failover_ms, Some(260.0));
    assert_eq!(figures.failover_from_effect_ms, Some(0.0));
    assert_eq!(figures.first_error_ms, None);
    assert_eq!(figures.failback_ms, Some(3_020.0));
    assert_eq!((figures.requests, figures.failed, figures.lost), (1_500, 0, 0));
    assert_eq!(figures.resolution_ms, 20.0);
    assert_eq!(figures.rate, 50.0);
}

#[test]
fn each_phase_has_its_answers_and_its_latency() {
    let document = measure(&held().end());
    let told: Vec<_> = document
        .phases
        .iter()
        .map(|phase| {
            let from = |region: &str| phase.answers.get(region).copied().unwrap_or(0);
            (phase.name.as_str(), phase.requests, from("east-1"), from("west-1"), phase.latency.as_ref().unwrap().p50)
        })
        .collect();
    assert_eq!(
        told,
        [
            ("baseline", 500, 500, 0, 1.2),
            ("fault", 100, 12, 88, 2.0),
            ("hold", 500, 0, 500, 2.0),
            ("after", 400, 250, 150, 1.2)
        ]
    );
}

#[test]
fn our_figures_agree_with_the_counters_though_a_host_was_removed_with_its_own() {
    let counters = measure(&held().end()).counters.unwrap();
    assert!(counters.agrees, "{}", counters.told);
    assert_eq!(counters.attempts["west-1"].success, 738);
}

#[test]
fn traffic_of_others_from_the_same_client_is_told() {
    let mut recording = held().end();
    for (index, reading) in recording.readings.iter_mut().enumerate() {
        for host in reading.hosts.iter_mut().filter(|host| host.region == "west-1") {
            host.success += 100 * u64::try_from(index).unwrap();
        }
    }
    let counters = measure(&recording).counters.unwrap();
    assert!(!counters.agrees);
    assert!(counters.told.ends_with("the client may have traffic of its own to this service"), "{}", counters.told);
}

#[test]
fn errors_that_a_retry_hid_are_told_and_no_disagreement() {
    let mut recording = held().end();
    for reading in &mut recording.readings {
        for host in reading.hosts.iter_mut().filter(|host| host.region == "west-1") {
            host.error = host.success.min(3);
        }
    }
    let counters = measure(&recording).counters.unwrap();
    assert!(counters.agrees);
    assert_eq!(counters.told, "it counted 1,488 answers and 3 failed attempts, we 1,500 and 0; retries hid 3 of them");
}

#[test]
fn a_brief_relapse_puts_the_failover_behind_it() {
    let recording = Stream::begin(errors(100))
        .requests(500, &[Who::East])
        .fault()
        .requests(1, &[Who::EastFails])
        .requests(49, &[Who::West])
        .requests(5, &[Who::EastFails])
        .requests(545, &[Who::West])
        .mark(Mark::Hold)
        .restore()
        .requests(250, &[Who::East])
        .end();
    let figures = measure(&recording).figures;
    assert_eq!(figures.first_elsewhere_ms, Some(40.0 - 10.0 + 10.0));
    assert_eq!(figures.failover_ms, Some(20.0 * 56.0));
}

#[test]
fn a_lone_failure_long_after_the_failover_undoes_nothing() {
    let recording = Stream::begin(errors(100))
        .requests(500, &[Who::East])
        .fault()
        .requests(1, &[Who::EastFails])
        .requests(300, &[Who::West])
        .requests(1, &[Who::EastFails])
        .requests(300, &[Who::West])
        .mark(Mark::Hold)
        .restore()
        .requests(250, &[Who::East])
        .end();
    let document = measure(&recording);
    assert_eq!(document.figures.failover_ms, Some(40.0));
    assert_eq!(document.figures.failed, 2);
    assert_eq!(document.verdict, Verdict::Held);
}

#[test]
fn a_target_that_answers_only_at_the_very_end_has_not_taken_over() {
    let recording = Stream::begin(errors(100))
        .requests(500, &[Who::East])
        .fault()
        .requests(495, &[Who::EastFails])
        .requests(5, &[Who::West])
        .restore()
        .requests(250, &[Who::East])
        .end();
    assert_eq!(measure(&recording).figures.failover_ms, None);
}

#[test]
fn a_baseline_that_is_not_all_local_comes_back_as_it_was() {
    let split = [Who::East, Who::East, Who::West];
    let recording = Stream::begin(scaling())
        .requests(600, &split)
        .fault()
        .requests(12, &split)
        .host_goes("10.0.1.11:5000")
        .requests(588, &[Who::West])
        .mark(Mark::Hold)
        .restore()
        .requests(100, &[Who::West])
        .host_comes("10.0.1.11:5000")
        .requests(600, &split)
        .end();
    let document = measure(&recording);
    assert_eq!(document.verdict, Verdict::Held, "{:?}", document.hypothesis);
    assert_eq!(document.figures.first_elsewhere_ms, None);
    assert_eq!(document.figures.failover_ms, Some(240.0));
    assert_eq!(document.figures.failback_ms, Some(2_020.0));
    assert!(document.notes.iter().any(|note| note.what.contains("33.3 % of the baseline came from elsewhere")));
}

#[test]
fn the_timeline_has_as_many_slices_as_a_picture_can_show() {
    let timeline = measure(&held().end()).timeline;
    assert_eq!(timeline.width_ms, 500.0);
    assert_eq!(timeline.slices.len(), 61);
    assert_eq!(timeline.slices[0].answers["east-1"], 24);
}
