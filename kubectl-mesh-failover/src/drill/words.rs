//! What a drill says before it begins, and what its other verbs say.

use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;
use mesh_shared::model::names::service::ServiceName;
use mesh_shared::plugin::error::{Error, Kind};
use mesh_shared::plugin::terminal::table;
use mesh_shared::plugin::text;
use mesh_shared::plugin::yaml;
use serde::Serialize;

use crate::drill::experiment::{Fault, Side};
use crate::drill::prepared::Prepared;
use crate::drill::record::Record;
use crate::drill::recording::PutBack;
use crate::drill::traffic::Curl;
use mesh_shared::plugin::arguments::TableFormat;

/// So many pods are named; of the others their number is given.
const PODS: usize = 10;

/// What was found and what will be done, in one screen.
pub fn overview(prepared: &Prepared) -> String {
    let experiment = &prepared.experiment;
    let (failed, target, client) = (&experiment.failed, &experiment.target, &experiment.client);
    let service = &experiment.service;
    let mut text = String::new();
    let mut line = |words: String| {
        let _ = writeln!(text, "{words}");
    };
    line(format!("{service} in {}: {}; {}.", failed.cluster, workloads(prepared), others(&prepared.also)));
    if let Fault::UpstreamErrors { .. } = experiment.fault {
        line(matched(&prepared.pods, service, &prepared.also));
    }
    line(format!("Fails over to: {}.", side(target)));
    if let Some(rule) = &experiment.rule {
        line(format!("Governed by: {}.", rule.name));
    }
    line(format!(
        "Client: {} in {} ({}), {}.",
        client.workload,
        client.cluster,
        client.pod,
        rate(prepared.curl, experiment.rate)
    ));
    for workload in &prepared.workloads {
        if let Some(scaler) = &workload.autoscaler {
            line(format!(
                "Note: HorizontalPodAutoscaler {} ({} to {}) rests while {} stands at zero.",
                scaler.name, scaler.least, scaler.most, workload.object.name
            ));
        }
    }
    line(format!("Will: {}", will(prepared)));
    let recover = format!("kubectl mesh-failover drill recover {service} --contexts {}", failed.context);
    line(format!("      if I am killed it stays so until: {recover}"));
    text.trim_end().to_owned()
}

fn will(prepared: &Prepared) -> String {
    let experiment = &prepared.experiment;
    let hold = text::duration(experiment.hold);
    let back = "While I live I put it back, also on Ctrl-C;";
    match experiment.fault {
        Fault::ScaleToZero => {
            let all: Vec<String> = prepared
                .workloads
                .iter()
                .map(|workload| format!("{} to 0 and back to {}", workload.object.name, workload.replicas))
                .collect();
            format!("scale {}, for {hold} after the failover.\n      {back}", all.join(", "))
        }
        Fault::UpstreamErrors { percent } => format!(
            "have the proxies of {} answer 503 to {percent} % of requests, of all its clients,\n      for {hold} after the failover. {back}",
            experiment.service
        ),
    }
}

fn workloads(prepared: &Prepared) -> String {
    let all: Vec<String> = prepared
        .workloads
        .iter()
        .map(|workload| {
            let replicas = usize::try_from(workload.replicas).unwrap_or(usize::MAX);
            format!("{} {}, {}", workload.object.kind, workload.object.name, text::count(replicas, "replica"))
        })
        .collect();
    if all.is_empty() { text::count(prepared.experiment.failed.endpoints, "endpoint") } else { all.join("; ") }
}

fn others(also: &[ServiceName]) -> String {
    let names: Vec<String> = also.iter().map(ToString::to_string).collect();
    if names.is_empty() {
        "no other service uses these pods".into()
    } else {
        format!("{} fail with it, on the same pods", text::list(&names))
    }
}

/// The pods whose proxies answer errors, and what they serve.
fn matched(pods: &[String], service: &ServiceName, also: &[ServiceName]) -> String {
    let mut names: Vec<String> = pods.iter().take(PODS).cloned().collect();
    if pods.len() > PODS {
        names.push(format!("{} more", pods.len() - PODS));
    }
    let served: Vec<String> = [service].into_iter().chain(also).map(ToString::to_string).collect();
    let serve = if pods.len() == 1 { "It serves" } else { "They serve" };
    let (count, names, served) = (text::count(pods.len(), "pod"), text::list(&names), text::list(&served));
    format!("The filter applies to {count}: {names}. {serve} {served}.")
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

/// An earlier drill's record stands.
pub fn left_over(service: &ServiceName, context: &str) -> Error {
    Error::refused(format!("an earlier drill of {service} was not put back"))
        .at(format!("context {context}, ConfigMap {}/mesh-failover-drill-{}", service.namespace, service.name))
        .because("its record still stands, which says what it changed")
        .fix(format!("kubectl mesh-failover drill recover {service} --contexts {context}"))
}

/// A drill of the service runs.
pub fn runs_already(service: &ServiceName, context: &str, holder: &str, age: Duration) -> Error {
    Error::refused(format!("a drill of {service} runs already"))
        .at(format!("context {context}"))
        .because(format!("{holder} began it {} ago", text::duration(age)))
        .fix("wait for its end, or see it: kubectl mesh-failover drill list")
        .fix("where its client died, half a minute later:")
        .fix(format!("kubectl mesh-failover drill recover {service} --contexts {context}"))
}

/// A drill is to be recovered whose client lives.
pub fn lives(service: &ServiceName, context: &str, holder: &str, age: Duration) -> Error {
    Error::refused(format!("the drill of {service} still runs"))
        .at(format!("context {context}"))
        .because(format!(
            "{holder} began it {} ago and keeps its lock; it will put everything back itself",
            text::duration(age)
        ))
        .fix("stop it there with Ctrl-C, or take it over: --force")
}

/// What stays different, which counts before everything else.
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
        "Drill of {} in {} ({context}), begun {} by {}:\n",
        record.service,
        record.cluster,
        record.started.strftime("%Y-%m-%d %H:%M:%S UTC"),
        record.holder
    );
    for one in standing {
        let what = match (&one.fault, one.restored) {
            (_, true) => "stands as before already".to_owned(),
            (Some(fault), false) if one.after != one.during => format!("left: {fault}"),
            _ => format!("{} from {} back to {}", one.field, one.after, one.before),
        };
        let _ = writeln!(text, "  {}: {what}", one.object);
    }
    text.trim_end().to_owned()
}

/// What was put back, a line each.
pub fn put_back(all: &[PutBack]) -> String {
    let mut text = String::new();
    for one in all {
        let verdict = if one.restored { "as before" } else { "NOT AS BEFORE" };
        let PutBack { object, field, before, during, after, .. } = one;
        let _ = writeln!(text, "{object}: {field} {before} → {during} → {after}, {verdict}");
    }
    text
}

/// A drill that runs or was left.
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
    /// `running`, or `left` where its client does not keep the lock any more.
    state: &'static str,
}

impl Listed {
    /// A record of a cluster, and whether its client lives.
    pub fn of(record: &Record, context: &str, alive: bool, now: Timestamp) -> Self {
        Self {
            service: record.service.to_string(),
            cluster: record.cluster.clone(),
            context: context.to_owned(),
            fault: match record.fault {
                Fault::ScaleToZero => "scale-to-zero".into(),
                Fault::UpstreamErrors { percent } => format!("upstream-errors={percent}"),
            },
            started: record.started,
            age_seconds: u64::try_from(now.duration_since(record.started).as_secs()).unwrap_or_default(),
            holder: record.holder.clone(),
            state: if alive { "running" } else { "left" },
        }
    }
}

/// All of them, with the line that puts back what was left.
pub fn list(all: &[Listed], output: TableFormat) -> String {
    let value = || serde_json::to_value(all).unwrap_or_default();
    match output {
        TableFormat::Json => serde_json::to_string_pretty(&value()).unwrap_or_default() + "\n",
        TableFormat::Yaml => yaml::document(&value()),
        TableFormat::Table | TableFormat::Wide if all.is_empty() => "No drill runs, and none left anything.\n".into(),
        TableFormat::Table | TableFormat::Wide => {
            let rows = all.iter().map(|one| {
                let age = text::duration(Duration::from_secs(one.age_seconds));
                [&one.service, &one.cluster, &one.fault, &age, &one.holder, one.state].map(ToString::to_string)
            });
            let mut text = table::render(["service", "cluster", "fault", "age", "holder", "state"], rows) + "\n";
            for one in all.iter().filter(|one| one.state == "left") {
                let _ = writeln!(
                    text,
                    "Put back what was left: kubectl mesh-failover drill recover {} --contexts {}",
                    one.service, one.context
                );
            }
            text
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_pods_of_a_filter_are_named_and_the_others_counted() {
        let service = |name: &str| ServiceName { namespace: "sample".into(), name: name.into() };
        let pods: Vec<String> = (1..=12).map(|number| format!("a-{number}")).collect();
        assert_eq!(
            matched(&pods, &service("a"), &[service("b")]),
            "The filter applies to 12 pods: a-1, a-2, a-3, a-4, a-5, a-6, a-7, a-8, a-9, a-10 and 2 more. They serve a.sample and b.sample."
        );
        assert_eq!(matched(&pods[..1], &service("a"), &[]), "The filter applies to 1 pod: a-1. It serves a.sample.");
    }
}
