//! The mesh that is wanted: names, topology, version.

pub mod name;
pub mod service;
pub mod values;
