//! What is true of every recording.

use std::time::Duration;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::stream::{experiment, replicas};
use crate::drill::faults::tests::{errors, scaling};
use crate::drill::measure::measure;
use crate::drill::recording::{HostCounters, Mark, Reading, Recording, Sample, Stop, TrafficEnd};
use crate::drill::report::document::Verdict;
use crate::drill::request_outcome::Outcome;

fn any_time() -> impl Strategy<Value = Duration> {
    prop_oneof![
        8 => (0_u64..60_000).prop_map(Duration::from_millis),
        1 => any::<u64>().prop_map(Duration::from_millis),
        1 => Just(Duration::MAX),
    ]
}

fn any_sample() -> impl Strategy<Value = Sample> {
    let outcome = prop_oneof![
        4 => Just(Outcome::Answered(200)),
        1 => any::<u16>().prop_map(Outcome::Answered),
        1 => Just(Outcome::Failed("reset".into())),
    ];
    let number = prop_oneof![20 => 0_u64..400, 1 => any::<u64>()];
    (number, any_time(), any_time(), outcome, option::of("v[12]|<b>"))
        .prop_map(|(number, at, took, outcome, answered_by)| Sample { number, at, took, outcome, answered_by })
}

fn any_reading() -> impl Strategy<Value = Reading> {
    let counter = prop_oneof![9 => 0_u64..500, 1 => any::<u64>()];
    let host = ("[a-c]", "east-1|west-1||unknown", counter.clone(), counter, any::<bool>()).prop_map(
        |(address, region, success, error, ejected)| HostCounters {
            address,
            region,
            priority: 0,
            success,
            error,
            ejected,
        },
    );
    (any_time(), vec(host, 0..4)).prop_map(|(at, hosts)| Reading { at, hosts })
}

fn any_mark() -> impl Strategy<Value = Mark> {
    prop::sample::select(vec![
        Mark::Baseline,
        Mark::FaultAsked,
        Mark::FaultAccepted,
        Mark::Hold,
        Mark::RestoreAsked,
        Mark::RestoreAccepted,
        Mark::End,
    ])
}

fn any_stop() -> impl Strategy<Value = Stop> {
    prop_oneof![
        Just(Stop::Baseline),
        any::<u64>().prop_map(Stop::MaxErrors),
        Just(Stop::Traffic("broken".into())),
        any::<i32>().prop_map(Stop::Signal),
    ]
}

prop_compose! {
    fn any_recording()(
        upstream in option::of(0_u8..=255),
        marks in vec((any_mark(), any_time()), 0..9),
        samples in vec(any_sample(), 0..300),
        readings in vec(any_reading(), 0..12),
        restored in vec(any::<bool>(), 0..3),
        stopped in option::of(any_stop()),
        (share, hosts, percent) in (0.0_f64..=1.0, 0_usize..20, any::<u32>()),
    ) -> Recording {
        let fault = upstream.map_or(scaling(), errors);
        let mut experiment = experiment(fault);
        experiment.hypothesis.failover_share = share;
        if let Some(rule) = &mut experiment.rule {
            (rule.hosts, rule.max_ejection_percent) = (hosts, percent);
        }
        Recording {
            experiment,
            started: "2026-11-24T21:40:00Z".parse().unwrap(),
            ended: "2026-11-24T21:39:00Z".parse().unwrap(),
            marks,
            samples,
            traffic: TrafficEnd::Whole,
            readings,
            put_back: restored.into_iter().map(|restored| replicas("1", restored)).collect(),
            stopped,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn every_recording_gives_a_report_whose_counts_add_up(recording in any_recording()) {
        let document = measure(&recording);
        let figures = &document.figures;
        let numbers: std::collections::BTreeSet<u64> = recording.samples.iter().map(|sample| sample.number).collect();
        prop_assert_eq!(figures.requests, u64::try_from(numbers.len()).unwrap());
        let mut requests = 0;
        let mut failed = 0;
        for phase in &document.phases {
            let answered: u64 = phase.answers.values().sum();
            prop_assert_eq!(phase.requests, answered + phase.failed);
            prop_assert!(phase.from_ms <= phase.to_ms);
            requests += phase.requests;
            failed += phase.failed;
        }
        prop_assert_eq!((requests, failed), (figures.requests, figures.failed));
        let slices = &document.timeline.slices;
        prop_assert!(slices.len() <= 240);
        let drawn: u64 = slices.iter().map(|slice| slice.failed + slice.answers.values().sum::<u64>()).sum();
        prop_assert_eq!(drawn, figures.requests);
        prop_assert!(!document.headline.is_empty());
        prop_assert!(document.verdict != Verdict::Failed || !document.reasons.is_empty());
        let times = document.moments.iter().map(|moment| moment.at_ms).collect::<Vec<_>>();
        prop_assert!(!crate::drill::report::html::render(&document).contains("NaN"));
        prop_assert!(times.is_sorted() && times.iter().all(|time| time.is_finite()));
    }
}
