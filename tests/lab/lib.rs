//! Two or more real Kubernetes clusters on one machine, with no route between their pods.
//!
//! `build` makes the parts, `supervisor`, `wan` and `node` are the processes of a lab that runs, `cli` is what a person
//! types, and [`Lab`] is what a test holds.

#![cfg(target_os = "linux")]

pub mod audit;
pub mod build;
pub mod cli;
pub mod events;
pub mod inventory;
pub mod node;
pub mod spec;
pub mod state;

mod balancer;
mod client;
mod enter;
mod http;
mod kubeconfig;
mod lab;
mod leftovers;
mod pki;
mod preflight;
mod registry;
mod start;
mod supervisor;
mod tls_front;
pub mod user;
mod wan;

pub use lab::Lab;
pub use user::User;

/// What is said where no lab can be.
pub const ELSEWHERE: &str = include_str!("elsewhere.txt");
