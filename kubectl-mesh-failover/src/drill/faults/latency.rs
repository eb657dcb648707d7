//! `--fault latency`, a fault for the tests of [`super`] alone: the servers' proxies answer late, and the endpoints
//! stay.

use mesh_shared::model::kube::rbac::{Access, RoleFile};
use mesh_shared::model::names::service::ServiceName;
use mesh_shared::model::seen::observed_traffic::ObservedTraffic;
use mesh_shared::model::seen::services::PodSeen;
use mesh_shared::plugin::finding::Findings;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::by_filter;
use super::fault_kind::{BadArgument, FaultEntry, FaultKind, InPlan, Planned, Scene, Weakness};
use crate::drill::changed::{Changed, filter};
use crate::drill::governing_rule::Rule;
use crate::drill::side::Side;

/// Description of this fault.
pub const ENTRY: FaultEntry = FaultEntry {
    word: "latency",
    usage: "latency=MILLISECONDS",
    help: "their answers come late",
    permissions: RoleFile("mesh-failover-drill-latency.yaml"),
    hidden: true,
};

/// Delays every request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latency {
    /// Milliseconds.
    pub delay: u32,
}

impl Latency {
    /// Its argument is the delay.
    pub fn parse(argument: Option<&str>) -> Result<Self, BadArgument> {
        match argument.map(str::parse) {
            Some(Ok(delay)) => Ok(Self { delay }),
            _ => Err(BadArgument { why: "its delay is a number of milliseconds", write: ENTRY.usage }),
        }
    }
}

impl FaultKind for Latency {
    fn entry(&self) -> &'static FaultEntry {
        &ENTRY
    }

    fn written(&self) -> String {
        format!("{}={}", ENTRY.word, self.delay)
    }

    fn title(&self) -> String {
        format!("Answers {} ms late", self.delay)
    }

    fn needed(&self, service: &ServiceName) -> Vec<Access> {
        filter::needed(&service.namespace)
    }

    fn pods<'a>(&self, at: &'a ObservedTraffic, service: &ServiceName) -> Result<Vec<&'a PodSeen>, Findings> {
        by_filter::pods(at, service)
    }

    fn changes(&self, scene: &Scene<'_>) -> Result<Vec<Changed>, Findings> {
        let percentage = json!({"numerator": 100, "denominator": "HUNDRED"});
        let delay = json!({"fixed_delay": format!("{}ms", self.delay), "percentage": percentage});
        Ok(vec![by_filter::before_the_application(scene, &by_filter::http_fault("delay", &delay))])
    }

    fn in_plan(&self, planned: &Planned<'_>) -> InPlan {
        InPlan {
            applies_to: Some(by_filter::applies_to(planned)),
            notes: vec!["clients with a shorter timeout fail.".into()],
            will: format!("have the proxies of {} wait {} ms", planned.service, self.delay),
        }
    }

    fn ejects(&self) -> bool {
        true
    }

    fn weakness(&self, rule: &Rule, _failed: &Side) -> Option<Weakness> {
        let why = format!("rule {} ejects for errors, and a late answer is not one", rule.short_name());
        Some(Weakness { why, remedy: Some("give its route a timeout, by which a late answer becomes an error") })
    }

    fn note(&self) -> Option<&'static str> {
        Some("a delay shows a failover only if a timeout turns it into an error")
    }
}
