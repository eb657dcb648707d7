//! Why a hypothesis did not hold, as far as the recording and the rule show, and what to do.

use std::time::Duration;

use mesh_shared::plugin::text::count;

use super::counters;
use super::facts::{Facts, UnderFault};
use super::judgement::{BASELINE, FAILBACK, FAILOVER, not_restored, time, untold};
use crate::drill::command_lines;
use crate::drill::faults::fault_kind::Weakness;
use crate::drill::governing_rule::Rule;
use crate::drill::recording::Stop;
use crate::drill::report::document::{Expectation, Reason, Verdict};
use crate::drill::report::wording::percent_of;

/// The reasons, the likeliest first; none if the hypothesis held.
pub fn reasons(facts: &Facts<'_>, verdict: Verdict, hypothesis: &[Expectation]) -> Vec<Reason> {
    match verdict {
        Verdict::Held => Vec::new(),
        Verdict::NotRestored => unrestored(facts),
        Verdict::Stopped => stopped(facts),
        Verdict::Failed => failed(facts, hypothesis),
    }
}

fn reason(why: impl Into<String>, remedy: impl Into<String>) -> Reason {
    Reason { why: why.into(), remedy: Some(remedy.into()) }
}

fn unrestored(facts: &Facts<'_>) -> Vec<Reason> {
    let (service, context) = (&facts.experiment.service, &facts.experiment.failed.context);
    let recover = command_lines::recover(service, context);
    let mut reasons: Vec<Reason> =
        not_restored(facts).map(|field| reason(field.unrestored(), recover.clone())).collect();
    if untold(facts) {
        reasons.push(reason("the fault was accepted, and it is unknown whether it is gone", recover));
    }
    reasons
}

fn stopped(facts: &Facts<'_>) -> Vec<Reason> {
    let alone = |why: String| vec![Reason { why, remedy: None }];
    match &facts.recording.stopped {
        Some(Stop::Baseline) => vec![reason(
            "a service that fails before the fault shows nothing under it",
            "fix it first, or lower --min-success",
        )],
        Some(Stop::MaxErrors(most)) => alone(format!("{} failed: the stop condition", count(*most, "request"))),
        Some(Stop::Traffic(why) | Stop::LockLost(why) | Stop::Failed(why)) => alone(why.clone()),
        Some(Stop::Signal(_)) | None => Vec::new(),
    }
}

fn failed(facts: &Facts<'_>, hypothesis: &[Expectation]) -> Vec<Reason> {
    let part = |index: usize| hypothesis.get(index).and_then(|part| part.held);
    let mut reasons = Vec::new();
    if let Some(Stop::MaxErrors(most)) = facts.recording.stopped {
        reasons.push(Reason {
            why: format!("stopped at {}, as asked (--max-errors)", count(most, "failed request")),
            remedy: None,
        });
    }
    if part(BASELINE) == Some(false) {
        reasons.push(reason("the service failed requests before the fault", "fix it first, then drill again"));
    }
    if part(FAILOVER) != Some(true) {
        reasons.extend(no_failover(facts));
    }
    if part(FAILOVER) == Some(true) && part(FAILBACK) != Some(true) {
        reasons.extend(no_failback(facts));
    }
    if reasons.is_empty() {
        let why = match facts.experiment.hypothesis.max_errors {
            Some(most) if facts.under_fault().failed >= most => {
                format!("{} failed under the fault", count(facts.under_fault().failed, "request"))
            }
            _ => "the drill ended early".into(),
        };
        reasons.push(Reason { why, remedy: None });
    }
    reasons
}

/// The command that writes the rule with which this drill holds.
fn apply(facts: &Facts<'_>) -> String {
    let experiment = facts.experiment;
    command_lines::apply_locality(&experiment.service, &experiment.failed.region, &experiment.target.region)
}

fn no_failover(facts: &Facts<'_>) -> Vec<Reason> {
    let experiment = facts.experiment;
    let under = facts.under_fault();
    let mut reasons = Vec::new();
    if facts.baseline.requests > 0 && !facts.baseline.tells() {
        reasons.push(reason(
            format!("{} did not answer this client before the fault either", experiment.failed.region),
            format!("send the traffic from a client in {} (--from-cluster)", experiment.failed.cluster),
        ));
        return reasons;
    }
    if under.requests > 0 && under.from_failed == under.requests {
        reasons.push(reason(
            format!("the fault had no effect: every answer still came from {}", experiment.failed.region),
            "check whether the faulted workload is the one that answers",
        ));
        return reasons;
    }
    reasons.extend(target_errors(facts));
    match &experiment.rule {
        None => {
            reasons.push(reason("no rule governs the client, so no region takes over from another", apply(facts)));
        }
        Some(rule) => reasons.extend(of_the_rule(facts, rule)),
    }
    if under.from_target == 0 && reasons.is_empty() {
        reasons.push(reason(
            format!(
                "nothing came from {}: it may not be exposed, or its gateway may be unreachable",
                experiment.target.region
            ),
            format!("kubectl mesh-failover list {}", experiment.service),
        ));
    }
    if reasons.is_empty() {
        reasons.push(in_part(facts, &under));
    }
    reasons
}

/// What came in place of the target's answers.
fn in_part(facts: &Facts<'_>, under: &UnderFault) -> Reason {
    let experiment = facts.experiment;
    if facts.times.failover.is_some() {
        return reason(
            "it failed over, but later than the hypothesis allows",
            "check hosts more often (interval), or allow more time (--failover-within)",
        );
    }
    let other = under.requests.saturating_sub(under.failed + under.from_failed + under.from_target);
    let (number, what) = [
        (under.failed, "failed".to_owned()),
        (under.from_failed, format!("were still answered by {}", experiment.failed.region)),
        (other, "were answered by other or unknown regions".to_owned()),
    ]
    .into_iter()
    .max_by_key(|(number, _)| *number)
    .unwrap_or_default();
    let share = percent_of(number, under.requests);
    let remedy = if other > under.failed + under.from_failed {
        format!("see where else the service runs: kubectl mesh-failover list {}", experiment.service)
    } else {
        "hold the fault for longer (--hold), or allow more time (--failover-within)".into()
    };
    reason(format!("{share} of the requests under the fault {what}"), remedy)
}

fn of_the_rule(facts: &Facts<'_>, rule: &Rule) -> Vec<Reason> {
    let experiment = facts.experiment;
    let name = rule.short_name();
    if !rule.outlier_detection {
        return vec![reason(
            format!("rule {name} has no outlier detection: without it Istio ranks no regions and ejects no host"),
            apply(facts),
        )];
    }
    let mut reasons = Vec::new();
    if let Some(Weakness { why, remedy }) = experiment.fault.kind().weakness(rule, &experiment.failed) {
        reasons.push(reason(why, remedy.map_or_else(|| apply(facts), str::to_owned)));
    }
    if rule.failover_to.as_deref() != Some(experiment.target.region.as_str()) {
        let (failed, target) = (&experiment.failed.region, &experiment.target.region);
        let why = match &rule.failover_to {
            None => format!("rule {name} has no failover from {failed} to {target}"),
            Some(other) => format!("rule {name} sends the traffic of {failed} to {other}, not to {target}"),
        };
        reasons.push(reason(why, apply(facts)));
    }
    reasons
}

/// A reason if the target's own hosts answered with errors under the fault, by the client proxy's counters.
fn target_errors(facts: &Facts<'_>) -> Option<Reason> {
    let experiment = facts.experiment;
    let (fault, restore) = (facts.ordered.fault()?, facts.ordered.restore().unwrap_or(facts.ordered.end));
    let from = facts.windows.partition_point(|window| window.from < fault);
    let to = facts.windows.partition_point(|window| window.to <= restore).max(from);
    let seen = counters::sum(&facts.windows[from..to]);
    let attempts = seen.get(experiment.target.region.as_str())?;
    let all = attempts.success.saturating_add(attempts.error);
    let share = 1.0 - experiment.hypothesis.failover_share;
    (attempts.error > 0 && crate::drill::report::wording::share(attempts.error, all) > share).then(|| {
        reason(
            format!(
                "{} answered {} of {} with errors",
                experiment.target.region,
                percent_of(attempts.error, all),
                count(all, "attempt")
            ),
            format!("check the service in {}: it has to work on its own", experiment.target.cluster),
        )
    })
}

fn no_failback(facts: &Facts<'_>) -> Vec<Reason> {
    let failed = &facts.experiment.failed.region;
    let seen = facts.recording.readings.iter().flat_map(|reading| &reading.hosts);
    let ejected = seen.clone().any(|host| host.ejected && host.region == *failed);
    match (&facts.experiment.rule, ejected || facts.experiment.fault.kind().ejects()) {
        (Some(rule), true) if rule.outlier_detection => {
            let stood = facts.ordered.restore().zip(facts.ordered.fault());
            let stood = stood.map_or(Duration::ZERO, |(restore, fault)| restore.saturating_sub(fault));
            vec![reason(
                format!(
                    "hosts of {failed} stay ejected for baseEjectionTime ({}) times the number of their ejections: up to {} after this fault",
                    time(rule.base_ejection),
                    time(rule.longest_ejection(stood))
                ),
                "lower baseEjectionTime in the rule, or allow more time (--failback-within)",
            )]
        }
        _ => vec![reason(
            format!("answers from {failed} did not come back as before"),
            format!("check whether its endpoints are ready: kubectl mesh-failover list {}", facts.experiment.service),
        )],
    }
}
