//! `kubectl mesh-failover`: decides where traffic goes when a region fails, and proves it by drills.
//!
//! A library beside the binary, so that another program can call the very functions that put back what a drill changed.

pub mod cli;
mod completion;
pub mod drill;
mod expose;
mod list;
mod locality;
mod mesh;
mod plugin_identity;
mod regions;
