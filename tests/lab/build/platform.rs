//! The platforms that the probe's image is made for.

use clap::ValueEnum;

/// A processor that nodes have, by its OCI name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Platform {
    /// x86-64.
    #[value(name = "linux/amd64")]
    Amd64,
    /// 64-bit Arm.
    #[value(name = "linux/arm64")]
    Arm64,
}

impl Platform {
    /// The name in OCI's `architecture`.
    pub(super) fn architecture(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }

    /// Rust's name of it.
    pub(super) fn target(self) -> &'static str {
        match self {
            Self::Amd64 => super::versions::TARGET,
            Self::Arm64 => "aarch64-unknown-linux-gnu",
        }
    }

    /// The C compiler that makes programs for it where this machine's own does not, and the Debian packages that bring it.
    pub(super) fn cross_compiler(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Amd64 => None,
            Self::Arm64 => Some(("aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu libc6-dev-arm64-cross")),
        }
    }
}
