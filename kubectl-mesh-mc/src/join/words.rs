//! The texts of a join: what was found, what will be done, how it ended.

use std::time::Duration;

use mesh_shared::engine::steps::StepId;
use mesh_shared::model::istio::east_west_gateway;
use mesh_shared::model::kube::write::Write;
use mesh_shared::model::names::ClusterName;
use mesh_shared::model::seen::observed_cluster::ObservedCluster;
use mesh_shared::plugin::error::{Error, Kind};
use mesh_shared::plugin::terminal::table;
use mesh_shared::plugin::text;

use crate::join::gateway_plan::GatewayPlan;
use crate::join::plan::JoinPlan;
use crate::join::trust::RootSource;
use crate::work::run::LeftProbe;
use crate::work::tasks::{Action, Phase, Step, Steps, Task, names, title};

/// The place shown for steps that write on this machine.
const CA_FOLDER: &str = "CA folder";

/// What was found and what will be done, on one screen.
pub fn overview(plan: &JoinPlan, observed: &[ObservedCluster]) -> String {
    let mut lines = vec![found(plan, observed), String::new(), mesh(plan)];
    let named = Named::of(&plan.steps);
    for (phase, label) in [
        (Phase::Probe, "probe"),
        (Phase::Trust, "trust"),
        (Phase::ControlPlane, "planes"),
        (Phase::Gateway, "gateways"),
        (Phase::Access, "access"),
        (Phase::Verify, "verify"),
    ] {
        let text = named.lines(phase, plan);
        for (index, line) in text.iter().enumerate() {
            lines.push(format!("  {:<9} {line}", if index == 0 { label } else { "" }));
        }
    }
    lines.extend(plan.differences.iter().map(|difference| format!("  {:<9} {difference}", "changes")));
    lines.extend(plan.findings.iter().map(|found| format!("  {:<9} {} [{}]", found.severity, found.what, found.code)));
    lines.join("\n")
}

/// The question that asks for consent.
pub fn question(changes: usize) -> String {
    format!("Make {}?", if changes == 1 { "this 1 change".into() } else { format!("these {changes} changes") })
}

/// Every step with its reason, for a dry run.
pub fn steps(plan: &JoinPlan) -> String {
    if plan.steps.changes() == 0 {
        return "Nothing to change.\n".into();
    }
    let rows = plan
        .steps
        .iter()
        .filter(|(_, step)| step.action.writes())
        .map(|(_, step)| [place(step), step.part.name().to_owned(), title(&step.action), step.why.clone()]);
    table::render(["where", "part", "change", "why"], rows) + "\n"
}

fn found(plan: &JoinPlan, observed: &[ObservedCluster]) -> String {
    let rows = plan.members.iter().zip(observed).map(|(member, seen)| {
        let plane = plan.control_planes.get(&member.name);
        let operator = seen.control_planes.sail.as_ref().map_or("none".into(), |sail| format!("Sail {}", sail.version));
        let now = match plane {
            Some(plane) if plane.istio.is_none() => plane.version.clone(),
            _ => "none".to_owned(),
        };
        let address = match seen.access.api_addresses.as_slice() {
            [] => "unknown".to_owned(),
            [first] => format!("{} ({})", first.url, first.source),
            [first, rest @ ..] => format!("{} ({}) or {}", first.url, first.source, text::count(rest.len(), "other")),
        };
        let name = if member.context == member.name.as_str() {
            member.name.to_string()
        } else {
            format!("{} ({})", member.name, member.context)
        };
        [name, seen.platform.kubernetes.clone(), operator, now, member.network.to_string(), address]
    });
    table::render(["cluster", "kubernetes", "operator", "istio now", "network", "api server for peers"], rows)
}

fn mesh(plan: &JoinPlan) -> String {
    let root = match &plan.trust.root {
        RootSource::New => {
            let algorithm = plan.steps.iter().find_map(|(_, step)| match &step.action {
                Action::Task(Task::MakeRoot { algorithm, .. }) => Some(algorithm.to_string()),
                _ => None,
            });
            format!("new root certificate, {}, kept in {}", algorithm.unwrap_or_default(), plan.trust.folder)
        }
        RootSource::Folder { root } => format!("root {root}, kept in {}", plan.trust.folder),
        RootSource::Clusters { roots } => {
            let roots: Vec<String> = roots.iter().map(ToString::to_string).collect();
            format!("root {}, which all clusters share", text::list(&roots))
        }
    };
    format!("Mesh {}: {root}", plan.mesh)
}

/// What the overview says about a plan's steps. Every kind of step is matched, so that none is left out unnoticed.
#[derive(Default)]
struct Named {
    probed: Vec<String>,
    leftovers: Vec<String>,
    issued: Vec<String>,
    namespaces: Vec<String>,
    gateways: Vec<String>,
    reads: Vec<String>,
    /// Writes that no sentence of a phase covers.
    others: Vec<(Phase, String)>,
}

impl Named {
    fn of(steps: &Steps) -> Self {
        let mut named = Self::default();
        steps.iter().for_each(|(_, step)| named.add(step));
        named
    }

    fn add(&mut self, step: &Step) {
        let cluster = place(step);
        let once = |names: &mut Vec<String>, name: String| {
            if !names.contains(&name) {
                names.push(name);
            }
        };
        match &step.action {
            Action::Write(write) => match (step.part, write.object().kind.as_str()) {
                (Phase::Trust, "Namespace") => once(&mut self.namespaces, cluster),
                (Phase::Gateway, _) if matches!(write, Write::Apply { .. }) => once(&mut self.gateways, cluster),
                // Covered by the control planes' lines and by `reads`.
                (Phase::ControlPlane, "Namespace" | "IstioCNI" | "Istio") | (Phase::Access, "Secret") => {}
                (phase, _) => self.others.push((phase, format!("{} in {cluster}", title(&step.action)))),
            },
            // Changes nothing.
            Action::Wait(_) => {}
            Action::Task(task) => match task {
                Task::StartProbe => once(&mut self.probed, cluster),
                Task::RemoveLeftoverProbes { namespaces } => self
                    .leftovers
                    .push(format!("remove {} from {cluster}, left by a killed run", text::list(&names(namespaces)))),
                Task::CreateCacerts { .. } => once(&mut self.issued, cluster),
                Task::WriteRemoteSecret { peer, .. } => self.reads.push(format!("{cluster} reads {peer}")),
                // The mesh's line names the root; an intermediate is named with its Secret, a probe's removal with its
                // start. The others change nothing.
                Task::MakeRoot { .. }
                | Task::IssueIntermediate { .. }
                | Task::RemoveProbe { .. }
                | Task::MakeKey { .. }
                | Task::ProveAddresses { .. }
                | Task::SettleAddresses { .. }
                | Task::ProveToken { .. }
                | Task::VerifyRoot { .. }
                | Task::VerifyDiscovery { .. }
                | Task::VerifyGateways { .. } => {}
            },
        }
    }

    /// The lines about a phase.
    fn lines(&self, phase: Phase, plan: &JoinPlan) -> Vec<String> {
        let mut lines = Vec::new();
        let mut say = |names: &[String], line: &dyn Fn(String) -> String| {
            if !names.is_empty() {
                lines.push(line(text::list(names)));
            }
        };
        match phase {
            Phase::Probe => {
                say(&self.probed, &|all| format!("a pod in a namespace of its own in {all}, removed at the end"));
                lines.extend(self.leftovers.iter().cloned());
            }
            Phase::Trust => {
                say(&self.issued, &|all| format!("intermediate for {all}, Secret cacerts"));
                say(&self.namespaces, &|all| format!("namespace istio-system with its network in {all}"));
            }
            Phase::ControlPlane => lines.extend(planes(plan)),
            Phase::Gateway => {
                say(&self.gateways, &|all| format!("{}, LoadBalancer, in {all}", east_west_gateway::NAME));
                lines.extend(used_gateways(plan));
            }
            Phase::Access => {
                say(&self.reads, &|all| format!("{all}, by Istio's reader account;"));
                if !self.reads.is_empty() {
                    lines.push("its token can read every Secret of the cluster it comes from".into());
                }
            }
            Phase::Verify => {}
        }
        lines.extend(self.others.iter().filter(|(of, _)| *of == phase).map(|(_, line)| line.clone()));
        lines
    }
}

/// The gateways that somebody made, which nothing is written to.
fn used_gateways(plan: &JoinPlan) -> Vec<String> {
    let used = |(name, gateway): (&ClusterName, &GatewayPlan)| match gateway {
        GatewayPlan::Uses(used) => {
            let names: Vec<String> = used.iter().map(ToString::to_string).collect();
            Some(format!(
                "{} in {name}, used as {}",
                text::list(&names),
                if used.len() == 1 { "it is" } else { "they are" }
            ))
        }
        GatewayPlan::Ours(_) => None,
    };
    plan.gateways.iter().filter_map(used).collect()
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

/// Where a step writes.
fn place(step: &Step) -> String {
    step.cluster.as_ref().map_or_else(|| CA_FOLDER.to_owned(), ToString::to_string)
}

/// The state of the mesh, what has to be restarted, and what comes next.
pub fn end(plan: &JoinPlan, observed: &[ObservedCluster], took: Duration) -> String {
    let members = text::count(plan.members.len(), "cluster");
    let took = text::duration(took);
    let changed = plan.steps.changes() > 0;
    let probed = plan.steps.iter().any(|(_, step)| matches!(step.action, Action::Task(Task::VerifyGateways { .. })));
    let what = if !changed {
        ". Nothing to change."
    } else if probed {
        ", every control plane sees every other, gateways answer from the other side."
    } else {
        ", every control plane sees every other."
    };
    let mut lines = vec![if plan.unnamed.is_empty() {
        format!("Mesh {} is complete: {members}{what} {took}", plan.mesh)
    } else {
        let all = text::count(plan.members.len() + plan.unnamed.len(), "member");
        format!("Mesh {}: {} of {all}{what} {took}", plan.mesh, plan.members.len())
    }];
    lines.extend(not_known_to(plan));
    for (member, seen) in plan.members.iter().zip(observed) {
        if !seen.trust.stale_workloads.is_empty() {
            let shown: Vec<&str> = seen.trust.stale_workloads.iter().take(5).map(String::as_str).collect();
            let more = seen.trust.stale_workloads.len().saturating_sub(shown.len());
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            lines.push(format!(
                "Restart in {}, since they run without this mesh's certificates: {}{more}",
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

/// Where the root is that this run made; none if it made none. `written` are the steps that wrote something.
pub fn root_kept(plan: &JoinPlan, written: &[StepId]) -> Option<String> {
    let made = |id: &StepId| {
        plan.steps.get(*id).is_some_and(|step| matches!(step.action, Action::Task(Task::MakeRoot { .. })))
    };
    written.iter().any(made).then(|| {
        format!("The root's key is in {} and nowhere else: back it up, the next cluster needs it.", plan.trust.folder)
    })
}

/// Which members do not know a cluster that others read: it was not named, so that nothing was done for it.
fn not_known_to(plan: &JoinPlan) -> Vec<String> {
    let lacking = |(unnamed, readers): (&String, &Vec<ClusterName>)| {
        let names = plan.members.iter().map(|member| &member.name);
        let others: Vec<String> = names.filter(|name| !readers.contains(name)).map(ToString::to_string).collect();
        if others.is_empty() {
            format!("{unnamed} was not named: whether it knows the others was not looked at")
        } else {
            format!("{} does not know {unnamed}, which was not named: join it too, by its context", text::list(&others))
        }
    };
    plan.unnamed.iter().map(lacking).collect()
}

/// The error with what this run has written, and how to go on. `written` are the steps that wrote something.
/// `left` are the namespaces of probes that could not be removed.
pub fn with_what_was_written(error: Error, steps: &Steps, written: &[StepId], left: &[LeftProbe]) -> Error {
    // The list of what was written says more than the remedy that something may have been.
    let remedy = if matches!(error.kind, Kind::Interrupted(_)) { Vec::new() } else { error.remedy };
    let error = left.iter().fold(Error { remedy, ..error }, |error, left| {
        let LeftProbe { context, namespace, why } = left;
        let remains = format!("namespace {namespace} may still be in {context} ({why}); the next join removes it, or:");
        error.fix(remains).fix(format!("kubectl --context {context} delete namespace {namespace}"))
    });
    let written: Vec<&Step> = written.iter().filter_map(|id| steps.get(*id)).collect();
    let lasting: Vec<&Step> =
        written.iter().copied().filter(|step| !matches!(step.action, Action::Task(Task::StartProbe))).collect();
    let passing = written.len() > lasting.len();
    if lasting.is_empty() {
        let but = match (passing, left) {
            (false, _) => "",
            (true, []) => " but the probe's namespaces, now removed",
            (true, _) => " but the probe's namespaces",
        };
        return error.fix(format!("nothing was written{but}; the same command starts from scratch"));
    }
    let mut places: Vec<String> = Vec::new();
    for step in &lasting {
        let place = place(step);
        if !places.contains(&place) {
            places.push(place);
        }
    }
    let listed: Vec<String> = places
        .iter()
        .map(|at| {
            let here = lasting.iter().filter(|step| place(step) == *at);
            let what: Vec<String> = here.map(|step| title(&step.action)).collect();
            format!("written so far in {at}: {}", what.join(", "))
        })
        .collect();
    let again = if matches!(error.kind, Kind::Interrupted(_)) {
        "it goes on from there"
    } else {
        "once that is fixed, it goes on from there"
    };
    let error = listed.into_iter().fold(error, Error::fix);
    error.fix(format!("run the same command again: {again}"))
}

#[cfg(test)]
mod tests {
    use mesh_shared::model::kube::object_key::ObjectKey;

    use super::*;

    #[test]
    fn a_probe_that_could_not_be_removed_is_named() {
        let mut steps = Steps::default();
        let east = ClusterName::new("east").unwrap();
        let start = steps.push(Some(&east), Phase::Probe, Task::StartProbe.into(), "", []).unwrap();
        let left = LeftProbe { context: "east".into(), namespace: "mesh-probe-1".into(), why: "gone away".into() };
        let error = || Error::failed("no").fix("do it");
        let text = with_what_was_written(error(), &steps, &[start], &[left]).remedy.join("\n");
        assert!(
            text.contains("mesh-probe-1 may still be in east (gone away)") && !text.contains("now removed"),
            "{text}"
        );
        let text = with_what_was_written(error(), &steps, &[start], &[]).remedy.join("\n");
        assert!(text.contains("now removed"), "{text}");
    }

    #[test]
    fn a_write_that_no_sentence_speaks_for_is_named_in_its_part() {
        let mut steps = Steps::default();
        let delete = Write::Delete {
            api_version: "v1".into(),
            object: ObjectKey::new("Secret", "istio-system", "old"),
            uid: "u".into(),
            resource_version: None,
        };
        let east = ClusterName::new("east").unwrap();
        steps.push(Some(&east), Phase::Trust, Action::Write(delete), "", []).unwrap();
        let named = Named::of(&steps);
        assert_eq!(named.others, [(Phase::Trust, "delete Secret istio-system/old in east".to_owned())]);
    }
}
