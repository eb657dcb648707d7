//! `kubectl mesh-failover regions`: which region each cluster is in, and labels for nodes without one.

pub mod command;
pub mod plan;
pub mod set;
pub mod words;
