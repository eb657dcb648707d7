//! Rules and what they do, as a person reads them.

use std::collections::BTreeMap;

use mesh_shared::model::locality::policy::{Effective, Steering};
use mesh_shared::model::names::ClusterName;
use mesh_shared::plugin::duration::write_duration;
use mesh_shared::plugin::finding::Finding;
use mesh_shared::plugin::terminal::{table, text_diff};
use mesh_shared::plugin::text;
use mesh_shared::plugin::yaml;
use serde_json::{Value, json};

use crate::locality::drift::Told;
use crate::locality::effective_rules::{Clients, Ours, Report};
use crate::locality::request::TakeOver;
use crate::locality::rule_plan::{LocalityPlan, RulePlan};
use crate::locality::rule_to_write::namespaces_in_words;
use mesh_shared::plugin::arguments::TableFormat;

/// What will be done, as a diff for each rule. Clusters with the same changes are shown together.
pub fn overview(plan: &LocalityPlan) -> String {
    let mut lines = vec![headline(plan)];
    let mut told: Vec<(String, Vec<&ClusterName>)> = Vec::new();
    for cluster in &plan.clusters {
        let mut texts: Vec<String> = cluster.rules.iter().filter_map(rule).collect();
        texts.extend(cluster.findings.lines().map(|line| format!("  {line}")));
        if texts.is_empty() {
            texts.push("  nothing to change".into());
        }
        let text = texts.join("\n");
        match told.iter_mut().find(|(known, _)| *known == text) {
            Some((_, clusters)) => clusters.push(&cluster.cluster),
            None => told.push((text, vec![&cluster.cluster])),
        }
    }
    for (text, clusters) in told {
        lines.push(String::new());
        lines.push(format!("{}:", text::list(&clusters)));
        lines.push(text);
    }
    if !plan.findings.is_empty() {
        lines.push(String::new());
        lines.extend(plan.findings.lines());
    }
    lines.join("\n")
}

/// The differences, for `diff`.
pub fn differences(plan: &LocalityPlan, told: &[Told]) -> String {
    let mut parts = Vec::new();
    if !plan.changes().is_empty() {
        parts.push(overview(plan));
    }
    let conflicts = plan.conflicts(&TakeOver::Nothing);
    if !conflicts.is_empty() {
        parts.push(format!("Owned by others, changed only by --take-over:\n{}", conflicts.join("\n")));
    }
    let damaged: Vec<String> = plan.damaged().map(|damaged| damaged.finding().what).collect();
    if !damaged.is_empty() {
        parts.push(format!("Not compared:\n{}", damaged.join("\n")));
    }
    if !told.is_empty() {
        parts.push(drift(told));
    }
    if parts.is_empty() {
        parts.push(format!("{} Nothing differs.", headline(plan)));
    }
    parts.join("\n\n") + "\n"
}

/// The result, and what comes next.
pub fn applied(plan: &LocalityPlan) -> String {
    let changes = plan.changes().len();
    let done = match changes {
        0 => "Nothing to change.".to_owned(),
        _ => format!("{} written.", text::count(changes, "rule")),
    };
    let mut lines = vec![format!("{} {done}", headline(plan))];
    if changes == 0 {
        // Without a question, nothing was shown before.
        let clusters = plan.clusters.iter().flat_map(|cluster| &cluster.findings);
        lines.extend(plan.findings.iter().chain(clusters).map(Finding::line));
    }
    lines.push(format!(
        "Next, prove it: kubectl mesh-failover drill {} --fault upstream-errors --cluster CLUSTER --from deploy/CLIENT",
        plan.service
    ));
    lines.join("\n")
}

/// The result of a removal.
pub fn removed(plan: &LocalityPlan) -> String {
    match plan.changes().len() {
        0 => format!("No rule of {} has fields that we wrote. Nothing to change.", plan.service),
        some => format!("The failover of {} is taken out of {}.", plan.service, text::count(some, "rule")),
    }
}

fn headline(plan: &LocalityPlan) -> String {
    if plan.pairs.is_empty() {
        return if plan.clusters.is_empty() {
            format!("No rule of {} has fields that we wrote.", plan.service)
        } else {
            format!("The failover of {} is taken out:", plan.service)
        };
    }
    let pairs: Vec<String> = plan.pairs.iter().map(|pair| format!("{} → {}", pair.from, pair.to)).collect();
    format!("{} fails over {}.", plan.service, pairs.join(", "))
}

/// What differs in a rule; none if nothing is written.
fn rule(rule: &RulePlan) -> Option<String> {
    rule.rewrite.write.as_ref()?;
    let (live, after) = (rule.rewrite.live.as_ref(), rule.rewrite.after.as_ref());
    let verb = match (live, after) {
        (None, _) => "new ",
        (_, None) => "delete ",
        _ => "",
    };
    let lines = text_diff::lines(&spec(live), &spec(after));
    let lines = if lines.is_empty() { "only our record of which fields are ours".to_owned() } else { lines };
    let indented: Vec<String> = lines.lines().map(|line| format!("    {line}")).collect();
    Some(format!("  {verb}{}: {}\n{}", rule.key, rule.why, indented.join("\n")))
}

fn spec(object: Option<&Value>) -> String {
    object.map(|object| yaml::document(&json!({ "spec": in_order(&object["spec"]) }))).unwrap_or_default()
}

/// Keys in the order in which an API server returns them, so that only real differences show.
fn in_order(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let sorted: BTreeMap<&String, Value> = map.iter().map(|(key, value)| (key, in_order(value))).collect();
            sorted.into_iter().map(|(key, value)| (key.clone(), value)).collect()
        }
        Value::Array(items) => items.iter().map(in_order).collect(),
        scalar => scalar.clone(),
    }
}

/// What each cluster says where they do not all say the same about a service, a line each.
fn drift(told: &[Told]) -> String {
    let rows = told.iter().map(|told| {
        let rule = told.rule.clone().unwrap_or_else(|| "none".into());
        [told.cluster.to_string(), told.port.to_string(), rule, in_short(&told.effective)]
    });
    format!("The clusters do not say the same:\n{}", table::render(["cluster", "port", "rule", "says"], rows))
}

/// What a client's proxy is configured with, in one line.
fn in_short(effective: &Effective) -> String {
    let detection = match &effective.detection {
        None => "no outlier detection".to_owned(),
        Some(detection) => format!(
            "{}, at most {} % out for {}, looked at every {}",
            text::count(detection.consecutive_5xx as usize, "error"),
            detection.max_ejection_percent,
            write_duration(detection.base_ejection_time),
            write_duration(detection.interval)
        ),
    };
    format!("{}; {detection}", steering(&effective.steering))
}

fn steering(steering: &Steering) -> String {
    match steering {
        Steering::Nothing => "no order of regions".into(),
        Steering::Passthrough => "PASSTHROUGH".into(),
        Steering::Distribute { .. } => "distribute".into(),
        Steering::Distribution { value } => format!("trafficDistribution {value}"),
        Steering::ZoneAware { pairs, .. } | Steering::Locality { pairs, .. } if !pairs.is_empty() => {
            format!("failover {}", pairs.iter().map(ToString::to_string).collect::<Vec<_>>().join(","))
        }
        Steering::ZoneAware { .. } => "zone-aware, no failover pairs".into(),
        Steering::Locality { .. } => "no failover pairs".into(),
    }
}

/// What governs the clients of a service.
pub fn report(report: &Report, as_what: TableFormat) -> String {
    match as_what {
        TableFormat::Json => format!("{:#}\n", json!(report)),
        TableFormat::Yaml => yaml::document(&json!(report)),
        TableFormat::Table | TableFormat::Wide => {
            let wide = as_what == TableFormat::Wide;
            let mut text = format!("{}\n", if wide { wide_rows(report) } else { rows(report) });
            text.extend(report.findings.lines().map(|line| line + "\n"));
            text
        }
    }
}

fn rows(report: &Report) -> String {
    let rows = report.clients.iter().flat_map(|clients| {
        clients.verdicts.iter().map(|verdict| {
            let yes = |holds: bool| if holds { "yes" } else { "no" }.to_owned();
            [
                clients.cluster.to_string(),
                who(clients),
                rule_name(clients),
                or_none(&verdict.region),
                yes(verdict.on_errors),
                verdict.finding.what.clone(),
            ]
        })
    });
    table::render(["cluster", "clients in", "rule", "region", "fails over", "why"], rows)
}

fn wide_rows(report: &Report) -> String {
    let rows = report.clients.iter().flat_map(|clients| {
        clients.verdicts.iter().map(|verdict| {
            [
                clients.cluster.to_string(),
                who(clients),
                rule_name(clients),
                clients.ports.iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
                or_none(&verdict.region),
                format!("{}/{}", verdict.own, verdict.hosts),
                in_short(&clients.effective),
                format!("{} [{}]", verdict.finding, verdict.finding.code),
            ]
        })
    });
    table::render(["cluster", "clients in", "rule", "ports", "region", "hosts", "says", "why"], rows)
}

fn who(clients: &Clients) -> String {
    let namespaces: Vec<&str> = clients.namespaces.iter().map(String::as_str).collect();
    let place = if clients.everywhere { "all namespaces".to_owned() } else { namespaces_in_words(&namespaces) };
    if clients.labels.is_empty() { place } else { format!("{place} ({})", in_words(&clients.labels)) }
}

fn in_words(labels: &BTreeMap<String, String>) -> String {
    labels.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
}

fn rule_name(clients: &Clients) -> String {
    let Some(rule) = &clients.rule else { return "none".into() };
    let name = rule.name.trim_start_matches("DestinationRule ");
    let whose = match rule.ours {
        Ours::No => "",
        Ours::Edited => " (edited)",
        Ours::Made => " (ours)",
        Ours::Unknown => " (damaged)",
    };
    let host = if rule.host.starts_with('*') { format!(" for {}", rule.host) } else { String::new() };
    format!("{name}{host}{whose}")
}

fn or_none(region: &str) -> String {
    if region.is_empty() { "none".into() } else { region.to_owned() }
}
