//! Writes as a person reads them, and as manifests.

use mesh_shared::model::kube::write::{Change, Write};
use mesh_shared::plugin::terminal::table;
use mesh_shared::plugin::yaml;
use serde_json::{Value, json};

use crate::mesh::observe::Member;
use crate::mesh::proposal::Proposal;
use mesh_shared::plugin::arguments::ManifestFormat;

/// The question that is asked once.
pub fn question(changes: usize) -> String {
    format!("Make {}?", if changes == 1 { "this 1 change".into() } else { format!("these {changes} changes") })
}

/// Every write with its reason, for a dry run.
pub fn table(changes: &[Change]) -> String {
    if changes.is_empty() {
        return "Nothing to change.\n".into();
    }
    let rows = changes.iter().map(|change| [change.cluster.to_string(), title(&change.write), change.why.clone()]);
    table::render(["cluster", "change", "why"], rows) + "\n"
}

/// Such as `create Gateway istio-system/cross-network-gateway`.
pub fn title(write: &Write) -> String {
    let verb = match write {
        Write::Create { .. } => "create",
        Write::Apply { .. } => "apply",
        Write::Patch { .. } => "change",
        Write::Delete { .. } => "delete",
    };
    format!("{verb} {}", write.object())
}

/// All objects as they would be: a stream of YAML documents, or a JSON List. A deletion is a comment.
pub fn manifests(proposal: &Proposal, members: &[Member], format: ManifestFormat) -> String {
    if format == ManifestFormat::Json {
        let items: Vec<&Value> = proposal.manifests.iter().map(|(_, manifest)| manifest).collect();
        return format!("{:#}\n", json!({ "apiVersion": "v1", "kind": "List", "items": items }));
    }
    let mut text = String::new();
    for member in members {
        let name = &member.seen.name;
        let here: Vec<&Value> =
            proposal.manifests.iter().filter(|(cluster, _)| cluster == name).map(|(_, manifest)| manifest).collect();
        let deletions = proposal.changes.iter().filter(|change| change.cluster == *name);
        let deletions: Vec<String> = deletions
            .filter(|change| matches!(change.write, Write::Delete { .. }))
            .map(|change| format!("# {}: {}\n", title(&change.write), change.why))
            .collect();
        if here.is_empty() && deletions.is_empty() {
            continue;
        }
        text.extend(["# cluster ", name.as_str(), " (context ", &member.seen.context, ")\n"]);
        text.extend(deletions);
        for manifest in here {
            text.push_str("---\n");
            text.push_str(&yaml::document(manifest));
        }
    }
    text
}
