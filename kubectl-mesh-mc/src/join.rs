//! `kubectl mesh-mc join`: makes one mesh of several clusters.

pub mod arguments;
pub mod command;
mod control_plane;
mod manifests;
mod members;
mod namespaces;
mod order;
mod permissions;
mod plan;
mod prechecks;
mod remote_access;
mod request;
mod trust;
mod words;
