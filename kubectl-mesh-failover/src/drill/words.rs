//! Texts that a drill prints before it begins, and those of its other verbs.

use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;
use mesh_shared::model::names::service::ServiceName;
use mesh_shared::model::seen::workload::Workload;
use mesh_shared::plugin::error::{Error, Kind};
use mesh_shared::plugin::finding::codes::drill as codes;
use mesh_shared::plugin::terminal::table;
use mesh_shared::plugin::text;
use mesh_shared::plugin::yaml;
use serde::Serialize;

use crate::drill::experiment::Experiment;
use crate::drill::fault_record::Record;
use crate::drill::faults::fault_kind::Planned;
use crate::drill::recording::PutBack;
use crate::drill::side::Side;
use crate::drill::traffic::Curl;
use crate::drill::{command_lines, object_names};
use mesh_shared::plugin::arguments::TableFormat;

/// What is done and for how long go on two lines if the former is longer.
const LONG: usize = 64;

/// A drill that may begin.
#[derive(Debug, Clone, Copy)]
pub struct Overview<'a> {
    /// The experiment.
    pub experiment: &'a Experiment,
    /// Names of the pods that are failed.
    pub pods: &'a [String],
    /// Other services whose pods are failed too.
    pub also: &'a [ServiceName],
    /// Workloads behind the service.
    pub workloads: &'a [Workload],
    /// What the client's curl can do.
    pub curl: Curl,
}

/// What was found and what will be done, on one screen.
pub fn overview(overview: &Overview<'_>) -> String {
    let Overview { experiment, pods, also, workloads: behind, curl } = *overview;
    let (failed, target, client) = (&experiment.failed, &experiment.target, &experiment.client);
    let service = &experiment.service;
    let of_fault = experiment.fault.kind().in_plan(&Planned { service, workloads: behind, pods, also });
    let mut text = String::new();
    let mut line = |words: String| {
        let _ = writeln!(text, "{words}");
    };
    line(format!("{service} in {}: {}; {}.", failed.cluster, workloads(behind, failed), others(also)));
    of_fault.applies_to.into_iter().for_each(&mut line);
    line(format!("Fails over to: {}.", side(target)));
    if let Some(rule) = &experiment.rule {
        line(format!("Governed by: {}.", rule.name));
    }
    line(format!(
        "Client: {} in {} ({}), {}.",
        client.workload,
        client.cluster,
        client.pod,
        rate(curl, experiment.rate)
    ));
    of_fault.notes.iter().for_each(|note| line(format!("Note: {note}")));
    line(format!("Will: {}", will(&of_fault.will, &text::duration(experiment.hold))));
    line(format!(
        "      if this process is killed, the fault stays until you run: {}",
        command_lines::recover(service, &failed.context)
    ));
    text.trim_end().to_owned()
}

/// What is done, for how long, and that it is put back, in lines of moderate length.
fn will(what: &str, hold: &str) -> String {
    let (after_what, after_hold) = if what.chars().count() > LONG { (",\n      ", " ") } else { (", ", "\n      ") };
    format!("{what}{after_what}for {hold} after the failover.{after_hold}Put back when the drill ends, also on Ctrl-C;")
}

fn workloads(all: &[Workload], failed: &Side) -> String {
    let all: Vec<String> = all
        .iter()
        .map(|workload| {
            let replicas = usize::try_from(workload.replicas).unwrap_or(usize::MAX);
            format!("{} {}, {}", workload.object.kind, workload.object.name, text::count(replicas, "replica"))
        })
        .collect();
    if all.is_empty() { text::count(failed.endpoints, "endpoint") } else { all.join("; ") }
}

fn others(also: &[ServiceName]) -> String {
    let names: Vec<String> = also.iter().map(ToString::to_string).collect();
    if names.is_empty() {
        "no other service uses these pods".into()
    } else {
        format!("also failed, on the same pods: {}", text::list(&names))
    }
}

fn side(side: &Side) -> String {
    let region = if side.region.is_empty() { "no region".to_owned() } else { format!("region {}", side.region) };
    format!("{} ({region}), exposed, {}", side.cluster, text::count(side.endpoints, "endpoint"))
}

fn rate(curl: Curl, rate: Option<u32>) -> String {
    match (curl, rate) {
        (Curl::Rated, Some(rate)) => format!("{rate} requests a second"),
        _ => {
            "whose curl is too old to hold a rate: as many requests as one connection takes, over 1,000 a second".into()
        }
    }
}

/// The record of an earlier drill exists.
pub fn left_over(service: &ServiceName, context: &str) -> Error {
    codes::LEFT_OVER
        .found(format!("an earlier drill of {service} was not put back"))
        .context(context)
        .object(object_names::record(service))
        .because("its record, which says what it changed, still exists")
        .fix(command_lines::recover(service, context))
        .into_error()
}

/// A drill of the service is running.
pub fn runs_already(service: &ServiceName, context: &str, holder: &str, age: Duration) -> Error {
    codes::RUNS_ALREADY
        .found(format!("a drill of {service} is already running"))
        .context(context)
        .because(format!("{holder} started it {} ago", text::duration(age)))
        .fix("wait for it to end, or see it: kubectl mesh-failover drill list")
        .fix("if its client died, wait half a minute, then:")
        .fix(command_lines::recover(service, context))
        .into_error()
}

/// The client of the drill to be recovered is running.
pub fn lives(service: &ServiceName, context: &str, holder: &str, age: Duration) -> Error {
    Error::refused(format!("the drill of {service} is still running"))
        .at(format!("context {context}"))
        .because(format!(
            "{holder} started it {} ago and holds its lock; it will put everything back itself",
            text::duration(age)
        ))
        .fix("stop it there with Ctrl-C, or take over: --force")
}

/// What stays different, which outweighs everything else.
pub fn not_restored(all: &[PutBack], line: &str) -> Error {
    let unrestored = || all.iter().filter(|one| !one.restored);
    let stays: Vec<String> = unrestored().map(PutBack::unrestored).collect();
    let (what, first) = if unrestored().all(PutBack::is_open) {
        ("a request of the drill may still be carried out, so its record is kept", "wait a minute, then:")
    } else {
        ("what the drill changed is not as it was before", "look at it, then:")
    };
    Error::of(Kind::NotRestored, what).because(stays.join("\n")).fix(first).fix(line)
}

/// What recovery will do.
pub fn recovery(record: &Record, standing: &[PutBack], context: &str) -> String {
    let mut text = format!(
        "Drill of {} in {} ({context}), started {} by {}:\n",
        record.service,
        record.cluster,
        record.started.strftime("%Y-%m-%d %H:%M:%S UTC"),
        record.holder
    );
    for one in standing {
        let what = match (&one.fault, one.restored) {
            (_, true) => "already as before".to_owned(),
            (Some(fault), false) if one.after != one.during => format!("left: {fault}"),
            _ => format!("{} from {} back to {}", one.field, one.after, one.before),
        };
        let _ = writeln!(text, "  {}: {what}", one.object);
    }
    text.trim_end().to_owned()
}

/// What was put back, one line each.
pub fn put_back(all: &[PutBack]) -> String {
    let mut text = String::new();
    for one in all {
        let verdict = if one.restored { "as before" } else { "NOT AS BEFORE" };
        let PutBack { object, field, before, during, after, .. } = one;
        let _ = writeln!(text, "{object}: {field} {before} → {during} → {after}, {verdict}");
    }
    text
}

/// A drill that is running or was left behind.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Listed {
    service: String,
    cluster: String,
    context: String,
    fault: String,
    started: Timestamp,
    age_seconds: u64,
    holder: String,
    /// `running`, or `left` if its client no longer holds the lock.
    state: &'static str,
}

impl Listed {
    /// A record in a cluster, and whether its client is running.
    pub fn of(record: &Record, context: &str, alive: bool, now: Timestamp) -> Self {
        Self {
            service: record.service.to_string(),
            cluster: record.cluster.clone(),
            context: context.to_owned(),
            fault: record.fault.kind().written(),
            started: record.started,
            age_seconds: u64::try_from(now.duration_since(record.started).as_secs()).unwrap_or_default(),
            holder: record.holder.clone(),
            state: if alive { "running" } else { "left" },
        }
    }
}

/// All drills, with the commands that put back what was left behind.
pub fn list(all: &[Listed], output: TableFormat) -> String {
    let value = || serde_json::to_value(all).unwrap_or_default();
    match output {
        TableFormat::Json => serde_json::to_string_pretty(&value()).unwrap_or_default() + "\n",
        TableFormat::Yaml => yaml::document(&value()),
        TableFormat::Table | TableFormat::Wide if all.is_empty() => {
            "No drill is running, and none left anything behind.\n".into()
        }
        TableFormat::Table | TableFormat::Wide => {
            let rows = all.iter().map(|one| {
                let age = text::duration(Duration::from_secs(one.age_seconds));
                [&one.service, &one.cluster, &one.fault, &age, &one.holder, one.state].map(ToString::to_string)
            });
            let mut text = table::render(["service", "cluster", "fault", "age", "holder", "state"], rows) + "\n";
            for one in all.iter().filter(|one| one.state == "left") {
                let _ =
                    writeln!(text, "Put back what was left: {}", command_lines::recover(&one.service, &one.context));
            }
            text
        }
    }
}
