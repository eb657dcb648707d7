//! What identifies a cluster.

use crate::model::names::{ClusterName, NetworkName};
use serde::Serialize;

/// What identifies a cluster, whatever runs in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Identity {
    /// Name of the kubeconfig's context.
    pub context: String,
    /// UID of namespace kube-system: two contexts with the same UID lead to one cluster.
    pub uid: String,
}

/// A cluster's place in its mesh, according to its control plane.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Membership {
    /// Its name in the mesh: `CLUSTER_ID` of its istiod.
    pub name: ClusterName,
    /// Label `topology.istio.io/network` of the control plane's namespace.
    pub network: Option<NetworkName>,
    /// Namespace of istiod.
    pub system_namespace: String,
}

/// What the cluster runs on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Platform {
    /// Server version without the leading `v`, such as `1.36.3`.
    pub kubernetes: String,
    /// Whether this is OpenShift, as the Sail operator sees it (kind `OpenShiftAPIServer` of `operator.openshift.io/v1`).
    pub openshift: bool,
    /// The cloud named by the nodes' providerID (`aws`, `gce`, `azure`, …), if any.
    pub cloud: Option<String>,
}
