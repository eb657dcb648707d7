//! Observe → plan → show → confirm → apply → verify: what drives the two edges. It speaks to the terminal through events alone.

pub mod action;
pub mod progress;
pub mod steps;

/// What to do after a run that was stopped.
const GO_ON: &str = "run the same command again: it goes on from what stands";

pub mod event;
pub mod execute;
pub mod perform;
mod remote_access;
mod trust;
mod verify;
pub mod world;
