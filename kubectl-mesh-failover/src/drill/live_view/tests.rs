use super::*;
use crate::drill::measure::tests::stream;

fn timing() -> Timing {
    Timing {
        baseline: Duration::from_secs(10),
        hold: Duration::from_secs(10),
        longest_ejection: Duration::from_secs(61),
    }
}

/// A drill whose baseline has begun.
fn begun(experiment: &Experiment) -> Live {
    let mut live = Live::new(experiment, &timing());
    live.take(Told::Mark(Mark::Baseline, Duration::ZERO));
    live
}

/// The drill that holds, as of a moment.
fn until(moment: u64) -> (Live, Duration, Vec<String>) {
    let recording = stream::held().end();
    let now = Duration::from_millis(moment);
    let mut live = Live::new(&recording.experiment, &timing());
    let mut said = Vec::new();
    let mut events: Vec<(Duration, u8, usize)> = Vec::new();
    events.extend(recording.marks.iter().enumerate().map(|(index, (_, at))| (*at, 0, index)));
    events.extend(recording.samples.iter().enumerate().map(|(index, sample)| (sample.at, 1, index)));
    events.extend(recording.readings.iter().enumerate().map(|(index, reading)| (reading.at, 2, index)));
    events.sort_by_key(|(at, kind, _)| (*at, if *kind == 0 && !at.is_zero() { 3 } else { *kind }));
    for (at, kind, index) in events.into_iter().filter(|(at, ..)| *at <= now) {
        match kind {
            0 => live.take(Told::Mark(recording.marks[index].0, at)),
            1 => live.take(Told::Sample(recording.samples[index].clone(), None)),
            _ => live.take(Told::Reading(recording.readings[index].clone())),
        };
        said.extend(live.plain(at));
    }
    (live, now, said)
}

#[test]
fn under_the_fault_a_line_per_phase_tells_shares_errors_and_the_first_answer_from_elsewhere() {
    let (mut live, now, _) = until(14_000);
    live.take(Told::Note("the reading of the counters was late".into()));
    insta::assert_snapshot!(live.lines(now).join("\n"), @r"
    baseline  ████████████████████  10 s  east 100 %  west   0 %  0 errors
    fault     ████████████████████   2 s  east  12 %  west  88 %  0 errors  west answers after 0.26 s
    hold      ███░░░░░░░░░░░░░░░░░   2 s  east   0 %  west 100 %  0 errors
              the reading of the counters was late
    ");
}

#[test]
fn at_the_end_all_phases_are_told() {
    let (live, now, _) = until(40_000);
    insta::assert_snapshot!(live.lines(now).join("\n"), @r"
    baseline  ████████████████████  10 s  east 100 %  west   0 %  0 errors
    fault     ████████████████████   2 s  east  12 %  west  88 %  0 errors  west answers after 0.26 s
    hold      ████████████████████  10 s  east   0 %  west 100 %  0 errors
    after     ████████████████████   8 s  east  62 %  west  38 %  0 errors  east answers after 3 s
    ");
}

#[test]
fn where_nothing_can_be_drawn_phases_are_told_as_they_end_and_every_five_seconds() {
    let (_, _, said) = until(40_000);
    insta::assert_snapshot!(said.join("\n"), @r"
    baseline: 5 s, east 100 %, west 0 %, 0 errors
    baseline: 10 s, east 100 %, west 0 %, 0 errors
    baseline: done after 10 s, east 100 %, west 0 %, 0 errors
    fault: accepted by the API server
    fault: done after 2 s, east 12 %, west 88 %, 0 errors, west answers after 0.26 s
    hold: 5 s, east 0 %, west 100 %, 0 errors
    hold: 10 s, east 0 %, west 100 %, 0 errors
    hold: done after 10 s, east 0 %, west 100 %, 0 errors
    after: restore accepted by the API server
    after: 5 s, east 100 %, west 0 %, 0 errors, east answers after 3 s
    after: done after 8 s, east 62 %, west 38 %, 0 errors, east answers after 3 s
    ");
}

#[test]
fn before_anything_has_happened_nothing_is_shown() {
    let mut live = Live::new(&stream::held().end().experiment, &timing());
    assert!(live.lines(Duration::ZERO).is_empty());
    assert!(live.plain(Duration::from_secs(9)).is_empty());
}

#[test]
fn before_a_texts_region_is_known_the_text_itself_is_shown() {
    let recording = stream::held().end();
    let mut live = begun(&recording.experiment);
    live.take(Told::Sample(recording.samples[0].clone(), None));
    let lines = live.lines(Duration::from_millis(20));
    assert!(lines[0].contains("version: v1 100 %"), "{lines:?}");
}

#[test]
fn without_texts_the_counters_tell_the_shares() {
    let recording = stream::held().end();
    let mut live = begun(&recording.experiment);
    for sample in recording.samples.iter().take(50) {
        live.take(Told::Sample(Sample { answered_by: None, ..sample.clone() }, None));
    }
    for reading in recording.readings.iter().take(3) {
        live.take(Told::Reading(reading.clone()));
    }
    let lines = live.lines(Duration::from_secs(1));
    assert!(lines[0].contains("east 100 %  west   0 %"), "{lines:?}");
}

#[test]
fn no_line_is_wider_than_the_terminal_however_long_the_names() {
    let mut recording = stream::held().end();
    recording.experiment.pattern = None;
    let mut live = begun(&recording.experiment);
    for (index, sample) in recording.samples.iter().enumerate().take(50) {
        live.take(Told::Sample(
            Sample { answered_by: Some(format!("{}-{index}", "x".repeat(80))), ..sample.clone() },
            None,
        ));
    }
    live.take(Told::Note("y".repeat(300)));
    assert!(live.lines(Duration::from_secs(1)).iter().all(|line| line.chars().count() <= COLUMNS + 1));
    assert!(live.lines(Duration::from_secs(1)).len() <= LINES);
}

#[test]
fn a_drill_that_ends_before_its_fault_shows_nothing_but_its_baseline() {
    let recording = stream::held().end();
    let mut live = begun(&recording.experiment);
    for mark in [Mark::RestoreAsked, Mark::RestoreAccepted, Mark::End] {
        live.take(Told::Mark(mark, Duration::from_secs(4)));
    }
    assert_eq!(live.lines(Duration::from_secs(9)), [" baseline  ████████████████████   4 s  0 errors"]);
    assert_eq!(live.plain(Duration::from_secs(9)), ["baseline: done after 4 s, 0 errors"]);
}
