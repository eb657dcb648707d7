//! What a user must be allowed to do in a cluster for a plan.

use std::collections::BTreeSet;

use mesh_shared::cluster::access::Access;
use mesh_shared::cluster::kinds::Target;
use mesh_shared::istio::sail;
use mesh_shared::mesh::name::ClusterName;
use mesh_shared::plan::action::Action;
use serde_json::Value;

use super::{JoinPlan, JoinRequest};

/// The permissions that the steps of one cluster need, each once.
pub fn needed(plan: &JoinPlan, cluster: &ClusterName, request: &JoinRequest) -> Vec<Access> {
    let system = request.system_namespace.as_str();
    let mut all = BTreeSet::new();
    for (_, step) in plan.steps.iter().filter(|(_, step)| step.cluster.as_ref() == Some(cluster)) {
        match &step.action {
            Action::Apply { manifest } => all.extend(apply(manifest)),
            Action::CreateCacerts { namespace } => {
                all.insert(Access::new("create", "", "secrets", namespace));
            }
            Action::WriteRemoteSecret { .. } => {
                all.insert(Access::new("create", "", "secrets", system));
                all.insert(Access::new("patch", "", "secrets", system));
            }
            Action::StartProbe => {
                all.insert(Access::new("create", "", "namespaces", ""));
                all.insert(Access::new("create", "", "pods", ""));
                all.insert(Access::new("get", "", "pods", ""));
                all.extend(["create", "get"].map(|verb| Access::new(verb, "", "pods", "").subresource("exec")));
                all.insert(Access::new("delete", "", "namespaces", ""));
            }
            Action::RemoveLeftoverProbes { .. } | Action::RemoveProbe => {
                all.insert(Access::new("delete", "", "namespaces", ""));
            }
            Action::AwaitInjection { .. } => {
                all.insert(Access::new("create", "", "pods", system));
            }
            Action::AwaitToken { .. } => {
                all.insert(Access::new("get", "", "secrets", system));
            }
            Action::VerifyDiscovery { .. } => {
                all.insert(Access::new("list", "", "pods", system));
                all.extend(
                    ["create", "get"].map(|verb| Access::new(verb, "", "pods", system).subresource("portforward")),
                );
            }
            Action::AwaitCni { namespace } => {
                all.insert(Access::new("list", sail::GROUP, "istiocnis", ""));
                all.insert(Access::new("list", "apps", "daemonsets", namespace));
            }
            Action::AwaitControlPlane { .. } => {
                all.extend(["istios", "istiorevisions"].map(|kind| Access::new("list", sail::GROUP, kind, "")));
                all.insert(Access::new("list", "apps", "deployments", system));
            }
            Action::AwaitGateway => {
                all.insert(Access::new("list", "apps", "deployments", system));
            }
            Action::AwaitGatewayAddress => {
                all.insert(Access::new("list", "", "services", system));
            }
            Action::AwaitReaderAccount { .. } => {
                all.insert(Access::new("list", "", "serviceaccounts", system));
            }
            Action::ProveAddresses { .. }
            | Action::ProveToken { .. }
            | Action::SettleAddresses { .. }
            | Action::VerifyGateways { .. }
            | Action::MakeKey { .. }
            | Action::MakeRoot { .. }
            | Action::IssueIntermediate { .. } => {}
        }
    }
    all.into_iter().collect()
}

/// Server-side apply is a patch, and a create where the object is not there yet.
fn apply(manifest: &Value) -> [Access; 2] {
    let target = Target::of(manifest);
    let namespace = target.key.namespace.clone();
    ["create", "patch"].map(|verb| Access::new(verb, target.group(), target.resource(), &namespace))
}
