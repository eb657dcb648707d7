//! The one thing of ours that runs inside a cluster: a small program that tries from there what peers will do.
//!
//! [`line`] is what is asked of it and what it answers, shared with the reader on the user's machine; [`reach`] does it.
//! Depends on nothing else of ours, so that its image holds neither a Kubernetes client nor an asynchronous runtime.

pub mod line;
pub mod reach;
