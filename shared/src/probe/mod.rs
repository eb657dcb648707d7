//! The one thing of ours that runs inside a cluster: a small program that tries from there what peers will do.
//!
//! [`line`] is what is asked of it and what it answers, shared with the reader on the user's machine; [`reach`] does it.
//! Nothing here needs the engine: the probe's image holds neither a Kubernetes client nor a shell.

pub mod line;
pub mod reach;

/// The number of what a probe is asked and answers ([`line`]). It is raised when a plugin and a probe of different numbers would
/// not understand each other.
pub const PROTOCOL: &str = "1";

/// The image that is used where the user names no other, in this one place. Its tag is [`PROTOCOL`]: every release publishes its
/// probe under it, so that a plugin finds the newest probe that it understands, and one that was built from source finds one too.
pub const DEFAULT_IMAGE: &str = "ghcr.io/kubectl-mesh/mesh-probe:1";

#[cfg(test)]
mod tests {
    #[test]
    fn the_image_is_named_by_the_protocol_that_it_speaks() {
        assert_eq!(super::DEFAULT_IMAGE.rsplit(':').next(), Some(super::PROTOCOL));
    }
}
