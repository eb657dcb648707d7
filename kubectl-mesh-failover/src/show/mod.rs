//! What each verb says, as text.

pub mod drill_live;
