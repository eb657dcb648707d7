//! What the steps of this plugin do, and what they are done with.

mod certificates;
pub mod environment;
pub mod kept_certificates;
mod peer_access;
mod perform;
pub mod permissions;
mod progress;
pub mod run;
pub mod tasks;
mod verify;
