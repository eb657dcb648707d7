//! The parts of a DestinationRule that failover reads and writes. Everything else in a rule stays as it is.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::kube::object_key::ObjectKey;
use crate::model::names::service::DOMAIN;

/// Served since Istio 1.22, which is older than what we join.
pub const API_VERSION: &str = "networking.istio.io/v1";

/// The kind.
pub const KIND: &str = "DestinationRule";

/// A rule that was read.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DestinationRule {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// `spec.host` as istiod takes it: a name without a dot is in the rule's own namespace.
    pub host: String,
    /// `spec.exportTo`; a rule with a workload selector is private, whatever it says.
    pub export_to: BTreeSet<String>,
    /// `spec.workloadSelector.matchLabels`, if the rule has a selector.
    pub selector: Option<BTreeMap<String, String>>,
    /// The whole object.
    pub object: Value,
}

impl DestinationRule {
    /// Reads a rule from an object.
    ///
    /// Rules: `ResolveShortnameToFQDN` (istio/istio pilot/pkg/model/config.go) and `setDestinationRules`
    /// (pilot/pkg/model/push_context.go).
    pub fn read(object: Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let namespace = text(&object["metadata"]["namespace"]);
        let spec = &object["spec"];
        let selector = spec["workloadSelector"].is_object().then(|| {
            let labels = spec["workloadSelector"]["matchLabels"].as_object();
            labels.into_iter().flatten().map(|(key, value)| (key.clone(), text(value))).collect()
        });
        let export_to = match &selector {
            Some(_) => BTreeSet::from([".".to_owned()]),
            None => spec["exportTo"].as_array().into_iter().flatten().map(text).collect(),
        };
        Self {
            name: text(&object["metadata"]["name"]),
            host: full_host(&text(&spec["host"]), &namespace),
            namespace,
            export_to,
            selector,
            object,
        }
    }

    /// Kind, namespace and name.
    pub fn key(&self) -> ObjectKey {
        ObjectKey::new(KIND, &self.namespace, &self.name)
    }

    /// `spec.trafficPolicy`, if there is one.
    pub fn traffic_policy(&self) -> Option<&Value> {
        Some(&self.object["spec"]["trafficPolicy"]).filter(|policy| !policy.is_null())
    }

    /// When it was created (RFC 3339 in UTC, which sorts as text).
    pub fn created(&self) -> &str {
        self.object["metadata"]["creationTimestamp"].as_str().unwrap_or_default()
    }
}

/// The host that a rule's `host` means in a namespace: a name without a dot is completed, any other is taken as is, so
/// `helloworld.sample` means no service.
fn full_host(host: &str, namespace: &str) -> String {
    if host.is_empty() || host == "*" || host.contains(['.', ':']) {
        host.to_owned()
    } else {
        format!("{host}.{namespace}.{DOMAIN}")
    }
}

/// `outlierDetection`. An absent field has Envoy's default or is off.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OutlierDetection {
    /// Consecutive errors after which a host is ejected; 0 switches this off.
    #[serde(rename = "consecutive5xxErrors", skip_serializing_if = "Option::is_none")]
    pub consecutive_5xx_errors: Option<u32>,
    /// The same for 502, 503 and 504 only; off if absent or 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consecutive_gateway_errors: Option<u32>,
    /// Whether failures to connect are counted separately.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub split_external_local_origin_errors: Option<bool>,
    /// After how many of those a host is ejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consecutive_local_origin_failures: Option<u32>,
    /// Go's notation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<String>,
    /// Go's notation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_ejection_time: Option<String>,
    /// Of a hundred hosts; 0 counts as absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_ejection_percent: Option<u32>,
    /// Of a hundred hosts; 0 counts as absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_health_percent: Option<u32>,
    /// Status codes that count as errors, instead of all from 500 up (since 1.32).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub outlier_detection_http_error_codes: Vec<u32>,
}

/// One pair of `localityLbSetting.failover`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FailoverPair {
    /// Region of the client.
    #[serde(default)]
    pub from: String,
    /// Region that takes over.
    #[serde(default)]
    pub to: String,
}

impl std::fmt::Display for FailoverPair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}={}", self.from, self.to)
    }
}

/// A part of a rule as a typed value; unknown fields are left out, and a part that cannot be read counts as absent (the
/// schema of the CustomResourceDefinition rules that out).
pub fn read<T: for<'de> Deserialize<'de> + Default>(value: &Value) -> T {
    T::deserialize(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_name_without_a_dot_lies_in_the_rules_own_namespace() {
        let host = |host: &str| {
            let object = json!({"metadata": {"namespace": "sample", "name": "a"}, "spec": {"host": host}});
            DestinationRule::read(object).host
        };
        assert_eq!(host("helloworld"), "helloworld.sample.svc.cluster.local");
        for whole in ["helloworld.sample", "*.local", "*", "fd00::1", "api.example.com"] {
            assert_eq!(host(whole), whole);
        }
    }

    #[test]
    fn a_rule_with_a_selector_is_private() {
        let object = json!({
            "metadata": {"namespace": "sample", "name": "a"},
            "spec": {"host": "a", "exportTo": ["*"], "workloadSelector": {"matchLabels": {"app": "curl"}}},
        });
        let rule = DestinationRule::read(object);
        assert_eq!(rule.export_to, BTreeSet::from([".".to_owned()]));
        assert_eq!(rule.selector, Some(BTreeMap::from([("app".to_owned(), "curl".to_owned())])));
    }

    #[test]
    fn outlier_detection_is_read_as_the_api_server_gives_it() {
        let read: OutlierDetection = read(&json!({"consecutive5xxErrors": null, "interval": "1s", "new": {"a": 1}}));
        assert_eq!(read, OutlierDetection { interval: Some("1s".into()), ..OutlierDetection::default() });
    }
}
