//! Helm values: profile below the user's own, overrides above them. What only the lab needs are defaults of the charts.

use mesh_shared::model::istio::values::merge;
use serde_json::{Value, json};

use crate::fault::Fault;

/// The revision whose name Istio writes as the empty string.
pub(crate) const DEFAULT_REVISION: &str = "default";

/// The values that a revision is given: those of its Istio over its profile's, under what the operator decides.
///
/// # Errors
/// A profile that is in the CRD's enum but not among the operator's files, such as `external`.
///
/// Rule: sail-operator pkg/revision/values.go and pkg/istiovalues/{profiles,overrides}.go.
pub(crate) fn of_revision(
    user: &Value,
    version: &str,
    profile: &str,
    revision: &str,
    namespace: &str,
) -> Result<Value, Fault> {
    let mut values = with_profile(user, version, profile)?;
    let revision = if revision == DEFAULT_REVISION { "" } else { revision };
    merge(&mut values, json!({ "revision": revision, "global": { "istioNamespace": namespace } }));
    if let Some(values) = values.as_object_mut() {
        values.remove("defaultRevision");
    }
    Ok(values)
}

/// The user's values over those of the profile; `default` is below every other profile.
pub(crate) fn with_profile(user: &Value, version: &str, profile: &str) -> Result<Value, Fault> {
    let mut values = json!({ "global": { "configValidation": true } });
    match profile {
        "" | "default" | "empty" => {}
        "ambient" | "demo" | "preview" | "remote" | "stable" => merge(&mut values, json!({ "profile": profile })),
        "openshift" => merge(&mut values, json!({ "global": { "platform": "openshift" } })),
        "openshift-ambient" => {
            merge(&mut values, json!({ "profile": "ambient", "global": { "platform": "openshift" } }));
        }
        other => {
            let file = format!("{version}/profiles/{other}.yaml");
            return Err(Fault::Failed(format!(
                "failed to apply profile: failed to get values from profile [\"default\" \"{other}\"]: failed to read \
                 profile file {file}: open {file}: file does not exist"
            )));
        }
    }
    merge(&mut values, user.clone());
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(user: &Value, profile: &str, revision: &str) -> Value {
        of_revision(user, "v1.31.0-beta.1", profile, revision, "mesh").unwrap()
    }

    #[test]
    fn the_operator_decides_namespace_and_revision_whatever_the_user_says() {
        let user =
            json!({ "revision": "mine", "defaultRevision": "mine", "global": { "istioNamespace": "elsewhere" } });
        let expected = json!({ "global": { "configValidation": true, "istioNamespace": "mesh" }, "revision": "" });
        assert_eq!(of(&user, "", "default"), expected);
        assert_eq!(of(&json!({}), "", "default-v1-31-0")["revision"], "default-v1-31-0");
    }

    #[test]
    fn the_users_values_win_over_the_profile() {
        let user = json!({ "global": { "platform": "k3d" } });
        assert_eq!(of(&user, "openshift", "default")["global"]["platform"], "k3d");
        assert_eq!(of(&json!({}), "openshift-ambient", "default")["profile"], "ambient");
    }

    #[test]
    fn a_profile_that_has_no_file_is_a_fault() {
        let fault = with_profile(&json!({}), "v1.31.0-beta.1", "external").unwrap_err();
        assert!(fault.to_string().contains("v1.31.0-beta.1/profiles/external.yaml: file does not exist"));
    }
}
