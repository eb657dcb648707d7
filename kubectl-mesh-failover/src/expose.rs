//! `kubectl mesh-failover expose` and `unexpose`: whether other clusters can reach a service.

pub mod binding;
pub mod command;
pub mod existing;
pub mod plan;
pub mod words;
