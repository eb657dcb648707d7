//! What a person reads of a plan and of its end, as text.

pub mod join;
pub mod manifests;
