//! What versions of istiod lose when a remote secret is renewed.

/// Something that istiod loses when the credential of a peer changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loss {
    /// What happens, after "istiod".
    pub what: &'static str,
    /// The issue of istio/istio.
    pub issue: u32,
}

const IGNORED: Loss = Loss { what: "ignores the new credential until it is restarted", issue: 60612 };
const GATEWAY: Loss = Loss { what: "forgets the peer's gateway", issue: 60920 };
const ENDPOINTS: Loss = Loss { what: "loses the peer's endpoints for good", issue: 61043 };
const DEADLOCK: Loss = Loss { what: "may hang for good", issue: 59875 };

/// What an istiod of this version loses, such as `v1.30.2`, `1.30.4-distroless` or `v1.30-latest`, of which no patch is
/// known. A version that cannot be read loses nothing that is known.
///
/// Rules: release notes 60612, 60920 and 61043 of istio/istio. Which patch of 1.29 fixes 59875 is not known here, so all
/// of 1.29 count.
pub fn losses(version: &str) -> Vec<Loss> {
    let numbers = version.trim_start_matches('v').split('-').next().unwrap_or_default();
    let mut parts = numbers.split('.').map(|part| part.parse::<u32>().ok());
    match (parts.next().flatten(), parts.next().flatten(), parts.next().flatten()) {
        (Some(1), Some(29), _) => vec![DEADLOCK],
        (Some(1), Some(30), patch) => {
            let patch_within = |from: u32, to: u32| patch.is_none_or(|patch| (from..to).contains(&patch));
            [(IGNORED, 0, 3), (GATEWAY, 0, 4), (ENDPOINTS, 1, 4)]
                .into_iter()
                .filter(|(_, from, to)| patch_within(*from, *to))
                .map(|(loss, _, _)| loss)
                .collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_versions_with_the_faults_lose_something() {
        let issues = |version: &str| losses(version).iter().map(|loss| loss.issue).collect::<Vec<_>>();
        assert_eq!(issues("v1.30.0"), [60612, 60920]);
        assert_eq!(issues("1.30.2-distroless"), [60612, 60920, 61043]);
        assert_eq!(issues("v1.30.3"), [60920, 61043]);
        assert_eq!(issues("v1.30-latest"), [60612, 60920, 61043]);
        assert_eq!(issues("v1.29.1"), [59875]);
        for version in ["v1.30.4", "v1.31.0-beta.1", "v1.28.3", "", "latest"] {
            assert!(issues(version).is_empty(), "{version}");
        }
    }
}
