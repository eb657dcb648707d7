//! `kubectl mesh-mc join`: makes one mesh of several clusters.

pub mod arguments;
pub mod command;
mod control_plane;
mod differences;
mod gateway;
mod gateway_flags;
mod gateway_plan;
mod manifests;
mod members;
mod namespaces;
mod neighbours;
mod order;
mod permissions;
mod plan;
mod prechecks;
mod reader;
mod remote_access;
mod request;
mod settings;
mod trust;
mod trust_domains;
mod versions;
mod words;
