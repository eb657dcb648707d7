//! Two real Kubernetes clusters on one machine.
