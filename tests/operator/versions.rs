//! The versions of Istio that the operator offers, and which of them it refuses.

use crate::{fault::Fault, sail::Served};

/// The version that a name refers to.
///
/// # Errors
/// A version past its end of life is in the CRD's enum, so that old resources stay valid, but is refused here. The
/// operator of v1alpha1 is of the time of Istio 1.24 and refuses none of its five.
///
/// Rule: sail-operator pkg/istioversion/versions.yaml (`eol: true` for everything up to 1.28).
pub(crate) fn resolve(version: &str, served: Served) -> Result<&str, Fault> {
    if served == Served::V1 && is_end_of_life(version) {
        return Err(Fault::Validation(format!(
            "version \"{version}\" is end-of-life and cannot be installed; use a supported version"
        )));
    }
    Ok(match version {
        "master" => "v1.32.0-alpha.527f8d6c",
        "v1.31-latest" => "v1.31.0-beta.1",
        "v1.30-latest" => "v1.30.3",
        "v1.29-latest" => "v1.29.6",
        exact => exact,
    })
}

const OLDEST_SUPPORTED_MINOR: u32 = 29;

fn is_end_of_life(version: &str) -> bool {
    version
        .strip_prefix("v1.")
        .and_then(|rest| rest.split(['.', '-']).next()?.parse::<u32>().ok())
        .is_some_and(|minor| minor < OLDEST_SUPPORTED_MINOR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_past_its_end_of_life_is_refused_in_the_operators_words() {
        for version in ["v1.28.10", "v1.28-latest", "v1.21.6"] {
            assert_eq!(
                resolve(version, Served::V1).unwrap_err().to_string(),
                format!(
                    "validation error: version \"{version}\" is end-of-life and cannot be installed; use a supported version"
                )
            );
        }
    }

    #[test]
    fn a_supported_version_is_itself_and_an_alias_is_what_it_stands_for() {
        assert_eq!(resolve("v1.31.0-beta.1", Served::V1), Ok("v1.31.0-beta.1"));
        assert_eq!(resolve("v1.29.0", Served::V1), Ok("v1.29.0"));
        assert_eq!(resolve("v1.31-latest", Served::V1), Ok("v1.31.0-beta.1"));
        assert_eq!(resolve("master", Served::V1), Ok("v1.32.0-alpha.527f8d6c"));
    }

    #[test]
    fn the_old_operator_still_installs_its_old_versions() {
        assert_eq!(resolve("v1.24.1", Served::V1alpha1), Ok("v1.24.1"));
    }
}
