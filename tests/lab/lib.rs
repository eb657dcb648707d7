//! Two real Kubernetes clusters on one machine.

pub mod build;
