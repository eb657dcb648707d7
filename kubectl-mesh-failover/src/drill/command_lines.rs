//! The commands that a drill's errors, displays and reports suggest.

use std::fmt::Display;

use mesh_shared::model::names::service::ServiceName;

/// Puts back what a drill left behind in the cluster of a context, from any machine.
pub fn recover(service: impl Display, context: &str) -> String {
    format!("kubectl mesh-failover drill recover {service} --contexts {context}")
}

/// Writes the rule by which a service fails over from one region to another.
pub fn apply_locality(service: &ServiceName, from: &str, to: &str) -> String {
    format!("kubectl mesh-failover locality apply {service} --failover {from}={to}")
}
