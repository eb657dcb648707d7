//! The permissions a user needs in a cluster for a plan, and the files of docs/permissions that grant them.

use std::collections::{BTreeMap, BTreeSet};

use mesh_shared::model::kube::pull_secret::PullSecret;
use mesh_shared::model::kube::rbac::{Access, RoleFile};
use mesh_shared::model::names::ClusterName;
use mesh_shared::model::seen::observed_cluster::ObservedCluster;

use super::plan::JoinPlan;
use super::request::JoinRequest;
use crate::work;
use crate::work::step_permissions::Site;
use crate::work::tasks::{Action, Task};

/// Grants a join with `--no-probe`.
pub const JOIN: RoleFile = RoleFile("mesh-mc-join.yaml");
/// Grants the probe.
pub const PROBE: RoleFile = RoleFile("mesh-mc-probe.yaml");
/// Grants copying the pull Secret of the probe's image.
pub const PULL_SECRET: RoleFile = RoleFile("mesh-mc-pull-secret.yaml");

/// The permissions that the steps of one cluster need, each once, by the file that grants them.
pub fn needed(
    plan: &JoinPlan,
    cluster: &ClusterName,
    observed: &ObservedCluster,
    request: &JoinRequest,
    pull_secret: Option<&PullSecret>,
) -> BTreeMap<RoleFile, BTreeSet<Access>> {
    let cni_namespace = plan.control_planes.get(cluster).map_or("", |plane| plane.cni_namespace.as_str());
    let site = Site { system_namespace: &request.system_namespace, cni_namespace, observed };
    let mut all: BTreeMap<RoleFile, BTreeSet<Access>> = BTreeMap::new();
    for (_, step) in plan.steps.iter().filter(|(_, step)| step.cluster.as_ref() == Some(cluster)) {
        let file = match &step.action {
            Action::Task(Task::StartProbe | Task::RemoveProbe { .. } | Task::RemoveLeftoverProbes { .. }) => PROBE,
            _ => JOIN,
        };
        all.entry(file).or_default().extend(work::step_permissions::needed(&step.action, site));
        if let (Action::Task(Task::StartProbe), Some(PullSecret { namespace, name })) = (&step.action, pull_secret) {
            let copied =
                [Access::new("get", "", "secrets", namespace).named(name), Access::new("create", "", "secrets", "")];
            all.entry(PULL_SECRET).or_default().extend(copied);
        }
    }
    all
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
