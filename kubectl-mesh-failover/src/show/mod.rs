//! What each verb says, as text.

pub mod changes;
pub mod drill;
pub mod drill_live;
pub mod expose;
pub mod list;
pub mod locality;
pub mod members;
pub mod regions;
