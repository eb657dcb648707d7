//! The mesh that is wanted: names, topology, version.

pub mod duration;
pub mod name;
pub mod service;
pub mod values;
