//! Istio's versions, as images, charts and the operator name them.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// A version of Istio such as `1.31.0-beta.1`. A version of `spec.version` such as `v1.30-latest` has no patch: it counts as
/// the first of its minor.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct IstioVersion {
    /// Such as 1.
    pub major: u32,
    /// Such as 31.
    pub minor: u32,
    /// Such as 0; 0 where the text has none.
    pub patch: u32,
    /// Such as `beta.1`; empty for a release. Suffixes that name a variant of the image (`distroless`, `debug`) are left out.
    pub prerelease: String,
}

/// Suffixes of image tags that say how the image is made, not which version is in it.
const VARIANTS: [&str; 3] = ["distroless", "debug", "fips"];

impl IstioVersion {
    /// A release.
    pub const fn release(major: u32, minor: u32, patch: u32) -> Self {
        Self { major, minor, patch, prerelease: String::new() }
    }

    /// How many minor versions apart two versions of one major version are; none where the major versions differ.
    pub fn minors_apart(&self, other: &Self) -> Option<u32> {
        (self.major == other.major).then(|| self.minor.abs_diff(other.minor))
    }
}

impl FromStr for IstioVersion {
    type Err = String;

    /// Reads `1.31.0`, `v1.31.0-beta.1`, `1.30.4-distroless` or `v1.30-latest`.
    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("{text:?} is not a version of Istio");
        let plain = text.strip_prefix('v').unwrap_or(text);
        let (numbers, suffix) = plain.split_once('-').unwrap_or((plain, ""));
        let mut parts = numbers.split('.');
        let mut number = || parts.next().map(|part| part.parse::<u32>().map_err(|_| bad())).transpose();
        let (major, minor, patch) = (number()?, number()?, number()?);
        if parts.next().is_some() {
            return Err(bad());
        }
        let is_variant = |part: &str| VARIANTS.contains(&part) || part == "latest";
        let prerelease: Vec<&str> = suffix.split('-').filter(|part| !part.is_empty() && !is_variant(part)).collect();
        Ok(Self {
            major: major.ok_or_else(bad)?,
            minor: minor.ok_or_else(bad)?,
            patch: patch.unwrap_or(0),
            prerelease: prerelease.join("-"),
        })
    }
}

impl fmt::Display for IstioVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}.{}", self.major, self.minor, self.patch)?;
        if self.prerelease.is_empty() { Ok(()) } else { write!(formatter, "-{}", self.prerelease) }
    }
}

impl Ord for IstioVersion {
    /// A prerelease comes before its release, and prereleases in the order of their texts.
    fn cmp(&self, other: &Self) -> Ordering {
        let rank = |version: &Self| (version.major, version.minor, version.patch, version.prerelease.is_empty());
        rank(self).cmp(&rank(other)).then_with(|| self.prerelease.cmp(&other.prerelease))
    }
}

impl PartialOrd for IstioVersion {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> IstioVersion {
        text.parse().unwrap()
    }

    #[test]
    fn versions_are_read_in_all_forms_in_which_they_are_written() {
        assert_eq!(read("1.31.0"), IstioVersion::release(1, 31, 0));
        assert_eq!(read("v1.30.4"), IstioVersion::release(1, 30, 4));
        assert_eq!(read("1.30.4-distroless"), IstioVersion::release(1, 30, 4));
        assert_eq!(read("v1.30-latest"), IstioVersion::release(1, 30, 0));
        assert_eq!(read("v1.31.0-beta.1").prerelease, "beta.1");
        assert_eq!(read("1.31.0-beta.1-distroless").to_string(), "1.31.0-beta.1");
        for wrong in ["", "latest", "1", "1.x", "1.2.3.4", "abc-1.2"] {
            assert!(wrong.parse::<IstioVersion>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_prerelease_comes_before_its_release_and_after_the_patches_before() {
        let order = ["1.30.4", "1.31.0-alpha.0", "1.31.0-beta.1", "1.31.0", "1.31.1"].map(read);
        assert!(order.is_sorted());
        assert_eq!(read("1.29.0").minors_apart(&read("1.31.2")), Some(2));
        assert_eq!(read("1.31.0").minors_apart(&read("2.0.0")), None);
    }
}
