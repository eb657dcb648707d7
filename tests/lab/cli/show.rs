//! The commands that tell something about a lab that runs.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use jiff::{SignedDuration, Timestamp};

use super::Requests;
use crate::audit;
use crate::events::{self, What};
use crate::kubeconfig;
use crate::lab::Lab;
use crate::node::cgroup;
use crate::node::components::Component;
use crate::node::processes::{Condition, Side};
use crate::spec::Cluster;
use crate::start::{Progress, tell};
use crate::state::State;

/// Writes data.
pub(super) fn print(text: &str) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Exit code 0 where every cluster is Ready and none of its components has ended.
pub(super) fn status(id: &str) -> Result<ExitCode> {
    let state = State::of(id)?;
    let Some(holder) = state.holder() else {
        tell(&format!("lab {id} does not run (meshlab up)"));
        return Ok(ExitCode::FAILURE);
    };
    let lab = Lab::open(id)?;
    let events = events::read(&state.events());
    let age = events.first().map_or(0, |first| events::now().saturating_sub(first.at));
    print(&format!(
        "lab {id}: up for {}, supervisor {}, in {}\n\n",
        humane(Duration::from_millis(age)),
        holder.pid.map_or_else(|| "unknown".to_owned(), |pid| pid.to_string()),
        state.folder().display()
    ))?;
    let mut rows =
        vec![["CLUSTER", "STATE", "API SERVER", "NODE ADDRESS", "SAIL", "BALANCER", "MEMORY"].map(str::to_owned)];
    let ports = kubeconfig::Ports::read(&state)?;
    let mut notes = Vec::new();
    let mut whole = true;
    for cluster in lab.clusters() {
        let (word, more) = condition(&lab, &state, &events, cluster);
        whole &= word == "Ready";
        notes.extend(more.into_iter().map(|note| format!("{}: {note}", cluster.name)));
        rows.push([
            cluster.name.clone(),
            word,
            ports.server(cluster).0,
            if cluster.has_node() { cluster.address().to_string() } else { "no node".to_owned() },
            cluster.sail.map_or("none", |version| version.as_str()).to_owned(),
            cluster.balancer.as_str().to_owned(),
            cgroup::memory(&state.cgroup(), &cluster.name)
                .map_or_else(String::new, |bytes| format!("{} MiB", bytes >> 20)),
        ]);
    }
    print(&table(&rows))?;
    if !notes.is_empty() {
        print(&format!("\n{}\n", notes.join("\n")))?;
    }
    Ok(if whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// One word, and what differs from the ordinary.
fn condition(lab: &Lab, state: &State, events: &[events::Event], cluster: &Cluster) -> (String, Vec<String>) {
    let own: Vec<events::Event> =
        events.iter().filter(|event| event.cluster.as_deref() == Some(&cluster.name)).cloned().collect();
    let alone = crate::spec::Spec { clusters: vec![cluster.clone()], ..lab.spec().clone() };
    let mut notes = Vec::new();
    let mut word = match Progress::of(&own, &alone) {
        Progress::Ready => "Ready",
        Progress::Going => "starting",
        Progress::Failed(why) => {
            notes.push(why.trim_start_matches(&format!("{}: ", cluster.name)).to_owned());
            "failed"
        }
    };
    match lab.told(&cluster.name) {
        Ok(told) => {
            for (component, condition) in told.components {
                match condition {
                    Condition::Running => {}
                    Condition::Paused => notes.push(format!("{component} is paused")),
                    Condition::Ended(how) => {
                        word = "failed";
                        notes.push(format!("{component} ended: {how} (meshlab logs {} {component})", cluster.name));
                    }
                }
            }
            for (component, side) in told.cuts {
                let what = component.map_or("the whole node", Component::name);
                let whom = if side == Side::Peers { "other clusters" } else { "everybody outside" };
                notes.push(format!("{what} is cut off for {whom}"));
            }
        }
        Err(_) if own.iter().any(|event| matches!(event.what, What::Ready | What::Failed { .. })) => {
            word = "gone";
            notes.push(format!(
                "the node does not answer (see {})",
                state.cluster(&cluster.name).join("node.log").display()
            ));
        }
        Err(_) => {}
    }
    (word.to_owned(), notes)
}

pub(super) fn kubeconfig(id: &str, merge_into_home: bool) -> Result<()> {
    let lab = Lab::open(id)?;
    if merge_into_home {
        let path = home_kubeconfig(&lab.kubeconfig())?;
        let mine = match std::fs::read_to_string(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            text => text.with_context(|| format!("{}", path.display()))?,
        };
        let merged = kubeconfig::merge(&mine, &std::fs::read_to_string(lab.kubeconfig())?)
            .with_context(|| format!("{}", path.display()))?;
        kubeconfig::replace(&path, &merged)?;
        tell(&format!(
            "contexts {} are in {}",
            lab.clusters().iter().map(|c| c.name.as_str()).collect::<Vec<_>>().join(", "),
            path.display()
        ));
    }
    print(&format!("{}\n", lab.kubeconfig().display()))
}

fn home_kubeconfig(lab: &Path) -> Result<PathBuf> {
    if let Some(list) = std::env::var_os("KUBECONFIG")
        && let Some(first) = std::env::split_paths(&list).find(|path| !path.as_os_str().is_empty() && path != lab)
    {
        return Ok(first);
    }
    let home = std::env::var_os("HOME").context("HOME is not set")?;
    Ok(PathBuf::from(home).join(".kube/config"))
}

pub(super) fn log(lab: &Lab, cluster: &str, component: Component) -> Result<()> {
    let path = lab.log(cluster, component)?;
    let mut log = std::fs::File::open(&path)
        .with_context(|| format!("{component} was not started in {cluster} ({})", path.display()))?;
    match std::io::copy(&mut log, &mut std::io::stdout().lock()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

pub(super) fn requests(lab: &Lab, wanted: &Requests) -> Result<()> {
    let since = match &wanted.since {
        Some(text) => time_of(text, Timestamp::now())?,
        None => Timestamp::MIN,
    };
    let mut events = lab.audit_since(&wanted.cluster, since)?;
    events.retain(|event| {
        (!wanted.mutating || event.is_mutating())
            && wanted.user_agent.as_ref().is_none_or(|prefix| event.user_agent.starts_with(prefix.as_str()))
    });
    if wanted.json {
        let mut lines = String::new();
        for event in &events {
            lines.push_str(&serde_json::to_string(event)?);
            lines.push('\n');
        }
        return print(&lines);
    }
    print(&counts(&events))
}

fn time_of(text: &str, now: Timestamp) -> Result<Timestamp> {
    if let Ok(time) = text.parse() {
        return Ok(time);
    }
    match text.parse::<SignedDuration>() {
        Ok(ago) => Ok(now - ago.abs()),
        Err(_) => bail!("--since {text} is neither a time (2026-11-24T20:00:00Z) nor how long ago (30s, 5m)"),
    }
}

/// A row per program, a column per verb that occurs.
fn counts(events: &[audit::Event]) -> String {
    let counted = audit::count(events);
    let verbs: BTreeSet<&str> = counted.keys().map(|(_, verb)| verb.as_str()).collect();
    let mut writes: BTreeMap<&str, usize> = BTreeMap::new();
    for event in events {
        *writes.entry(&event.user_agent).or_default() += usize::from(event.is_mutating());
    }
    let mut rows = vec![
        std::iter::once("USER AGENT".to_owned())
            .chain(verbs.iter().map(|verb| verb.to_uppercase()))
            .chain(["ALL".to_owned(), "MUTATING".to_owned()])
            .collect::<Vec<_>>(),
    ];
    for (agent, mutating) in writes {
        let of = |verb: &str| counted.get(&(agent.to_owned(), verb.to_owned())).copied().unwrap_or(0);
        let all: usize = verbs.iter().map(|verb| of(verb)).sum();
        rows.push(
            std::iter::once(agent.to_owned())
                .chain(verbs.iter().map(|verb| of(verb).to_string()))
                .chain([all.to_string(), mutating.to_string()])
                .collect(),
        );
    }
    table(&rows)
}

fn table<R: AsRef<[String]>>(rows: &[R]) -> String {
    let columns = rows.first().map_or(0, |row| row.as_ref().len());
    let width = |column: usize| rows.iter().map(|row| row.as_ref()[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let cells: Vec<String> =
            row.as_ref().iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

fn humane(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_is_a_time_or_how_long_ago() {
        let now: Timestamp = "2026-11-24T20:00:00Z".parse().unwrap();
        assert_eq!(time_of("2026-11-24T19:00:00Z", now).unwrap().to_string(), "2026-11-24T19:00:00Z");
        assert_eq!(time_of("30s", now).unwrap().to_string(), "2026-11-24T19:59:30Z");
        assert_eq!(time_of("5m", now).unwrap().to_string(), "2026-11-24T19:55:00Z");
        assert!(time_of("yesterday", now).is_err());
    }

    #[test]
    fn a_table_is_as_wide_as_its_widest_cells() {
        let rows = [["A", "BB"].map(str::to_owned), ["long", "x"].map(str::to_owned)];
        assert_eq!(table(&rows), "A     BB\nlong  x\n");
    }

    #[test]
    fn durations_are_told_in_two_units() {
        assert_eq!(humane(Duration::from_secs(9)), "9 s");
        assert_eq!(humane(Duration::from_secs(192)), "3 min 12 s");
        assert_eq!(humane(Duration::from_mins(121)), "2 h 1 min");
    }
}
