//! The only program of ours that runs inside clusters: it tries from there what peers will do.
//!
//! [`line`] defines the request and the answers, shared with the reader on the user's machine; [`reach`] does the work.
//! Depends on nothing else of ours, so that its image holds neither a Kubernetes client nor an asynchronous runtime.

pub mod line;
pub mod reach;
