//! What a build says about itself: its release, its commit, and what the project tested it against.

use serde::Serialize;

/// What the project's own tests ran. The lab's tests check that it equals what the lab is made of.
pub const TESTED: Tested = Tested {
    kubernetes: "v1.36.3",
    istio: "v1.31.0-beta.1",
    data_plane: "sidecar",
    sail_api: &["v1", "v1alpha1"],
    sail_operator: SailOperator::StandIn,
};

/// What a release was tested against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tested {
    /// API servers, kubelets, controllers and kubectl.
    pub kubernetes: &'static str,
    /// istiod, CNI plugin, charts and istioctl.
    pub istio: &'static str,
    /// Istio's mode.
    pub data_plane: &'static str,
    /// Versions of the Sail API whose CRDs, as the operator has them, took what we write.
    pub sail_api: &'static [&'static str],
    /// Who acted on the Sail API.
    pub sail_operator: SailOperator,
}

/// Who acted on the Sail API in the tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SailOperator {
    /// A test double that installs Istio's own charts.
    StandIn,
}

/// One build of one plugin, by what was set at build time; made by [`crate::this_build`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Build {
    /// What krew and kubectl call the plugin.
    pub plugin: &'static str,
    /// The version in Cargo.toml.
    pub package: &'static str,
    /// `MESH_VERSION` where the build was of a release: `v` and a semantic version.
    pub release: Option<&'static str>,
    /// `MESH_COMMIT`: the commit's full name, with [`CHANGED`] where the tree was not just that commit.
    pub commit: Option<&'static str>,
}

/// What `MESH_COMMIT` ends in where the tree held more than the commit, as in `git describe --dirty`.
pub const CHANGED: &str = "-dirty";

/// The [`Build`] of the crate that calls it. The compiler's environment is read there and not in this library, so that another
/// version recompiles one crate and not all.
#[macro_export]
macro_rules! this_build {
    ($plugin:literal) => {
        $crate::plugin::release::Build {
            plugin: $plugin,
            package: env!("CARGO_PKG_VERSION"),
            release: option_env!("MESH_VERSION"),
            commit: option_env!("MESH_COMMIT"),
        }
    };
}

/// All that a build says about itself; its fields are the output of `version -o json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct About {
    /// What krew and kubectl call the plugin.
    pub plugin: &'static str,
    /// With a leading `v`.
    pub version: String,
    /// Whether the version is a release's; otherwise it is the one that the sources were heading for.
    pub release: bool,
    /// The commit's full name, if it was set at build time.
    pub commit: Option<&'static str>,
    /// Whether the tree had uncommitted changes, if that was set at build time.
    pub changed: Option<bool>,
    /// As krew names it, such as `linux/amd64`.
    pub platform: String,
    /// What it was tested against.
    pub tested_against: Tested,
}

impl Build {
    /// The version with a leading `v`.
    pub fn version(&self) -> String {
        self.release.map_or_else(|| format!("v{}", self.package), str::to_owned)
    }

    /// The version and where it is from, in one line.
    pub fn words(&self) -> String {
        let from = match (self.release, self.commit) {
            (Some(_), Some(commit)) => format!("commit {}", short(commit)),
            (Some(_), None) => "commit not known".to_owned(),
            (None, Some(commit)) => format!("no release, commit {}", short(commit)),
            (None, None) => "built from source, no release".to_owned(),
        };
        format!("{} ({from})", self.version())
    }

    /// All that the build says about itself.
    pub fn about(&self) -> About {
        About {
            plugin: self.plugin,
            version: self.version(),
            release: self.release.is_some(),
            commit: self.commit.map(|commit| commit.strip_suffix(CHANGED).unwrap_or(commit)),
            changed: self.commit.map(|commit| commit.ends_with(CHANGED)),
            platform: platform(std::env::consts::OS, std::env::consts::ARCH),
            tested_against: TESTED,
        }
    }
}

/// Twelve digits of a commit's name, and whether the tree held more.
fn short(commit: &str) -> String {
    let (name, changed) = match commit.strip_suffix(CHANGED) {
        Some(name) => (name, " with changes"),
        None => (commit, ""),
    };
    format!("{}{changed}", name.get(..12).unwrap_or(name))
}

/// Go's names of a platform, which kubectl and krew use, for Rust's.
fn platform(os: &str, arch: &str) -> String {
    let os = if os == "macos" { "darwin" } else { os };
    let arch = match arch {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    format!("{os}/{arch}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const RELEASE: Build = Build {
        plugin: "mesh-mc",
        package: "0.1.0",
        release: Some("v1.2.3"),
        commit: Some("0123456789abcdef0123456789abcdef01234567"),
    };

    #[test]
    fn a_release_says_its_version_and_its_commit() {
        assert_eq!(RELEASE.words(), "v1.2.3 (commit 0123456789ab)");
        let about = RELEASE.about();
        assert_eq!((about.version.as_str(), about.release, about.changed), ("v1.2.3", true, Some(false)));
    }

    #[test]
    fn changes_that_are_in_no_commit_are_told() {
        let build = Build { commit: Some("0123456789abcdef0123456789abcdef01234567-dirty"), ..RELEASE };
        assert_eq!(build.words(), "v1.2.3 (commit 0123456789ab with changes)");
        let about = build.about();
        assert_eq!((about.commit, about.changed), (RELEASE.commit, Some(true)));
    }

    #[test]
    fn what_cargo_alone_built_claims_no_release_and_no_commit() {
        let build = Build { release: None, commit: None, ..RELEASE };
        assert_eq!(build.words(), "v0.1.0 (built from source, no release)");
        let about = build.about();
        assert_eq!((about.release, about.commit, about.changed), (false, None, None));
    }

    #[test]
    fn a_platform_is_named_as_krew_names_it() {
        assert_eq!(platform("linux", "x86_64"), "linux/amd64");
        assert_eq!(platform("macos", "aarch64"), "darwin/arm64");
        assert_eq!(platform("linux", "riscv64"), "linux/riscv64");
    }
}
