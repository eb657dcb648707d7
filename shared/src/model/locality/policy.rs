//! What a governing rule says about one port: its outlier detection, and how its traffic chooses a region.
//!
//! Rules: `GetPortLevelTrafficPolicy` and `MergeSubsetTrafficPolicy` (istio/istio pilot/pkg/networking/util/util.go),
//! `applyDefaultTrafficPolicy` (pilot/pkg/networking/core/cluster_traffic_policy.go), `GetEffectiveLbSetting`
//! (pilot/pkg/networking/core/loadbalancer/loadbalancer.go), `getOutlierDetectionAndLoadBalancerSettings`
//! (pilot/pkg/xds/endpoints/endpoint_builder.go).

use serde::Serialize;
use serde_json::Value;

use super::ejection::Detection;
use super::failover_region::second;
use super::governing::Consolidated;
use crate::model::istio::destination_rule::{FailoverPair, read};
use crate::model::seen::mesh_config::MeshConfig;

/// Where a setting comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// The governing DestinationRule.
    Rule,
    /// The Service, by `trafficDistribution`.
    Service,
    /// The mesh configuration.
    Mesh,
}

/// How traffic chooses a region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "by", rename_all = "kebab-case")]
pub enum Steering {
    /// Nothing: all regions get their share of endpoints.
    Nothing,
    /// The client's region first, then the pairs, then all others.
    Locality {
        /// In the order in which they count.
        pairs: Vec<FailoverPair>,
        /// `failoverPriority`: labels by which endpoints are ranked before regions are.
        labels: Vec<String>,
        /// Who says so.
        level: Level,
    },
    /// Fixed shares (`distribute`): no failover.
    Distribute {
        /// Who says so.
        level: Level,
    },
    /// `zoneAwareLbSetting`: the client's region first, then the pairs, whatever outlier detection there is.
    ZoneAware {
        /// In the order in which they count.
        pairs: Vec<FailoverPair>,
        /// Who says so.
        level: Level,
    },
    /// `trafficDistribution` of the Service: the client's network, region and zone first, with any outlier detection or
    /// none.
    Distribution {
        /// Its value.
        value: String,
    },
    /// `simple: PASSTHROUGH`: Envoy goes to the address that the client asked for.
    Passthrough,
}

/// What Envoy is configured with for one port of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Effective {
    /// Outlier detection, if any.
    pub detection: Option<Detection>,
    /// Who says so.
    pub detection_level: Option<Level>,
    /// How traffic chooses a region.
    pub steering: Steering,
    /// Whether the port has settings of its own, which inherit nothing.
    pub port_settings: bool,
    /// Whether endpoints get priorities by region at all: the nearest are used first, others when those fail.
    pub prioritised: bool,
}

impl Effective {
    /// The region that clients of a region are sent to next, if one is named.
    pub fn next_region(&self, region: &str) -> Option<&str> {
        match &self.steering {
            Steering::Locality { pairs, .. } | Steering::ZoneAware { pairs, .. } if self.prioritised => {
                second(pairs, region)
            }
            _ => None,
        }
    }
}

/// Settings outside the rule.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings<'a> {
    /// Of the client's cluster.
    pub mesh: &'a MeshConfig,
    /// `spec.trafficDistribution` of the Service in the client's cluster.
    pub traffic_distribution: Option<&'a str>,
}

/// What Envoy is configured with for a port of a service, governed by this rule or by none.
///
/// Endpoints get priorities by region only if the rule itself has outlier detection: the mesh-wide default ejects
/// hosts, but does not count when priorities are assigned.
pub fn effective(rule: Option<&Consolidated<'_>>, port: u16, beside: Surroundings<'_>) -> Effective {
    let whole = rule.and_then(Consolidated::traffic_policy);
    let policy = whole.map(|policy| of_port(policy, port));
    let port_settings = policy != whole;
    let block = |name: &str| policy.map(|policy| &policy[name]).filter(|block| !block.is_null());
    let own = block("outlierDetection");
    let (detection, detection_level) = match (own, &beside.mesh.default_outlier_detection) {
        (Some(own), _) => (Some(own), Some(Level::Rule)),
        (None, Some(default)) => (Some(default), Some(Level::Mesh)),
        (None, None) => (None, None),
    };
    let steering = steering(block("loadBalancer"), beside);
    let prioritised = match &steering {
        Steering::Locality { .. } => own.is_some(),
        Steering::ZoneAware { .. } | Steering::Distribution { .. } => true,
        Steering::Nothing | Steering::Distribute { .. } | Steering::Passthrough => false,
    };
    let detection = detection.map(|block| Detection::of(&read(block)));
    Effective { detection, detection_level, steering, port_settings, prioritised }
}

/// The policy of a port: its own settings, which inherit nothing, if the rule has them; else the rule's.
pub fn of_port(policy: &Value, port: u16) -> &Value {
    let own = policy["portLevelSettings"].as_array().into_iter().flatten();
    own.into_iter().find(|settings| settings["port"]["number"] == port).unwrap_or(policy)
}

fn steering(balancer: Option<&Value>, beside: Surroundings<'_>) -> Steering {
    if balancer.is_some_and(|balancer| balancer["simple"] == "PASSTHROUGH") {
        return Steering::Passthrough;
    }
    let of_rule = |name: &str| balancer.map(|balancer| &balancer[name]).filter(|setting| !setting.is_null());
    if let Some(setting) = of_rule("zoneAwareLbSetting") {
        return zone_aware(setting, Level::Rule);
    }
    if let Some(setting) = of_rule("localityLbSetting") {
        return locality(setting, Level::Rule);
    }
    if let Some(value) = beside.traffic_distribution {
        return Steering::Distribution { value: value.to_owned() };
    }
    match &beside.mesh.locality {
        Some(setting) => locality(setting, Level::Mesh),
        // The mesh configuration has it by default (pkg/config/mesh/mesh.go: LocalityLbSetting enabled).
        None => Steering::Locality { pairs: Vec::new(), labels: Vec::new(), level: Level::Mesh },
    }
}

fn zone_aware(setting: &Value, level: Level) -> Steering {
    if setting["enabled"] == false {
        return Steering::Nothing;
    }
    Steering::ZoneAware { pairs: read(&setting["failover"]), level }
}

fn locality(setting: &Value, level: Level) -> Steering {
    if setting["enabled"] == false {
        return Steering::Nothing;
    }
    if setting["distribute"].as_array().is_some_and(|shares| !shares.is_empty()) {
        return Steering::Distribute { level };
    }
    Steering::Locality { pairs: read(&setting["failover"]), labels: read(&setting["failoverPriority"]), level }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::istio::destination_rule::DestinationRule;
    use crate::model::locality::governing::RuleIndex;
    use crate::model::locality::test_world::mesh_config;

    fn mesh(default_outlier_detection: Option<Value>) -> MeshConfig {
        MeshConfig { default_outlier_detection, ..mesh_config() }
    }

    fn of(policy: Option<Value>, mesh: &MeshConfig, traffic_distribution: Option<&str>) -> Effective {
        let rules: Vec<DestinationRule> = policy
            .into_iter()
            .map(|policy| {
                DestinationRule::read(json!({
                    "metadata": {"namespace": "sample", "name": "a"},
                    "spec": {"host": "a", "trafficPolicy": policy},
                }))
            })
            .collect();
        let index = RuleIndex::new(&rules, mesh);
        let governed = index.governing("sample", "sample", "a.sample.svc.cluster.local");
        effective(governed.all.as_ref(), 80, Surroundings { mesh, traffic_distribution })
    }

    fn pair() -> Value {
        json!({"localityLbSetting": {"enabled": true, "failover": [{"from": "east", "to": "west"}]}})
    }

    #[test]
    fn a_rule_with_both_sends_its_clients_to_the_named_region() {
        let effective = of(Some(json!({"outlierDetection": {}, "loadBalancer": pair()})), &mesh(None), None);
        assert!(effective.prioritised);
        assert_eq!(effective.next_region("east"), Some("west"));
        assert_eq!(effective.next_region("west"), None);
    }

    #[test]
    fn without_outlier_detection_of_its_own_a_rule_gives_no_priorities() {
        let alone = of(Some(json!({"loadBalancer": pair()})), &mesh(None), None);
        assert!(!alone.prioritised && alone.detection.is_none());
        assert_eq!(alone.next_region("east"), None);
        let by_mesh = of(Some(json!({"loadBalancer": pair()})), &mesh(Some(json!({"maxEjectionPercent": 50}))), None);
        assert_eq!(by_mesh.detection_level, Some(Level::Mesh));
        assert_eq!(by_mesh.detection.as_ref().map(|detection| detection.max_ejection_percent), Some(50));
        assert!(!by_mesh.prioritised);
    }

    #[test]
    fn a_ports_own_settings_inherit_nothing() {
        let policy = json!({
            "outlierDetection": {"maxEjectionPercent": 99},
            "loadBalancer": pair(),
            "portLevelSettings": [{"port": {"number": 80}, "tls": {"mode": "ISTIO_MUTUAL"}}],
        });
        let effective = of(Some(policy), &mesh(None), None);
        assert_eq!((&effective.detection, effective.port_settings), (&None, true));
        assert_eq!(
            effective.steering,
            Steering::Locality { pairs: Vec::new(), labels: Vec::new(), level: Level::Mesh }
        );
    }

    #[test]
    fn a_rule_comes_before_the_service_and_that_before_the_mesh() {
        assert_eq!(
            of(Some(json!({"loadBalancer": pair()})), &mesh(None), Some("PreferClose")).next_region("east"),
            None
        );
        let by_service = of(Some(json!({"tls": {}})), &mesh(None), Some("PreferClose"));
        assert_eq!(by_service.steering, Steering::Distribution { value: "PreferClose".into() });
        assert!(by_service.prioritised);
        let zones = json!({"zoneAwareLbSetting": {"failover": [{"from": "east", "to": "west"}]}});
        assert_eq!(of(Some(json!({"loadBalancer": zones})), &mesh(None), None).next_region("east"), Some("west"));
    }

    #[test]
    fn what_is_switched_off_or_shared_out_never_fails_over() {
        for (setting, steering) in [
            (json!({"localityLbSetting": {"enabled": false}}), Steering::Nothing),
            (
                json!({"localityLbSetting": {"distribute": [{"from": "east/*", "to": {"east/*": 100}}]}}),
                Steering::Distribute { level: Level::Rule },
            ),
            (json!({"simple": "PASSTHROUGH"}), Steering::Passthrough),
        ] {
            let effective = of(Some(json!({"outlierDetection": {}, "loadBalancer": setting})), &mesh(None), None);
            assert_eq!((&effective.steering, effective.prioritised), (&steering, false));
        }
    }
}
