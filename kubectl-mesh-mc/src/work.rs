//! What the steps of this plugin do, and what they are done with.

pub mod certificates;
pub mod environment;
mod peer_access;
mod perform;
pub mod permissions;
mod progress;
pub mod run;
pub mod tasks;
mod verify;
