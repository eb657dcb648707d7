//! What was found in the clusters, as values, by facet: planning, status and checks read these and nothing else.

pub mod access;
pub mod control_plane;
pub mod east_west;
pub mod identity;
pub mod known;
pub mod locality;
pub mod mesh_config;
pub mod observed_cluster;
pub mod observed_traffic;
pub mod probes;
pub mod rules;
pub mod services;
pub mod trust;
pub mod workload;
