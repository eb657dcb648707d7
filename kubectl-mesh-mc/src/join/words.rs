//! A join as a person reads it: what was found, what will be done, how it ended.

use std::time::Duration;

use mesh_shared::engine::action::{Action, Phase};
use mesh_shared::engine::perform::Written;
use mesh_shared::model::seen::cluster::ObservedCluster;
use mesh_shared::plugin::error::{Error, Kind};
use mesh_shared::plugin::terminal::table;
use mesh_shared::plugin::text;

use crate::join::plan::JoinPlan;
use crate::join::trust::RootSource;

/// What was found and what will be done, in one screen.
pub fn overview(plan: &JoinPlan, observed: &[ObservedCluster]) -> String {
    let mut lines = vec![found(plan, observed), String::new(), mesh(plan)];
    for (phase, label) in [
        (Phase::Probe, "probe"),
        (Phase::Trust, "trust"),
        (Phase::ControlPlane, "planes"),
        (Phase::Gateway, "gateways"),
        (Phase::Access, "access"),
    ] {
        let text = phase_text(plan, phase);
        for (index, line) in text.iter().enumerate() {
            lines.push(format!("  {:<9} {line}", if index == 0 { label } else { "" }));
        }
    }
    lines.extend(plan.findings.iter().map(|found| format!("  {:<9} {} [{}]", found.severity, found.what, found.code)));
    lines.join("\n")
}

/// The question that is asked once.
pub fn question(changes: usize) -> String {
    format!("Make {}?", if changes == 1 { "this 1 change".into() } else { format!("these {changes} changes") })
}

/// Every step with its reason, for a dry run.
pub fn steps(plan: &JoinPlan) -> String {
    if plan.steps.changes() == 0 {
        return "Nothing to change.\n".into();
    }
    let rows = plan.steps.iter().filter(|(_, step)| step.action.writes()).map(|(_, step)| {
        let place = step.cluster.as_ref().map_or("CA folder", |name| name.as_str());
        [place.to_owned(), step.phase.name().to_owned(), step.action.title(), step.why.clone()]
    });
    table::render(["where", "part", "change", "why"], rows) + "\n"
}

fn found(plan: &JoinPlan, observed: &[ObservedCluster]) -> String {
    let rows = plan.members.iter().zip(observed).map(|(member, seen)| {
        let plane = plan.control_planes.get(&member.name);
        let operator = seen.sail.as_ref().map_or("none".into(), |sail| format!("Sail {}", sail.version));
        let now = match plane {
            Some(plane) if plane.istio.is_none() => plane.version.clone(),
            _ => "none".to_owned(),
        };
        let address = match seen.api_addresses.as_slice() {
            [] => "unknown".to_owned(),
            [first] => format!("{} ({})", first.url, first.source),
            [first, rest @ ..] => format!("{} ({}) or {}", first.url, first.source, text::count(rest.len(), "other")),
        };
        let name = if member.context == member.name.as_str() {
            member.name.to_string()
        } else {
            format!("{} ({})", member.name, member.context)
        };
        [name, seen.kubernetes.clone(), operator, now, member.network.to_string(), address]
    });
    table::render(["cluster", "kubernetes", "operator", "istio now", "network", "api server for peers"], rows)
}

fn mesh(plan: &JoinPlan) -> String {
    let root = match &plan.trust.root {
        RootSource::New => {
            let algorithm = plan.steps.iter().find_map(|(_, step)| match &step.action {
                Action::MakeRoot { algorithm } => Some(algorithm.to_string()),
                _ => None,
            });
            format!("new root certificate, {}, kept in {}", algorithm.unwrap_or_default(), plan.trust.folder)
        }
        RootSource::Folder { root } => format!("root {root}, kept in {}", plan.trust.folder),
        RootSource::Clusters { root } => format!("root {root}, which all clusters share"),
    };
    format!("Mesh {}: {root}", plan.mesh)
}

fn phase_text(plan: &JoinPlan, phase: Phase) -> Vec<String> {
    let clusters = |wanted: &dyn Fn(&Action) -> bool| -> Vec<String> {
        plan.steps
            .iter()
            .filter(|(_, step)| step.phase == phase && wanted(&step.action))
            .filter_map(|(_, step)| Some(step.cluster.as_ref()?.to_string()))
            .fold(Vec::new(), |mut seen, name| {
                if !seen.contains(&name) {
                    seen.push(name);
                }
                seen
            })
    };
    let applied =
        |kind: &str| clusters(&|action| matches!(action, Action::Apply { manifest } if manifest["kind"] == kind));
    let mut lines = Vec::new();
    match phase {
        Phase::Probe => {
            let started = clusters(&|action| matches!(action, Action::StartProbe));
            if !started.is_empty() {
                lines.push(format!("a pod in a namespace of its own in {}, gone at the end", text::list(&started)));
            }
            for (_, step) in plan.steps.iter() {
                if let (Action::RemoveLeftoverProbes { namespaces }, Some(name)) = (&step.action, &step.cluster) {
                    lines.push(format!("in {name} remove {}, which a killed run left", text::list(namespaces)));
                }
            }
        }
        Phase::Trust => {
            let issued = clusters(&|action| matches!(action, Action::CreateCacerts { .. }));
            if !issued.is_empty() {
                lines.push(format!("intermediate for {}, Secret cacerts", text::list(&issued)));
            }
            let namespaces = applied("Namespace");
            if !namespaces.is_empty() {
                lines.push(format!("namespace istio-system with its network in {}", text::list(&namespaces)));
            }
        }
        Phase::ControlPlane => lines.extend(planes(plan)),
        Phase::Gateway => {
            let gateways = clusters(&|action| action.writes());
            if !gateways.is_empty() {
                lines.push(format!(
                    "{}, LoadBalancer, in {}",
                    mesh_shared::model::istio::gateway::NAME,
                    text::list(&gateways)
                ));
            }
        }
        Phase::Access => lines.extend(access(plan)),
        Phase::Verify => {}
    }
    lines
}

fn planes(plan: &JoinPlan) -> Vec<String> {
    plan.control_planes
        .iter()
        .filter_map(|(name, plane)| {
            let parts: Vec<String> = [
                plane.cni.as_ref().map(|_| "IstioCNI default".to_owned()),
                plane.istio.as_ref().map(|_| format!("Istio {} ({})", plane.name, plane.version)),
            ]
            .into_iter()
            .flatten()
            .collect();
            (!parts.is_empty()).then(|| format!("{name}: {}", text::list(&parts)))
        })
        .collect()
}

fn access(plan: &JoinPlan) -> Vec<String> {
    let pairs: Vec<String> = plan
        .steps
        .iter()
        .filter_map(|(_, step)| match (&step.action, &step.cluster) {
            (Action::WriteRemoteSecret { peer }, Some(reader)) => Some(format!("{reader} reads {peer}")),
            _ => None,
        })
        .collect();
    if pairs.is_empty() {
        return pairs;
    }
    vec![
        format!("{}, by Istio's reader account;", text::list(&pairs)),
        "its token can read every Secret of the cluster it comes from".into(),
    ]
}

/// The state of the mesh, what has to be restarted, and what comes next.
pub fn end(plan: &JoinPlan, observed: &[ObservedCluster], took: Duration) -> String {
    let members = text::count(plan.members.len(), "cluster");
    let took = text::duration(took);
    let changed = plan.steps.changes() > 0;
    let probed = plan.steps.iter().any(|(_, step)| matches!(step.action, Action::VerifyGateways { .. }));
    let mut lines = vec![if !changed {
        format!("Mesh {} is whole: {members}. Nothing to change. {took}", plan.mesh)
    } else if probed {
        format!(
            "Mesh {} is whole: {members}, every control plane sees every other, gateways answer from the other side. {took}",
            plan.mesh
        )
    } else {
        format!("Mesh {} is whole: {members}, every control plane sees every other. {took}", plan.mesh)
    }];
    for (member, seen) in plan.members.iter().zip(observed) {
        if !seen.stale_workloads.is_empty() {
            let shown: Vec<&str> = seen.stale_workloads.iter().take(5).map(String::as_str).collect();
            let more = seen.stale_workloads.len().saturating_sub(shown.len());
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            lines.push(format!(
                "Restart in {}, they run without this mesh's certificates: {}{more}",
                member.name,
                shown.join(", ")
            ));
        }
    }
    if changed {
        let contexts: Vec<&str> = plan.members.iter().map(|member| member.context.as_str()).collect();
        lines.push(format!(
            "Nothing is exposed yet. Next: kubectl mesh-failover expose SERVICE.NAMESPACE --contexts {}",
            contexts.join(",")
        ));
    }
    lines.join("\n")
}

/// The error with what stands because of this run, and how to go on.
pub fn with_what_was_written(error: Error, written: &[Written]) -> Error {
    // What stands says more than that something may.
    let remedy = if matches!(error.kind, Kind::Interrupted(_)) { Vec::new() } else { error.remedy };
    let error = Error { remedy, ..error };
    let lasting: Vec<&Written> = written.iter().filter(|written| !written.passing).collect();
    let passing = written.len() > lasting.len();
    if lasting.is_empty() {
        let but = if passing { " but the probe's namespaces, which are gone again" } else { "" };
        return error.fix(format!("nothing was written{but}; the same command starts anew"));
    }
    let mut places: Vec<String> = Vec::new();
    for written in &lasting {
        let place = written.cluster.as_ref().map_or("CA folder".to_owned(), ToString::to_string);
        if !places.contains(&place) {
            places.push(place);
        }
    }
    let listed: Vec<String> = places
        .iter()
        .map(|place| {
            let what: Vec<&str> = lasting
                .iter()
                .filter(|written| written.cluster.as_ref().map_or("CA folder", |name| name.as_str()) == place)
                .map(|written| written.what.as_str())
                .collect();
            format!("written so far in {place}: {}", what.join(", "))
        })
        .collect();
    let again = if matches!(error.kind, Kind::Interrupted(_)) {
        "it goes on from there"
    } else {
        "when that is mended, it goes on from there"
    };
    let error = listed.into_iter().fold(error, Error::fix);
    error.fix(format!("run the same command again: {again}"))
}
