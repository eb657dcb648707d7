//! Workloads behind a service: which can be scaled, and what else controls their replicas.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::model::kube::object_key::ObjectKey;

/// The owners of some pods.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Owners {
    /// What can be scaled.
    pub workloads: Vec<Workload>,
    /// Kind and name of what cannot, such as (`DaemonSet`, `agent`), or (`Pod`, its name) if it has no owner.
    pub unscalable: Vec<(String, String)>,
}

/// A Deployment or a StatefulSet.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Workload {
    /// Kind, namespace and name.
    pub object: ObjectKey,
    /// Such as `apps/v1`.
    pub api_version: String,
    /// Of the object.
    pub uid: String,
    /// Of the object.
    pub generation: u64,
    /// `spec.replicas`, 1 if unset.
    pub replicas: u64,
    /// `status.readyReplicas`.
    pub ready: u64,
    /// `spec.selector.matchLabels`.
    pub selector: BTreeMap<String, String>,
    /// Whether scaling down deletes its volumes (a StatefulSet's
    /// `persistentVolumeClaimRetentionPolicy.whenScaled: Delete`).
    pub loses_volumes: bool,
    /// What will undo a change of its replicas, such as `Argo CD application shop`; none if nothing is known to.
    pub keeper: Option<String>,
    /// What scales it automatically.
    pub autoscaler: Option<Autoscaler>,
}

/// A `HorizontalPodAutoscaler`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Autoscaler {
    /// Its name.
    pub name: String,
    /// `spec.minReplicas`, 1 if unset.
    pub least: u64,
    /// `spec.maxReplicas`.
    pub most: u64,
    /// The KEDA object that created it, which restores replicas: an autoscaler alone switches itself off at zero.
    pub keda: Option<String>,
}
