//! Which Sail operator is installed, and which versions of Istio it offers.

use serde_json::Value;

use crate::model::seen::control_plane::SailApi;

/// The version whose resource list holds `istios`, the newer one first. The group's own list of versions does not help:
/// it has `v1alpha1` for ZTunnel alone.
pub(super) fn served(v1: Option<&Value>, v1alpha1: Option<&Value>) -> Option<String> {
    let holds = |list: Option<&Value>| {
        list.and_then(|list| list["resources"].as_array())
            .is_some_and(|found| found.iter().any(|item| item["name"] == "istios"))
    };
    if holds(v1) { Some("v1".into()) } else { holds(v1alpha1).then(|| "v1alpha1".into()) }
}

/// The operator's API, with what its CRD says about `spec.version` if that may be read.
pub(super) fn api(version: &str, crd: Option<&Value>) -> SailApi {
    let schema = crd.and_then(|crd| version_schema(crd, version));
    let offered = schema.and_then(|schema| schema["enum"].as_array());
    SailApi {
        version: version.to_owned(),
        istio_versions: offered
            .map(|names| names.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect())
            .unwrap_or_default(),
        default_version: schema.and_then(|schema| schema["default"].as_str().map(str::to_owned)),
    }
}

fn version_schema<'a>(crd: &'a Value, version: &str) -> Option<&'a Value> {
    let versions = crd["spec"]["versions"].as_array()?;
    let served = versions.iter().find(|candidate| candidate["name"] == version)?;
    Some(&served["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["version"])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn resources(names: &[&str]) -> Value {
        json!({"resources": names.iter().map(|name| json!({"name": name})).collect::<Vec<_>>()})
    }

    #[test]
    fn a_version_that_only_has_ztunnel_is_not_the_one_of_istio() {
        let (full, ztunnel) = (resources(&["istios", "istiocnis"]), resources(&["ztunnels"]));
        assert_eq!(served(Some(&full), Some(&ztunnel)).as_deref(), Some("v1"));
        assert_eq!(served(Some(&ztunnel), Some(&full)).as_deref(), Some("v1alpha1"));
        assert_eq!(served(Some(&ztunnel), None), None);
        assert_eq!(served(None, None), None);
    }

    #[test]
    fn the_crd_tells_versions_and_default_in_its_own_order() {
        let version =
            json!({"type": "string", "enum": ["v1.31.0-beta.1", "v1.30.3", "v1.29.5"], "default": "v1.31.0-beta.1"});
        let schema = json!({"openAPIV3Schema": {"properties": {"spec": {"properties": {"version": version}}}}});
        let crd = json!({"spec": {"versions": [{"name": "v1", "schema": schema}]}});
        let api = api("v1", Some(&crd));
        assert_eq!(api.istio_versions, ["v1.31.0-beta.1", "v1.30.3", "v1.29.5"]);
        assert_eq!(api.default_version.as_deref(), Some("v1.31.0-beta.1"));
    }

    #[test]
    fn a_crd_that_may_not_be_read_is_no_failure() {
        assert_eq!(api("v1", None), SailApi { version: "v1".into(), istio_versions: vec![], default_version: None });
    }
}
