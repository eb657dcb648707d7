//! What was found in the clusters, as values: planning, status and checks read these and nothing else.

pub mod cluster;
pub mod traffic;
pub mod trust;
pub mod workload;
