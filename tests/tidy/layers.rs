//! Who may know whom.

use std::fmt::Write as _;

use crate::sources::Sources;

/// A layer: the folder or file that it is, what it holds, and the layers that it may know besides itself. Ordered from the ground
/// up: none knows one below it in the table.
struct Layer {
    path: &'static str,
    holds: &'static str,
    knows: &'static [&'static [&'static str]],
}

const PLUGIN: &str = "shared/src/plugin";
const TERMINAL: &str = "shared/src/plugin/terminal";
const COMPLETION: &str = "shared/src/plugin/completion";
const MODEL: &str = "shared/src/model";
const MACHINE: &str = "shared/src/machine";
const ENGINE: &str = "shared/src/engine";
const CLUSTER: &str = "shared/src/cluster";
const SESSION: &str = "shared/src/session";
const PROBE: &str = "shared/probe/src";
const MC_IDENTITY: &str = "kubectl-mesh-mc/src/plugin_identity";
const MC_KEEP: &str = "kubectl-mesh-mc/src/keep";
const MC_WORK: &str = "kubectl-mesh-mc/src/work";
const MC_JOIN: &str = "kubectl-mesh-mc/src/join";
const FO_IDENTITY: &str = "kubectl-mesh-failover/src/plugin_identity";
const FO_MESH: &str = "kubectl-mesh-failover/src/mesh";
const FO_EXPOSE: &str = "kubectl-mesh-failover/src/expose";
const FO_LIST: &str = "kubectl-mesh-failover/src/list";
const FO_REGIONS: &str = "kubectl-mesh-failover/src/regions";
const FO_LOCALITY: &str = "kubectl-mesh-failover/src/locality";
const FO_DRILL: &str = "kubectl-mesh-failover/src/drill";

/// All of `shared`, which never knows a plugin.
const SHARED: &[&str] = &[PROBE, PLUGIN, TERMINAL, COMPLETION, MODEL, MACHINE, CLUSTER, ENGINE, SESSION];

const LAYERS: &[Layer] = &[
    Layer { path: PROBE, holds: "what the probe in a cluster is asked, answers and tries", knows: &[] },
    Layer { path: PLUGIN, holds: "errors, words, YAML: what every plugin needs", knows: &[] },
    Layer { path: TERMINAL, holds: "the terminal: the only place that prints", knows: &[&[PLUGIN]] },
    Layer { path: COMPLETION, holds: "completion of a command line", knows: &[&[PLUGIN, TERMINAL]] },
    Layer {
        path: MODEL,
        holds: "what is decided on, as values: Kubernetes, Istio, certificates, locality",
        knows: &[&[PLUGIN]],
    },
    Layer {
        path: ENGINE,
        holds: "steps, what they hand to each other, their execution, and the events that tell of it",
        knows: &[&[PLUGIN, MODEL]],
    },
    Layer {
        path: MACHINE,
        holds: "this machine: its disk, clock, randomness and signals",
        knows: &[&[PLUGIN, COMPLETION, MODEL]],
    },
    Layer {
        path: CLUSTER,
        holds: "the clusters: all that is asked of them and written to them",
        knows: &[&[PROBE, PLUGIN, COMPLETION, MODEL, MACHINE]],
    },
    Layer {
        path: SESSION,
        holds: "what a run has from its start to its end (connection, terminal, identity), and the verbs that both plugins have",
        knows: &[&[PLUGIN, TERMINAL, COMPLETION, CLUSTER]],
    },
    Layer { path: MC_IDENTITY, holds: "who mesh-mc is to clusters and users", knows: &[&[PLUGIN, MODEL]] },
    Layer {
        path: MC_KEEP,
        holds: "what mesh-mc keeps on this machine: the CA folder, the locks of its runs",
        knows: &[&[PLUGIN, MODEL, MACHINE]],
    },
    Layer {
        path: MC_WORK,
        holds: "what the steps of its plans do, and what they are done with",
        knows: &[SHARED, &[MC_IDENTITY, MC_KEEP]],
    },
    Layer { path: MC_JOIN, holds: "`join`", knows: &[SHARED, &[MC_IDENTITY, MC_KEEP, MC_WORK]] },
    Layer { path: FO_IDENTITY, holds: "who mesh-failover is to clusters and users", knows: &[&[PLUGIN, MODEL]] },
    Layer { path: FO_MESH, holds: "what its verbs have in common", knows: &[SHARED, &[FO_IDENTITY]] },
    Layer { path: FO_EXPOSE, holds: "`expose`, `unexpose`", knows: &[SHARED, &[FO_IDENTITY, FO_MESH]] },
    Layer { path: FO_LIST, holds: "`list`", knows: &[SHARED, &[FO_IDENTITY, FO_MESH]] },
    Layer { path: FO_REGIONS, holds: "`regions`", knows: &[SHARED, &[FO_IDENTITY, FO_MESH]] },
    Layer { path: FO_LOCALITY, holds: "`locality`", knows: &[SHARED, &[FO_IDENTITY, FO_MESH]] },
    Layer { path: FO_DRILL, holds: "`drill`", knows: &[SHARED, &[FO_IDENTITY, FO_MESH, FO_LOCALITY]] },
];

/// The longest layer that a file is in.
fn layer(file: &str) -> Option<&'static Layer> {
    let is_in =
        |layer: &&Layer| file.strip_prefix(layer.path).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'));
    LAYERS.iter().filter(is_in).max_by_key(|layer| layer.path.len())
}

/// Arrows that no row of the table allows, and files in no layer.
pub(crate) fn faults(sources: &Sources) -> Vec<String> {
    let mut faults = Vec::new();
    for (file, known) in sources.arrows() {
        let Some(from) = layer(file) else { continue };
        for other in known {
            let Some(to) = layer(other) else { continue };
            if from.path != to.path && !from.knows.concat().contains(&to.path) {
                faults.push(format!("{file} knows {other}: {} may not know {}", from.path, to.path));
            }
        }
    }
    faults
}

/// What decides and what it says: plans, and what their steps are.
const VALUES: &[&str] = &[
    "shared/src/engine/event.rs",
    "shared/src/engine/steps.rs",
    "kubectl-mesh-mc/src/work/step_permissions.rs",
    "kubectl-mesh-mc/src/work/tasks.rs",
    "kubectl-mesh-mc/src/join/control_plane.rs",
    "kubectl-mesh-mc/src/join/members.rs",
    "kubectl-mesh-mc/src/join/order.rs",
    "kubectl-mesh-mc/src/join/remote_access.rs",
    "kubectl-mesh-mc/src/join/request.rs",
    "kubectl-mesh-failover/src/drill/changed",
    "kubectl-mesh-failover/src/drill/command_lines.rs",
    "kubectl-mesh-failover/src/drill/experiment.rs",
    "kubectl-mesh-failover/src/drill/faults",
    "kubectl-mesh-failover/src/drill/governing_rule.rs",
    "kubectl-mesh-failover/src/drill/find_governing_rule.rs",
    "kubectl-mesh-failover/src/drill/measure.rs",
    "kubectl-mesh-failover/src/drill/measure/",
    "kubectl-mesh-failover/src/drill/object_names.rs",
    "kubectl-mesh-failover/src/drill/live_answerers.rs",
    "kubectl-mesh-failover/src/drill/permissions.rs",
    "kubectl-mesh-failover/src/drill/phase.rs",
    "kubectl-mesh-failover/src/drill/pods.rs",
    "kubectl-mesh-failover/src/drill/preflight.rs",
    "kubectl-mesh-failover/src/drill/fault_record.rs",
    "kubectl-mesh-failover/src/drill/recording.rs",
    "kubectl-mesh-failover/src/drill/request_outcome.rs",
    "kubectl-mesh-failover/src/drill/report/",
    "kubectl-mesh-failover/src/drill/restore_outcome.rs",
    "kubectl-mesh-failover/src/drill/side.rs",
    "kubectl-mesh-failover/src/drill/words.rs",
    "kubectl-mesh-failover/src/expose/binding.rs",
    "kubectl-mesh-failover/src/expose/existing.rs",
    "kubectl-mesh-failover/src/expose/plan.rs",
    "kubectl-mesh-failover/src/expose/words.rs",
    "kubectl-mesh-failover/src/list/plan.rs",
    "kubectl-mesh-failover/src/list/words.rs",
    "kubectl-mesh-failover/src/locality/damaged.rs",
    "kubectl-mesh-failover/src/locality/drift.rs",
    "kubectl-mesh-failover/src/locality/effective_rules.rs",
    "kubectl-mesh-failover/src/locality/rule_to_write.rs",
    "kubectl-mesh-failover/src/locality/plan.rs",
    "kubectl-mesh-failover/src/locality/removal.rs",
    "kubectl-mesh-failover/src/locality/request.rs",
    "kubectl-mesh-failover/src/locality/rule_plan.rs",
    "kubectl-mesh-failover/src/locality/take_over.rs",
    "kubectl-mesh-failover/src/locality/words.rs",
    "kubectl-mesh-failover/src/mesh/permissions.rs",
    "kubectl-mesh-failover/src/mesh/proposal.rs",
    "kubectl-mesh-failover/src/mesh/selection.rs",
    "kubectl-mesh-failover/src/regions/plan.rs",
    "kubectl-mesh-failover/src/regions/set.rs",
    "kubectl-mesh-failover/src/regions/words.rs",
];

/// Whether a file holds values alone.
fn is_pure(file: &str) -> bool {
    layer(file).is_some_and(|layer| layer.path == MODEL) || VALUES.iter().any(|values| file.starts_with(values))
}

/// What is no value: a client, a clock, a terminal, a file.
const EDGES: &[&[&str]] = &[
    &["kube"],
    &["tokio"],
    &["indicatif"],
    &["dialoguer"],
    &["std", "fs"],
    &["std", "io"],
    &["std", "env"],
    &["std", "process"],
    &["std", "net"],
    &["std", "time", "SystemTime"],
    &["std", "time", "Instant"],
    &["SystemTime", "now"],
    &["Instant", "now"],
    &["Timestamp", "now"],
    &["jiff", "Timestamp", "now"],
    &["OffsetDateTime", "now_utc"],
];

/// What values name of what is none.
pub(crate) fn impure(sources: &Sources) -> Vec<String> {
    let arrows = sources.arrows();
    let to_edges = arrows.iter().filter(|(file, _)| is_pure(file)).flat_map(|(file, known)| {
        let is_edge = |other: &&&str| layer(other).is_some_and(|layer| [MACHINE, CLUSTER].contains(&layer.path));
        known.iter().filter(is_edge).map(move |other| format!("{file} knows {other}"))
    });
    let pure = sources.files.iter().filter(|(file, _)| is_pure(file));
    let named = pure.flat_map(|(file, source)| {
        let is_edge = |name: &&Vec<String>| {
            EDGES.iter().any(|edge| name.len() >= edge.len() && name.iter().zip(*edge).all(|(a, b)| a == b))
        };
        source.names.iter().filter(is_edge).map(move |name| format!("{file} names {}", name.join("::")))
    });
    to_edges.chain(named).collect()
}

/// Rows of the table, and of what holds values, that no file is in.
pub(crate) fn without_files(sources: &Sources) -> Vec<&'static str> {
    let layers = LAYERS.iter().map(|layer| layer.path);
    let is_empty = |path: &&str| !sources.files.keys().any(|file| file.starts_with(path));
    layers.chain(VALUES.iter().copied()).filter(is_empty).collect()
}

/// The table as ARCHITECTURE.md prints it.
pub(crate) fn table() -> String {
    let mut table = String::from("| layer | holds | may know |\n|---|---|---|\n");
    for layer in LAYERS {
        let name = |group: &&[&str]| match *group {
            group if group == SHARED => vec!["all of `shared`".to_owned()],
            group => group.iter().map(|path| format!("`{path}`")).collect(),
        };
        let known: Vec<String> = layer.knows.iter().flat_map(name).collect();
        let known = if known.is_empty() { "nothing of ours".to_owned() } else { known.join(", ") };
        let _ = writeln!(table, "| `{}` | {} | {known} |", layer.path, layer.holds);
    }
    table
}
