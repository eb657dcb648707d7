//! `kubectl mesh-failover list`: which services are reachable from where.

pub mod command;
pub mod plan;
pub mod words;
