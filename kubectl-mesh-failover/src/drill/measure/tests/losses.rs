//! Recordings with gaps and defects.

use std::time::Duration;

use super::stream::{Stream, Who, experiment, held};
use crate::drill::faults::tests::scaling;
use crate::drill::measure::measure;
use crate::drill::recording::{Mark, Recording, Stop, TrafficEnd};
use crate::drill::report::document::Verdict;

fn noted(recording: &Recording, text: &str) -> bool {
    measure(recording).notes.iter().any(|note| note.what.contains(text))
}

#[test]
fn an_empty_recording_is_a_report_without_figures() {
    let mut recording = held().end();
    recording.samples.clear();
    recording.readings.clear();
    recording.marks.clear();
    recording.put_back.clear();
    recording.stopped = Some(Stop::Failed("the exec was refused".into()));
    let document = measure(&recording);
    assert_eq!(document.verdict, Verdict::Stopped);
    assert_eq!(document.figures.requests, 0);
    assert!(document.timeline.slices.is_empty());
    assert_eq!(document.reasons[0].why, "the exec was refused");
}

#[test]
fn lost_samples_are_told_and_shift_nothing() {
    let mut recording = held().end();
    recording.samples.retain(|sample| !(100..150).contains(&sample.number));
    let document = measure(&recording);
    assert_eq!((document.figures.requests, document.figures.lost), (1_450, 50));
    assert_eq!(document.figures.failover_ms, Some(260.0));
    assert!(noted(&recording, "50 samples were lost"));
    assert!(document.counters.unwrap().agrees);
}

#[test]
fn samples_out_of_order_and_told_twice_count_once_each_in_their_order() {
    let mut recording = held().end();
    recording.samples.swap(100, 101);
    recording.samples.push(recording.samples[7].clone());
    let document = measure(&recording);
    assert_eq!(document.figures.requests, 1_500);
    assert_eq!(document.figures.failover_ms, Some(260.0));
    assert!(noted(&recording, "1 sample was reported more than once"));
}

#[test]
fn a_clock_that_steps_back_is_held_until_it_catches_up() {
    let mut recording = held().end();
    for sample in &mut recording.samples[300..310] {
        sample.at = sample.at.saturating_sub(Duration::from_secs(5));
    }
    let document = measure(&recording);
    assert!(noted(&recording, "10 samples were earlier than the one before"));
    assert_eq!(document.phases[0].requests, 500);
    assert_eq!(document.figures.failover_ms, Some(260.0));
}

#[test]
fn counters_that_vanish_and_return_and_readings_that_are_lost_still_tell_whose_answers_are_whose() {
    let mut recording = held().end();
    let mut index = 0;
    recording.readings.retain(|_| {
        index += 1;
        index % 3 != 0
    });
    recording.readings[5].hosts.clear();
    let document = measure(&recording);
    assert_eq!(document.phases[0].answers["east-1"], 500);
    assert_eq!(document.phases[2].answers["west-1"], 500);
    assert_eq!(document.figures.failback_ms, Some(3_020.0));
}

#[test]
fn without_counters_the_baselines_majority_is_the_failed_region_and_a_note_says_so() {
    let mut recording = held().end();
    recording.readings.clear();
    let document = measure(&recording);
    assert_eq!(document.verdict, Verdict::Held);
    assert_eq!(document.figures.failover_ms, Some(260.0));
    assert!(document.counters.is_none());
    assert!(noted(&recording, "is taken for east-1, all others for west-1"));
}

#[test]
fn without_a_pattern_the_counters_tell_shares_as_fine_as_they_are_read() {
    let mut recording = held().end();
    recording.experiment.pattern = None;
    recording.samples.iter_mut().for_each(|sample| sample.answered_by = None);
    let document = measure(&recording);
    assert_eq!(document.figures.resolution_ms, 500.0);
    assert_eq!(document.figures.failover_ms, Some(260.0));
    assert_eq!(document.phases[2].answers["west-1"], 500);
    assert!(noted(&recording, "the time resolution is the pause between two readings (500 ms)"));
}

#[test]
fn with_neither_pattern_nor_counters_nothing_is_said_of_who_answered() {
    let mut recording = held().end();
    recording.readings.clear();
    recording.samples.iter_mut().for_each(|sample| sample.answered_by = None);
    let document = measure(&recording);
    assert_eq!(document.verdict, Verdict::Failed);
    assert_eq!(document.phases[0].answers["unknown"], 500);
    assert_eq!(document.hypothesis[1].held, None);
}

#[test]
fn texts_of_several_pods_and_versions_all_find_their_region() {
    let mut recording = held().end();
    for (index, sample) in recording.samples.iter_mut().enumerate() {
        let version = sample.answered_by.clone().unwrap();
        sample.answered_by = Some(format!("{version}, instance {}", index % 7));
    }
    let document = measure(&recording);
    assert_eq!(document.phases[0].answers["east-1"], 500);
    assert_eq!(document.phases[1].answers["east-1"], 12);
    assert_eq!(document.figures.failover_ms, Some(260.0));
}

#[test]
fn traffic_that_broke_off_stops_the_drill_and_is_told() {
    let mut stream = Stream::begin(scaling()).requests(500, &[Who::East]).fault().requests(30, &[Who::East]);
    stream.recording.traffic = TrafficEnd::Broken("the container ended".into());
    let mut recording = stream.restore().stopped(Stop::Traffic("the container ended".into()));
    assert_eq!(measure(&recording).verdict, Verdict::Stopped);
    assert!(noted(&recording, "the traffic broke off: the container ended"));
    recording.put_back[0].restored = false;
    assert_eq!(measure(&recording).verdict, Verdict::NotRestored);
}

#[test]
fn marks_out_of_their_order_are_put_into_it() {
    let mut recording = held().end();
    recording.marks.reverse();
    assert_eq!(measure(&recording), measure(&held().end()));
    recording.marks = vec![(Mark::End, Duration::ZERO), (Mark::FaultAccepted, Duration::from_secs(9))];
    assert_eq!(measure(&recording).figures.requests, 1_500);
}

#[test]
fn a_rate_that_is_not_reached_and_one_that_cannot_be_held_are_told() {
    let mut recording = held().end();
    recording.experiment.rate = Some(80);
    assert!(noted(&recording, "80 requests/s were asked for, 50 were reached"));
    recording.experiment = experiment(scaling());
    recording.experiment.rate = None;
    assert!(noted(&recording, "the client's curl cannot hold a rate: 50 requests/s"));
}
