//! The one thing of ours that runs inside a cluster: a small program that tries from there what peers will do.
//!
//! [`line`] is what is asked of it and what it answers, shared with the reader on the user's machine; [`reach`] does it.
//! Nothing here needs the engine: the probe's image holds neither a Kubernetes client nor a shell.

pub mod line;
pub mod reach;

/// The image that is used where the user names no other, in this one place. Its tag is the version in Cargo.toml: a release
/// publishes it once under that, and a plugin that is packaged under another version, as in tests, still finds it.
pub const DEFAULT_IMAGE: &str = concat!("ghcr.io/kubectl-mesh/mesh-probe:v", env!("CARGO_PKG_VERSION"));
