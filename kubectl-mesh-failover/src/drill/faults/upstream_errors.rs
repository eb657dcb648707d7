//! `--fault upstream-errors`: the servers' proxies answer 503 in place of the application, and the endpoints stay.

use mesh_shared::model::kube::rbac::Access;
use mesh_shared::model::locality::ejection::may_eject;
use mesh_shared::model::names::service::ServiceName;
use mesh_shared::model::seen::observed_traffic::ObservedTraffic;
use mesh_shared::model::seen::services::PodSeen;
use mesh_shared::plugin::finding::Findings;
use mesh_shared::plugin::text::count;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::by_filter;
use super::fault_kind::{BadArgument, FaultEntry, FaultKind, InPlan, Planned, Scene, Weakness};
use crate::drill::changed::{Changed, filter};
use crate::drill::governing_rule::Rule;
use crate::drill::side::Side;
use crate::mesh::permissions::DRILL;

/// Description of this fault.
pub const ENTRY: FaultEntry = FaultEntry {
    word: "upstream-errors",
    usage: "upstream-errors[=PERCENT]",
    help: "PERCENT of their answers become errors, all by default",
    permissions: DRILL,
    hidden: false,
};

/// Answers a percentage of requests with 503.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpstreamErrors {
    /// From 1 to 100.
    pub percent: u8,
}

impl UpstreamErrors {
    /// Parses its argument, the percentage; 100 without one.
    pub fn parse(argument: Option<&str>) -> Result<Self, BadArgument> {
        match argument.map_or(Ok(100), |percent| percent.trim_end_matches('%').parse()) {
            Ok(percent @ 1..=100) => Ok(Self { percent }),
            _ => Err(BadArgument { why: "its percentage is between 1 and 100", write: "upstream-errors=PERCENT" }),
        }
    }
}

impl FaultKind for UpstreamErrors {
    fn entry(&self) -> &'static FaultEntry {
        &ENTRY
    }

    fn written(&self) -> String {
        format!("{}={}", ENTRY.word, self.percent)
    }

    fn title(&self) -> String {
        match self.percent {
            100 => "Errors instead of answers".into(),
            percent => format!("Errors instead of {percent} % of the answers"),
        }
    }

    fn needed(&self, service: &ServiceName) -> Vec<Access> {
        filter::needed(&service.namespace)
    }

    fn pods<'a>(&self, at: &'a ObservedTraffic, service: &ServiceName) -> Result<Vec<&'a PodSeen>, Findings> {
        by_filter::pods(at, service)
    }

    fn changes(&self, scene: &Scene<'_>) -> Result<Vec<Changed>, Findings> {
        let percentage = json!({"numerator": self.percent, "denominator": "HUNDRED"});
        let abort = json!({"http_status": 503, "percentage": percentage});
        Ok(vec![by_filter::before_the_application(scene, &by_filter::http_fault("abort", &abort))])
    }

    fn in_plan(&self, planned: &Planned<'_>) -> InPlan {
        let will = format!(
            "have the proxies of {} answer 503 to {} % of requests, of all its clients",
            planned.service, self.percent
        );
        InPlan { applies_to: Some(by_filter::applies_to(planned)), notes: Vec::new(), will }
    }

    fn ejects(&self) -> bool {
        true
    }

    fn weakness(&self, rule: &Rule, failed: &Side) -> Option<Weakness> {
        let name = rule.short_name();
        let (hosts, most) = (count(rule.hosts, "host"), rule.max_ejection_percent);
        let can = may_eject(rule.hosts, most);
        let (why, remedy) = if rule.consecutive_5xx == 0 {
            (format!("rule {name} never ejects for errors of the service (consecutive5xxErrors 0)"), None)
        } else if can == 0 {
            let default = if most == 10 { ", default" } else { "" };
            (
                format!(
                    "rule {name} ejects at most {most} % of {hosts}, which is less than one (maxEjectionPercent{default})"
                ),
                None,
            )
        } else if can < failed.endpoints {
            let why = format!(
                "rule {name} ejects at most {can} of {hosts}, and {} has {} that fail (maxEjectionPercent {most})",
                failed.region, failed.endpoints
            );
            (why, None)
        } else if self.percent < 100 && rule.consecutive_5xx > 1 {
            let why = format!(
                "rule {name} ejects after {} errors in a row, but only {} % of the answers are errors",
                rule.consecutive_5xx, self.percent
            );
            (why, Some("eject after fewer (consecutive5xxErrors), or drill with more errors"))
        } else {
            return None;
        };
        Some(Weakness { why, remedy })
    }
}
