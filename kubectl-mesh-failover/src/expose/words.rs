//! Texts of expose and unexpose for people.

use std::time::Duration;

use mesh_shared::model::names::ClusterName;
use mesh_shared::model::names::service::ServiceName;
use mesh_shared::plugin::terminal::table;
use mesh_shared::plugin::text;

use crate::expose::plan::{ExposePlan, InCluster, Outcome};

/// What was found and what will be done, in one screen.
pub fn overview(plan: &ExposePlan, service: &ServiceName) -> String {
    let rows = plan.clusters.iter().map(|cluster| {
        let (now, then) = words(&cluster.outcome);
        [cluster.cluster.to_string(), format!("{}/{}", cluster.ready, cluster.total), now, then]
    });
    let mut lines =
        vec![service.host(), String::new(), table::render(["cluster", "endpoints", "exposed now", "then"], rows)];
    lines.extend(plan.findings.lines().map(|line| format!("  {line}")));
    lines.join("\n")
}

fn words(outcome: &Outcome) -> (String, String) {
    let unchanged = || "unchanged".to_owned();
    match outcome {
        Outcome::Exposes => ("no".into(), "yes".into()),
        Outcome::Stands(opening) | Outcome::Others(opening) => (format!("by {opening}"), unchanged()),
        Outcome::Unexposes { still: None } => ("yes".into(), "no".into()),
        Outcome::Unexposes { still: Some(opening) } => ("yes".into(), format!("still by {opening}")),
        Outcome::NotExposed => ("no".into(), unchanged()),
    }
}

/// The result, and what comes next.
pub fn exposed(plan: &ExposePlan, service: &ServiceName, took: Duration) -> String {
    let by_us = |cluster: &&InCluster| match &cluster.outcome {
        Outcome::Exposes => true,
        Outcome::Stands(opening) => opening.ours,
        _ => false,
    };
    let mut lines = Vec::new();
    let ours = names(plan.clusters.iter().filter(by_us));
    if !ours.is_empty() {
        let already = if plan.changes_anything() { "" } else { " already" };
        lines.push(format!("{service} is exposed in {}{already}.", text::list(&ours)));
    }
    for cluster in &plan.clusters {
        if let Outcome::Stands(opening) = &cluster.outcome
            && !opening.ours
        {
            let what = if opening.is_everything() { "Everything".into() } else { service.to_string() };
            lines.push(format!("{what} is exposed in {} by {opening}.", cluster.cluster));
        }
    }
    ended(lines, plan, took)
}

/// The result of taking a service back.
pub fn unexposed(plan: &ExposePlan, service: &ServiceName, took: Duration) -> String {
    let mut lines = Vec::new();
    let gone = names(plan.clusters.iter().filter(|cluster| cluster.outcome == Outcome::Unexposes { still: None }));
    if !gone.is_empty() {
        lines.push(format!("{service} is not exposed any more in {}.", text::list(&gone)));
    }
    let never = names(plan.clusters.iter().filter(|cluster| cluster.outcome == Outcome::NotExposed));
    if !never.is_empty() {
        lines.push(format!("{service} is not exposed in {}.", text::list(&never)));
    }
    for cluster in &plan.clusters {
        if let Outcome::Unexposes { still: Some(opening) } | Outcome::Others(opening) = &cluster.outcome {
            lines.push(format!(
                "{service} is still exposed in {} by {opening}, which is not ours to change.",
                cluster.cluster
            ));
        }
    }
    ended(lines, plan, took)
}

fn ended(mut lines: Vec<String>, plan: &ExposePlan, took: Duration) -> String {
    let nothing = if plan.changes_anything() { "" } else { "Nothing to change. " };
    let end = format!("{nothing}{}", text::duration(took));
    match lines.last_mut() {
        Some(last) => last.extend([" ", &end]),
        None => lines.push(end),
    }
    if !plan.changes_anything() {
        lines.extend(plan.findings.lines().map(|line| format!("  {line}")));
    }
    lines.join("\n")
}

fn names<'a>(clusters: impl Iterator<Item = &'a InCluster>) -> Vec<String> {
    clusters.map(|cluster| &cluster.cluster).map(ClusterName::to_string).collect()
}
