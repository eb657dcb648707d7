//! The steps of this plugin: what they do and what they work with.

mod certificates;
pub mod environment;
pub mod opened_ca_folder;
mod perform;
mod progress;
mod remote_access;
pub mod run;
pub mod step_permissions;
pub mod tasks;
mod verify;
