//! istiod's mesh configuration, as far as it matters to traffic.

use serde_json::Value;

use futures::try_join;

use super::control_plane::{governing, istiods, version};
use super::{array, text};
use crate::cluster::context::Cluster;
use crate::cluster::read::one;
use crate::model::seen::mesh_config::MeshConfig;
use crate::plugin::error::{Error, Result};

/// The istiods, and the ConfigMap `istio` or `istio-<revision>` of the one that governs.
pub(super) async fn ask(cluster: &Cluster, namespace: &str) -> Result<(Vec<Value>, Option<Value>)> {
    let (istiods, config) = try_join!(istiods(cluster, namespace), one(cluster, "ConfigMap", namespace, "istio"))?;
    let revision = governing(&istiods).map(|istiod| text(&istiod["metadata"]["labels"]["istio.io/rev"]));
    let of_revision = match revision.as_deref() {
        None | Some("" | "default") => None,
        Some(revision) => one(cluster, "ConfigMap", namespace, &format!("istio-{revision}")).await?,
    };
    Ok((istiods, of_revision.or(config)))
}

/// What the ConfigMap's key `mesh` says, with Istio's defaults; the version is that of the istiod.
///
/// # Errors
/// If the text is not YAML.
pub(super) fn read(config_map: Option<&Value>, istiod: Option<&Value>, namespace: &str) -> Result<MeshConfig> {
    let yaml = config_map.and_then(|map| map["data"]["mesh"].as_str()).unwrap_or("{}");
    let mesh: Value = serde_yaml::from_str(yaml).map_err(|error| {
        Error::refused("the mesh configuration cannot be read")
            .at(format!("ConfigMap istio in {namespace}, key mesh"))
            .because(error.to_string())
            .fix("correct what the control plane was given as its mesh configuration (meshConfig)")
    })?;
    let set = |value: &Value| (!value.is_null()).then(|| value.clone());
    let settings = array(&mesh["serviceSettings"]).iter();
    Ok(MeshConfig {
        root_namespace: mesh["rootNamespace"].as_str().filter(|text| !text.is_empty()).unwrap_or(namespace).to_owned(),
        version: istiod.and_then(version),
        default_outlier_detection: set(&mesh["defaultTrafficPolicy"]["outlierDetection"]),
        locality: set(&mesh["localityLbSetting"]),
        private_rules: array(&mesh["defaultDestinationRuleExportTo"]).iter().any(|namespace| namespace == "."),
        cluster_local: settings
            .filter(|settings| settings["settings"]["clusterLocal"] == true)
            .flat_map(|settings| array(&settings["hosts"]))
            .filter_map(|host| host.as_str().map(str::to_owned))
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read_yaml(yaml: &str) -> MeshConfig {
        read(Some(&json!({"data": {"mesh": yaml}})), None, "istio-system").unwrap()
    }

    #[test]
    fn what_is_not_said_has_istios_default() {
        let config = read(None, None, "istio-system").unwrap();
        assert_eq!((config.root_namespace.as_str(), config.locality), ("istio-system", None));
        assert_eq!(read_yaml("").root_namespace, "istio-system");
    }

    #[test]
    fn what_matters_to_traffic_is_read() {
        let config = read_yaml(
            "rootNamespace: mesh-root\nlocalityLbSetting: {enabled: false}\ndefaultTrafficPolicy:\n  outlierDetection: {consecutive5xxErrors: 2}\nserviceSettings:\n- settings: {clusterLocal: true}\n  hosts: ['*.home.svc.cluster.local']\n- settings: {clusterLocal: false}\n  hosts: [a]\n",
        );
        assert_eq!(config.root_namespace, "mesh-root");
        assert_eq!(config.locality, Some(json!({"enabled": false})));
        assert_eq!(config.default_outlier_detection, Some(json!({"consecutive5xxErrors": 2})));
        assert_eq!(config.cluster_local, ["*.home.svc.cluster.local"]);
    }

    #[test]
    fn a_configuration_that_is_no_yaml_is_refused() {
        assert!(read(Some(&json!({"data": {"mesh": "a: [\n"}})), None, "istio-system").is_err());
    }
}
