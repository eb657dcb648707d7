//! What a user must be allowed to do in a cluster for a plan, and which file of docs/permissions grants it.

use std::collections::{BTreeMap, BTreeSet};

use mesh_shared::engine::action::Action;
use mesh_shared::model::istio::sail::DAEMON_SET;
use mesh_shared::model::istio::{gateway, sail};
use mesh_shared::model::kube::access::{Access, RoleFile};
use mesh_shared::model::kube::kinds::Target;
use mesh_shared::model::kube::object::ObjectKey;
use mesh_shared::model::kube::pull_secret::PullSecret;
use mesh_shared::model::names::ClusterName;
use mesh_shared::model::seen::cluster::ObservedCluster;
use serde_json::Value;

use super::plan::JoinPlan;
use super::request::JoinRequest;

/// Grants a join with `--no-probe`.
pub const JOIN: RoleFile = RoleFile("mesh-mc-join.yaml");
/// Grants the probe.
pub const PROBE: RoleFile = RoleFile("mesh-mc-probe.yaml");
/// Grants the copy of the Secret by which the probe's image is pulled.
pub const PULL_SECRET: RoleFile = RoleFile("mesh-mc-pull-secret.yaml");

/// The permissions that the steps of one cluster need, each once, by the file that grants them.
pub fn needed(
    plan: &JoinPlan,
    cluster: &ClusterName,
    observed: &ObservedCluster,
    request: &JoinRequest,
    pull_secret: Option<&PullSecret>,
) -> BTreeMap<RoleFile, BTreeSet<Access>> {
    let system = request.system_namespace.as_str();
    let mut all: BTreeMap<RoleFile, BTreeSet<Access>> = BTreeMap::new();
    for (_, step) in plan.steps.iter().filter(|(_, step)| step.cluster.as_ref() == Some(cluster)) {
        let file = match &step.action {
            Action::StartProbe | Action::RemoveProbe | Action::RemoveLeftoverProbes { .. } => PROBE,
            _ => JOIN,
        };
        all.entry(file).or_default().extend(of(&step.action, system, observed));
        if let (Action::StartProbe, Some(PullSecret { namespace, name })) = (&step.action, pull_secret) {
            let copied =
                [Access::new("get", "", "secrets", namespace).named(name), Access::new("create", "", "secrets", "")];
            all.entry(PULL_SECRET).or_default().extend(copied);
        }
    }
    all
}

/// What one action needs.
fn of(action: &Action, system: &str, observed: &ObservedCluster) -> Vec<Access> {
    let on = |verb: &str, resource: &str| Access::new(verb, "", resource, system);
    match action {
        Action::Apply { manifest } => apply(manifest, observed),
        Action::CreateCacerts { namespace } => vec![Access::new("create", "", "secrets", namespace)],
        Action::WriteRemoteSecret { .. } => vec![on("create", "secrets"), on("patch", "secrets")],
        Action::StartProbe => vec![
            Access::new("create", "", "namespaces", ""),
            Access::new("create", "", "pods", ""),
            Access::new("watch", "", "pods", ""),
            Access::new("create", "", "pods", "").subresource("exec"),
            Access::new("get", "", "pods", "").subresource("exec"),
            Access::new("delete", "", "namespaces", ""),
        ],
        Action::RemoveLeftoverProbes { .. } | Action::RemoveProbe => vec![Access::new("delete", "", "namespaces", "")],
        Action::AwaitInjection { .. } => vec![on("create", "pods")],
        Action::AwaitToken { .. } => vec![on("list", "secrets")],
        Action::VerifyDiscovery { .. } => vec![
            on("list", "pods"),
            on("create", "pods").subresource("portforward"),
            on("get", "pods").subresource("portforward"),
        ],
        Action::AwaitCni { namespace } => vec![
            Access::new("list", sail::GROUP, "istiocnis", ""),
            Access::new("list", "apps", "daemonsets", namespace).named(DAEMON_SET),
        ],
        Action::AwaitControlPlane { .. } => vec![
            Access::new("list", sail::GROUP, "istios", ""),
            Access::new("list", sail::GROUP, "istiorevisions", ""),
            Access::new("list", "apps", "deployments", system),
        ],
        Action::AwaitGateway => vec![Access::new("list", "apps", "deployments", system)],
        Action::AwaitGatewayAddress => vec![on("list", "services").named(gateway::NAME)],
        Action::AwaitReaderAccount { .. } => vec![on("list", "serviceaccounts")],
        Action::ProveAddresses { .. }
        | Action::ProveToken { .. }
        | Action::SettleAddresses { .. }
        | Action::VerifyGateways { .. }
        | Action::MakeKey { .. }
        | Action::MakeRoot { .. }
        | Action::IssueIntermediate { .. } => Vec::new(),
    }
}

/// Server-side apply is a patch, and a create where the object is not there yet. Both are asked for by the object's name, which
/// the API server knows of an apply, so that a rule may name it (`withAuthorization` in apiserver's endpoints/handlers/patch.go).
fn apply(manifest: &Value, observed: &ObservedCluster) -> Vec<Access> {
    let target = Target::of(manifest);
    let of = |verb| Access::new(verb, target.group(), target.resource(), &target.key.namespace).named(&target.key.name);
    let stands = observed.objects.contains_key(&ObjectKey::of(manifest));
    if stands { vec![of("patch")] } else { vec![of("create"), of("patch")] }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_files_that_errors_name_are_there() {
        for file in [JOIN, PROBE, PULL_SECRET] {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/permissions").join(file.0);
            assert!(path.is_file(), "{}", path.display());
        }
    }
}
