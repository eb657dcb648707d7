//! What `locality` decides.

pub mod reading;
