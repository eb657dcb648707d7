use proptest::prelude::*;

use super::*;

fn machine(max_errors: Option<u64>) -> Machine {
    let hypothesis = Hypothesis {
        baseline_success: 0.99,
        failover_share: 0.99,
        failover_within: Duration::from_secs(10),
        failback_within: Duration::from_mins(1),
        max_errors,
    };
    let timing = Timing {
        baseline: Duration::from_secs(10),
        hold: Duration::from_secs(20),
        longest_ejection: Duration::from_secs(61),
    };
    let mut machine = Machine::new(timing, hypothesis, Duration::ZERO);
    machine.on(Event::Origins(vec![Origin::Failed, Origin::Elsewhere]), Duration::ZERO);
    machine
}

/// Sends fifty requests a second of one kind from one second to another. Returns all effects.
fn send(machine: &mut Machine, from: u64, to: u64, success: bool, origin: Origin) -> Vec<Effect> {
    let answerer = answerer(origin);
    let mut effects = Vec::new();
    for step in (from * 50)..(to * 50) {
        let now = Duration::from_millis(step * 20);
        effects.extend(machine.on(Event::Request { success, answerer }, now));
    }
    effects.extend(machine.on(Event::Tick, Duration::from_secs(to)));
    effects
}

fn answerer(origin: Origin) -> Option<usize> {
    match origin {
        Origin::Failed => Some(0),
        Origin::Elsewhere => Some(1),
        Origin::Unknown => None,
    }
}

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A machine whose fault was accepted at second 10.
fn injected(max_errors: Option<u64>) -> Machine {
    let mut machine = machine(max_errors);
    assert_eq!(send(&mut machine, 0, 10, true, Origin::Failed), [Effect::Mark(Mark::FaultAsked), Effect::Inject]);
    assert_eq!(machine.on(Event::Injected, at(10)), [Effect::Mark(Mark::FaultAccepted)]);
    machine
}

#[test]
fn a_drill_that_holds_goes_through_all_its_phases() {
    let mut machine = injected(None);
    let failed_over = send(&mut machine, 11, 14, true, Origin::Elsewhere);
    assert_eq!(failed_over, [Effect::Mark(Mark::Hold)], "two seconds of the target's answers are enough");
    let held = send(&mut machine, 14, 40, true, Origin::Elsewhere);
    assert_eq!(held, [Effect::Mark(Mark::RestoreAsked), Effect::Restore]);
    assert_eq!(machine.on(Event::Restored { whole: true }, at(40)), [Effect::Mark(Mark::RestoreAccepted)]);
    assert_eq!(send(&mut machine, 40, 43, true, Origin::Elsewhere), []);
    assert_eq!(
        send(&mut machine, 43, 60, true, Origin::Failed),
        [Effect::Mark(Mark::End), Effect::Finish],
        "the split is back and has stayed"
    );
    assert_eq!((machine.phase(), machine.stopped()), (Phase::Done, None));
}

#[test]
fn a_baseline_below_the_hypothesis_injects_nothing() {
    let mut machine = machine(None);
    send(&mut machine, 0, 1, false, Origin::Unknown);
    let effects = send(&mut machine, 1, 10, true, Origin::Failed);
    assert_eq!(effects, [Effect::Mark(Mark::RestoreAsked), Effect::Restore]);
    assert_eq!(machine.stopped(), Some(&Stop::Baseline));
}

#[test]
fn a_baseline_without_traffic_injects_nothing() {
    let mut machine = machine(None);
    assert_eq!(machine.on(Event::Tick, at(10)), [Effect::Mark(Mark::RestoreAsked), Effect::Restore]);
    assert_eq!(machine.stopped(), Some(&Stop::Baseline));
}

#[test]
fn a_failover_that_does_not_come_is_held_when_its_time_is_over() {
    let mut machine = injected(None);
    assert_eq!(send(&mut machine, 10, 19, false, Origin::Unknown), []);
    assert_eq!(send(&mut machine, 19, 21, false, Origin::Unknown), [Effect::Mark(Mark::Hold)]);
}

#[test]
fn a_fault_without_any_effect_ends_too() {
    let mut machine = injected(None);
    let effects = send(&mut machine, 10, 60, true, Origin::Failed);
    assert_eq!(effects, [Effect::Mark(Mark::Hold), Effect::Mark(Mark::RestoreAsked), Effect::Restore]);
}

#[test]
fn the_stop_condition_restores_at_once() {
    let mut machine = injected(Some(5));
    let effects = send(&mut machine, 10, 11, false, Origin::Unknown);
    assert_eq!(effects, [Effect::Mark(Mark::RestoreAsked), Effect::Restore]);
    assert_eq!(machine.stopped(), Some(&Stop::MaxErrors(5)));
    assert_eq!(
        machine.on(Event::Restored { whole: true }, at(12)),
        [Effect::Mark(Mark::RestoreAccepted), Effect::Mark(Mark::End), Effect::Finish]
    );
}

#[test]
fn a_signal_restores_in_every_phase_before_the_end() {
    let mut holding = injected(None);
    send(&mut holding, 10, 14, true, Origin::Elsewhere);
    let mut injecting = machine(None);
    send(&mut injecting, 0, 10, true, Origin::Failed);
    for mut machine in [machine(None), injecting, injected(None), holding] {
        let effects = machine.on(Event::Stop(Stop::Signal(2)), at(15));
        assert_eq!(effects, [Effect::Mark(Mark::RestoreAsked), Effect::Restore]);
        assert_eq!(machine.on(Event::Stop(Stop::Signal(2)), at(15)), [], "a second one changes nothing");
        assert!(machine.on(Event::Restored { whole: true }, at(16)).contains(&Effect::Finish));
        assert_eq!(machine.stopped(), Some(&Stop::Signal(2)));
    }
}

#[test]
fn a_signal_while_restoring_waits_for_it_and_one_afterwards_ends() {
    let mut machine = injected(None);
    send(&mut machine, 10, 14, true, Origin::Elsewhere);
    send(&mut machine, 14, 40, true, Origin::Elsewhere);
    assert_eq!(machine.on(Event::Stop(Stop::Signal(15)), at(40)), []);
    assert!(machine.on(Event::Restored { whole: true }, at(41)).contains(&Effect::Finish));
    let mut machine = injected(None);
    send(&mut machine, 10, 14, true, Origin::Elsewhere);
    send(&mut machine, 14, 40, true, Origin::Elsewhere);
    machine.on(Event::Restored { whole: true }, at(40));
    assert_eq!(machine.on(Event::Stop(Stop::Signal(15)), at(41)), [Effect::Mark(Mark::End), Effect::Finish]);
}

#[test]
fn a_write_that_fails_restores_what_the_others_did() {
    let mut machine = machine(None);
    send(&mut machine, 0, 10, true, Origin::Failed);
    let effects = machine.on(Event::NotInjected("conflict".into()), at(10));
    assert_eq!(effects, [Effect::Mark(Mark::RestoreAsked), Effect::Restore]);
    assert_eq!(machine.on(Event::Injected, at(11)), [], "an answer that comes late injects nothing more");
}

#[test]
fn an_answer_from_elsewhere_counts_from_its_own_time_however_late_it_is_known_to_be_one() {
    let mut machine = injected(None);
    machine.on(Event::Origins(vec![Origin::Failed]), at(10));
    send(&mut machine, 11, 12, true, Origin::Elsewhere);
    machine.on(Event::Origins(vec![Origin::Failed, Origin::Elsewhere]), at(12));
    assert_eq!(machine.first_effect, Some(at(11)));
}

#[test]
fn what_is_not_put_back_ends_the_drill() {
    let mut machine = injected(None);
    send(&mut machine, 10, 14, true, Origin::Elsewhere);
    send(&mut machine, 14, 40, true, Origin::Elsewhere);
    assert!(machine.on(Event::Restored { whole: false }, at(90)).contains(&Effect::Finish));
}

#[test]
fn the_failback_is_awaited_while_a_host_is_ejected() {
    let mut machine = injected(None);
    send(&mut machine, 10, 14, true, Origin::Elsewhere);
    send(&mut machine, 14, 40, true, Origin::Elsewhere);
    machine.on(Event::Restored { whole: true }, at(40));
    machine.on(Event::Ejected(true), at(40));
    assert_eq!(send(&mut machine, 40, 50, true, Origin::Failed), []);
    machine.on(Event::Ejected(false), at(50));
    assert!(send(&mut machine, 50, 60, true, Origin::Failed).contains(&Effect::Finish));
}

#[test]
fn a_failback_that_does_not_come_is_awaited_as_long_as_an_ejection_can_last() {
    let mut machine = injected(None);
    send(&mut machine, 10, 14, true, Origin::Elsewhere);
    send(&mut machine, 14, 40, true, Origin::Elsewhere);
    machine.on(Event::Restored { whole: true }, at(40));
    assert_eq!(send(&mut machine, 40, 103, true, Origin::Elsewhere), []);
    assert!(send(&mut machine, 103, 106, true, Origin::Elsewhere).contains(&Effect::Finish));
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        Just(Event::Tick),
        (any::<bool>(), prop_oneof![Just(Origin::Failed), Just(Origin::Elsewhere), Just(Origin::Unknown)])
            .prop_map(|(success, origin)| Event::Request { success, answerer: answerer(origin) }),
        any::<bool>().prop_map(Event::Ejected),
        Just(Event::Injected),
        Just(Event::NotInjected("x".into())),
        any::<bool>().prop_map(|whole| Event::Restored { whole }),
        Just(Event::Stop(Stop::Signal(2))),
    ]
}

proptest! {
    /// Whatever happens, in any order, and however the clock jumps.
    #[test]
    fn what_is_injected_is_restored_once_and_before_the_end(
        events in proptest::collection::vec((event(), 0_u64..200_000), 0..200)
    ) {
        let mut machine = machine(Some(50));
        let mut effects = Vec::new();
        for (event, millis) in events {
            effects.extend(machine.on(event, Duration::from_millis(millis)));
        }
        effects.extend(machine.on(Event::Stop(Stop::Signal(15)), at(300)));
        effects.extend(machine.on(Event::Restored { whole: true }, at(301)));
        let place = |effect: Effect| effects.iter().position(|seen| *seen == effect);
        prop_assert!(effects.iter().filter(|effect| **effect == Effect::Inject).count() <= 1);
        prop_assert_eq!(effects.iter().filter(|effect| **effect == Effect::Restore).count(), 1);
        prop_assert_eq!(place(Effect::Finish), Some(effects.len() - 1));
        prop_assert!(place(Effect::Inject) < place(Effect::Restore));
    }
}
