//! The permissions a user needs for a step.

use mesh_shared::model::istio::sail;
use mesh_shared::model::istio::sail::DAEMON_SET;
use mesh_shared::model::kube::rbac::Access;
use mesh_shared::model::kube::write_permissions::{Existence, permissions};
use mesh_shared::model::seen::observed_cluster::ObservedCluster;

use super::tasks::{Action, Task, Wait};

/// Where a step is done.
#[derive(Clone, Copy)]
pub struct Site<'a> {
    /// Where istiod runs.
    pub system_namespace: &'a str,
    /// Where the CNI plugin's DaemonSet runs.
    pub cni_namespace: &'a str,
    /// What was seen of the cluster.
    pub observed: &'a ObservedCluster,
}

/// The permissions that an action needs.
pub fn needed(action: &Action, site: Site<'_>) -> Vec<Access> {
    match action {
        Action::Write(write) => {
            let exists = site.observed.objects.contains_key(&write.object());
            permissions(write, if exists { Existence::Exists } else { Existence::Unknown })
        }
        Action::Wait(wait) => waiting(wait, site),
        Action::Task(task) => doing(task, site.system_namespace),
    }
}

fn waiting(wait: &Wait, site: Site<'_>) -> Vec<Access> {
    let system = site.system_namespace;
    let on = |verb: &str, resource: &str| Access::new(verb, "", resource, system);
    match wait {
        Wait::Cni => vec![
            Access::new("list", sail::GROUP, "istiocnis", ""),
            Access::new("list", "apps", "daemonsets", site.cni_namespace).named(DAEMON_SET),
        ],
        Wait::ControlPlane { .. } => vec![
            Access::new("list", sail::GROUP, "istios", ""),
            Access::new("list", sail::GROUP, "istiorevisions", ""),
            Access::new("list", "apps", "deployments", system),
        ],
        Wait::Injection { .. } => vec![on("create", "pods")],
        Wait::Gateway => vec![Access::new("list", "apps", "deployments", system)],
        Wait::GatewayAddress { gateways } => gateways
            .iter()
            .filter(|gateway| gateway.is_pending && gateways.iter().all(|any| any.addresses.is_empty()))
            .filter_map(|gateway| gateway.object.as_ref())
            .map(|service| Access::new("list", "", "services", &service.namespace).named(&service.name))
            .take(1)
            .collect(),
        Wait::ReaderAccount { .. } => vec![on("list", "serviceaccounts")],
        Wait::Token { .. } => vec![on("list", "secrets")],
    }
}

fn doing(task: &Task, system: &str) -> Vec<Access> {
    let on = |verb: &str, resource: &str| Access::new(verb, "", resource, system);
    match task {
        Task::CreateCacerts { namespace, .. } => vec![Access::new("create", "", "secrets", namespace)],
        Task::WriteRemoteSecret { .. } => vec![on("create", "secrets"), on("patch", "secrets")],
        Task::StartProbe => vec![
            Access::new("create", "", "namespaces", ""),
            Access::new("create", "", "pods", ""),
            Access::new("watch", "", "pods", ""),
            Access::new("create", "", "pods", "").subresource("exec"),
            Access::new("get", "", "pods", "").subresource("exec"),
            Access::new("delete", "", "namespaces", ""),
        ],
        Task::RemoveLeftoverProbes { .. } | Task::RemoveProbe { .. } => {
            vec![Access::new("delete", "", "namespaces", "")]
        }
        Task::VerifyRoot { config_map, .. } => vec![on("get", "configmaps").named(config_map)],
        Task::VerifyDiscovery { .. } => vec![
            on("list", "pods"),
            on("create", "pods").subresource("portforward"),
            on("get", "pods").subresource("portforward"),
        ],
        Task::ProveAddresses { .. }
        | Task::ProveToken { .. }
        | Task::SettleAddresses { .. }
        | Task::VerifyGateways { .. }
        | Task::MakeKey { .. }
        | Task::MakeRoot { .. }
        | Task::IssueIntermediate { .. } => Vec::new(),
    }
}
