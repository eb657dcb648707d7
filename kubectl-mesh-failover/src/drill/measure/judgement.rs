//! Whether the hypothesis held, part by part, and the verdict in a sentence.

use std::time::Duration;

use mesh_shared::plugin::text::{count, grouped};

use super::answerers::Source;
use super::facts::Facts;
use super::figures::{ROUNDING, SPLIT_TOLERANCE, count as requests_that, is_from, milliseconds};
use crate::drill::recording::{Mark, PutBack, Stop};
use crate::drill::report::document::{Expectation, Verdict};
use crate::drill::report::wording::{percent, percent_of, seconds, share};

/// Indexes of the parts in the list of expectations. The failed requests come last, and only with a stop condition.
pub const BASELINE: usize = 0;
/// See [`BASELINE`].
pub const FAILOVER: usize = 1;
/// See [`BASELINE`].
pub const FAILBACK: usize = 2;

/// The hypothesis, part by part.
pub fn expectations(facts: &Facts<'_>) -> Vec<Expectation> {
    let mut parts = vec![baseline(facts), failover(facts), failback(facts)];
    if let Some(most) = facts.experiment.hypothesis.max_errors {
        let failed = facts.under_fault().failed;
        parts.push(Expectation {
            name: "failed requests under the fault".into(),
            wanted: format!("fewer than {}", grouped(most)),
            found: grouped(failed),
            held: Some(failed < most),
        });
    }
    parts
}

fn baseline(facts: &Facts<'_>) -> Expectation {
    let (all, failed) = (facts.baseline.requests, facts.baseline.failed);
    let least = facts.experiment.hypothesis.baseline_success;
    Expectation {
        name: "success in the baseline".into(),
        wanted: format!("at least {}", percent(least)),
        found: match all {
            0 => "no request ended in it".into(),
            _ => format!("{} of {}", percent_of(all - failed, all), count(all, "request")),
        },
        held: (all > 0).then(|| share(all - failed, all) >= least - ROUNDING),
    }
}

fn failover(facts: &Facts<'_>) -> Expectation {
    let experiment = facts.experiment;
    let wanted = &experiment.hypothesis;
    let (found, held) = failover_found(facts);
    Expectation {
        name: format!("failover to {}", experiment.target.cluster),
        wanted: format!(
            "at least {} from {} within {} of the first effect",
            percent(wanted.failover_share),
            experiment.target.region,
            time(wanted.failover_within)
        ),
        found,
        held,
    }
}

fn failover_found(facts: &Facts<'_>) -> (String, Option<bool>) {
    let experiment = facts.experiment;
    let within = experiment.hypothesis.failover_within;
    let under = facts.under_fault();
    if facts.ordered.fault().is_none() {
        return ("no fault was injected".into(), None);
    }
    if facts.source == Source::Nothing {
        return ("it is unknown who answered".into(), None);
    }
    if facts.baseline.requests > 0 && !facts.baseline.tells() {
        return (format!("not shown: {} did not answer in the baseline", experiment.failed.region), Some(false));
    }
    let target = format!(
        "{} of {} from {}",
        grouped(under.from_target),
        count(under.requests, "request"),
        experiment.target.region
    );
    let effect = facts.times.first_effect;
    if let (Some(failover), Some(effect)) = (facts.times.failover, effect) {
        let took = failover.saturating_sub(effect);
        let under = facts.ordered.under_fault();
        let since = &under[under.partition_point(|request| request.at < failover)..];
        let from_target = requests_that(since, |request| is_from(request, &experiment.target.region));
        let then = percent_of(from_target, requests_that(since, |_| true));
        return (format!("after {}, then {then}", seconds(milliseconds(took))), Some(took <= within));
    }
    let since = effect.or(facts.ordered.fault()).unwrap_or_default();
    let last = facts.ordered.under_fault().last().map_or(since, |request| request.at);
    let judged = !cut_short(facts) || last.saturating_sub(since) >= within;
    (format!("not reached: {target}"), judged.then_some(false))
}

fn failback(facts: &Facts<'_>) -> Expectation {
    let experiment = facts.experiment;
    let within = experiment.hypothesis.failback_within;
    let split = percent(facts.baseline.from_failed);
    let (found, held) = match (facts.ordered.restore(), facts.times.failback) {
        (None, _) => ("nothing was put back".into(), None),
        (Some(_), _) if !facts.baseline.tells() => ("the baseline has no split to come back to".into(), None),
        (Some(restore), Some(failback)) => {
            let took = failback.saturating_sub(restore);
            (format!("after {}", seconds(milliseconds(took))), Some(took <= within))
        }
        (Some(restore), None) => {
            let watched = facts.ordered.end.saturating_sub(restore);
            let judged = facts.recording.stopped.is_none() || watched >= within;
            (format!("not back after {}", seconds(milliseconds(watched))), judged.then_some(false))
        }
    };
    Expectation {
        name: format!("failback to {}", experiment.failed.cluster),
        wanted: format!(
            "as before ({split} from {}, ± {}) within {} of putting back",
            experiment.failed.region,
            percent(SPLIT_TOLERANCE),
            time(within)
        ),
        found,
        held,
    }
}

/// Whether the drill ended before it could be judged. Too many failed requests under the fault are a result.
fn cut_short(facts: &Facts<'_>) -> bool {
    !matches!(facts.recording.stopped, None | Some(Stop::MaxErrors(_)))
}

/// What is not put back.
pub fn not_restored<'a>(facts: &'a Facts<'_>) -> impl Iterator<Item = &'a PutBack> {
    facts.recording.put_back.iter().filter(|field| !field.restored)
}

/// Whether a fault was accepted and its fate is unknown.
pub fn untold(facts: &Facts<'_>) -> bool {
    facts.ordered.marks.contains_key(&Mark::FaultAccepted) && facts.recording.put_back.is_empty()
}

/// How the drill ended: not restored takes precedence; then stopped, unless all parts could be judged nevertheless and
/// one did not hold (too many failed requests under the fault are a failure, not a stop); then failed, if a part did
/// not hold or could not be judged.
pub fn verdict(facts: &Facts<'_>, hypothesis: &[Expectation]) -> Verdict {
    let judged = hypothesis.iter().all(|part| part.held.is_some());
    let held = hypothesis.iter().all(|part| part.held == Some(true));
    let stopped = match &facts.recording.stopped {
        None => false,
        Some(Stop::Baseline) => true,
        Some(Stop::MaxErrors(_)) => facts.ordered.fault().is_none(),
        Some(Stop::Traffic(_) | Stop::LockLost(_) | Stop::Signal(_) | Stop::Failed(_)) => !judged || held,
    };
    if not_restored(facts).next().is_some() || untold(facts) {
        Verdict::NotRestored
    } else if stopped {
        Verdict::Stopped
    } else if held && facts.recording.stopped.is_none() {
        Verdict::Held
    } else {
        Verdict::Failed
    }
}

/// The verdict in a sentence.
pub fn headline(facts: &Facts<'_>, verdict: Verdict, hypothesis: &[Expectation]) -> String {
    let experiment = facts.experiment;
    let (service, failed, target) = (&experiment.service, &experiment.failed.cluster, &experiment.target.cluster);
    match verdict {
        Verdict::Held => format!("{service} failed over from {failed} to {target} and came back."),
        Verdict::NotRestored => match not_restored(facts).find(|field| !field.is_open()).or(not_restored(facts).next())
        {
            Some(field) if field.is_open() => {
                format!("{service}: {} is as before, but a request of the drill may still change it.", field.object)
            }
            Some(field) => format!(
                "{service}: {} was not put back: {} is {}, not {}.",
                field.object, field.field, field.after, field.before
            ),
            None => format!("{service}: it is unknown whether the fault in {failed} is gone."),
        },
        Verdict::Stopped => stopped(facts),
        Verdict::Failed => did_not_hold(facts, hypothesis),
    }
}

fn stopped(facts: &Facts<'_>) -> String {
    let service = &facts.experiment.service;
    let back = if facts.recording.put_back.is_empty() { "nothing was changed" } else { "everything was put back" };
    let what = match &facts.recording.stopped {
        Some(Stop::Baseline) => {
            let (all, failed) = (facts.baseline.requests, facts.baseline.failed);
            return format!(
                "{service} was left alone: {} of {} failed before any fault.",
                grouped(failed),
                count(all, "request")
            );
        }
        Some(Stop::MaxErrors(most)) => format!("was stopped: {} failed before any fault", count(*most, "request")),
        Some(Stop::Traffic(_)) => "was stopped: the client's traffic broke off".into(),
        Some(Stop::LockLost(_)) => "was stopped: its lock was lost".into(),
        Some(Stop::Signal(signal)) => format!("was stopped by {}", signal_name(*signal)),
        Some(Stop::Failed(_)) | None => "could not go on".into(),
    };
    format!("The drill of {service} {what}; {back}.")
}

/// The name of a signal.
fn signal_name(signal: i32) -> String {
    match signal {
        1 => "SIGHUP".into(),
        2 => "SIGINT".into(),
        15 => "SIGTERM".into(),
        other => format!("signal {other}"),
    }
}

/// What did not hold, earliest first.
fn did_not_hold(facts: &Facts<'_>, hypothesis: &[Expectation]) -> String {
    let experiment = facts.experiment;
    let (service, failed, target) = (&experiment.service, &experiment.failed.cluster, &experiment.target.cluster);
    let part = |index: usize| hypothesis.get(index).and_then(|part| part.held);
    let under = facts.under_fault();
    let requests = count(under.requests, "request");
    if part(BASELINE) == Some(false) {
        let all = count(facts.baseline.requests, "request");
        return format!(
            "{service} was unhealthy before the fault: {} of {all} failed.",
            grouped(facts.baseline.failed)
        );
    }
    if part(FAILOVER) != Some(true) {
        if let (Some(took), Some(false)) = (facts.figures.failover_from_effect_ms, part(FAILOVER)) {
            let within = time(experiment.hypothesis.failover_within);
            return format!(
                "{service} failed over from {failed} to {target} too late: after {}, wanted within {within}.",
                seconds(took)
            );
        }
        return if part(FAILOVER).is_none() {
            format!("{service}: it could not be judged whether it failed over from {failed} to {target}.")
        } else if under.from_target == 0 && under.failed > 0 {
            format!(
                "{service} did not fail over: {} of {requests} failed, none reached {target}.",
                grouped(under.failed)
            )
        } else if under.failed == 0 && under.from_failed == under.requests {
            format!("{service} did not fail over: all of {requests} were still answered by {failed}.")
        } else {
            format!(
                "{service} did not fail over in full: {target} answered {} of {requests}, {} failed.",
                percent_of(under.from_target, under.requests),
                if under.failed == 0 { "none".into() } else { grouped(under.failed) }
            )
        };
    }
    match (part(FAILBACK), facts.figures.failback_ms) {
        (Some(true), _) => match experiment.hypothesis.max_errors {
            Some(most) => format!(
                "{service} failed over from {failed} to {target}, but {} failed; fewer than {} were wanted.",
                count(under.failed, "request"),
                grouped(most)
            ),
            None => {
                format!("{service} failed over from {failed} to {target} and came back, but the drill was stopped.")
            }
        },
        (_, Some(took)) => format!(
            "{service} failed over from {failed} to {target}, but came back late: after {}, wanted within {}.",
            seconds(took),
            time(experiment.hypothesis.failback_within)
        ),
        (Some(false), None) => format!("{service} failed over from {failed} to {target}, but did not come back."),
        (None, None) => {
            format!("{service} failed over from {failed} to {target}; whether it came back could not be judged.")
        }
    }
}

/// A duration that the user gave.
pub fn time(time: Duration) -> String {
    seconds(milliseconds(time))
}
