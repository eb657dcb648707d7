//! The names of the objects that a drill creates, by which they are found again: its record, leases and EnvoyFilter.

use mesh_shared::model::kube::object_key::ObjectKey;
use mesh_shared::model::names::service::ServiceName;

/// Prefix of all of them.
pub const PREFIX: &str = "mesh-failover-drill-";

/// Label of what a drill creates, with the run's id.
pub const RUN_LABEL: &str = "mesh-failover/run";

/// The record of a service's drill, in the service's namespace of the failed cluster. One name per service, so that a
/// second drill finds it.
pub fn record(service: &ServiceName) -> ObjectKey {
    ObjectKey::new("ConfigMap", &service.namespace, &format!("{PREFIX}{}", service.name))
}

/// The EnvoyFilter that fails a service's pods, in their namespace.
pub fn filter(service: &ServiceName) -> ObjectKey {
    ObjectKey::new("EnvoyFilter", &service.namespace, &format!("{PREFIX}{}", service.name))
}

/// The lease of a service, in istiod's namespace of every cluster.
pub fn lease(service: &ServiceName, system_namespace: &str) -> ObjectKey {
    ObjectKey::new("Lease", system_namespace, &format!("{PREFIX}{}-{}", service.name, service.namespace))
}
