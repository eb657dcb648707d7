//! What the rest of a drill asks of a fault.

use std::collections::BTreeMap;
use std::time::Duration;

use mesh_shared::model::kube::rbac::{Access, RoleFile};
use mesh_shared::model::names::service::ServiceName;
use mesh_shared::model::seen::observed_traffic::ObservedTraffic;
use mesh_shared::model::seen::services::PodSeen;
use mesh_shared::model::seen::workload::{Owners, Workload};
use mesh_shared::plugin::finding::Findings;

use crate::drill::changed::Changed;
use crate::drill::governing_rule::Rule;
use crate::drill::side::Side;

/// What is said of a fault whatever its argument is.
#[derive(Debug)]
pub struct FaultEntry {
    /// Its word, which is its `kind` in records and JSON as well.
    pub word: &'static str,
    /// With its argument, such as `upstream-errors[=PERCENT]`.
    pub usage: &'static str,
    /// What is done, such as `their workloads are scaled to zero`.
    pub help: &'static str,
    /// The file of docs/permissions that grants it.
    pub permissions: RoleFile,
    /// Whether help, completion and errors leave it out.
    pub hidden: bool,
}

/// Why the argument of a fault cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub struct BadArgument {
    /// Such as `its percentage is between 1 and 100`.
    pub why: &'static str,
    /// How it is written.
    pub write: &'static str,
}

/// What is special of one fault. Its file also has `ENTRY`, and `parse`, which reads its argument.
pub trait FaultKind {
    /// The same for all faults of this kind.
    fn entry(&self) -> &'static FaultEntry;

    /// As it is written on the command line, with its argument.
    fn written(&self) -> String;

    /// What is done, at the head of a report, such as `Scaled to zero`.
    fn title(&self) -> String;

    /// What its user must be allowed to do in the service's namespace of the failed cluster, as far as it does not depend on the
    /// workloads. What each change needs is asked for when the changes are known.
    fn needed(&self, _service: &ServiceName) -> Vec<Access> {
        Vec::new()
    }

    /// The pods that it fails.
    ///
    /// # Errors
    /// Everything because of which it would fail others too, or none.
    fn pods<'a>(&self, at: &'a ObservedTraffic, service: &ServiceName) -> Result<Vec<&'a PodSeen>, Findings>;

    /// What it changes, to be recorded before it is.
    ///
    /// # Errors
    /// Everything because of which it cannot be made here, or could not be put back.
    fn changes(&self, scene: &Scene<'_>) -> Result<Vec<Changed>, Findings>;

    /// What the plan says of it before the question.
    fn in_plan(&self, planned: &Planned<'_>) -> InPlan;

    /// How long after its end traffic can take to come back as it was, where it `lasts` so long.
    fn back_within(&self, rule: &Rule, lasts: Duration) -> Duration {
        rule.longest_ejection(lasts)
    }

    /// Whether the endpoints stay and fail, so that outlier detection has something to eject.
    fn ejects(&self) -> bool;

    /// Why a rule that has outlier detection does not fail over under it.
    fn weakness(&self, _rule: &Rule, _failed: &Side) -> Option<Weakness> {
        None
    }

    /// What a reader of the report must know of it.
    fn note(&self) -> Option<&'static str> {
        None
    }
}

/// Where a fault is to be made.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'a> {
    /// The service.
    pub service: &'a ServiceName,
    /// Labels by which it selects its pods.
    pub selector: &'a BTreeMap<String, String>,
    /// The port that the pods listen on.
    pub port: u16,
    /// What stands behind them.
    pub owners: &'a Owners,
    /// Whether workloads are scaled although somebody else keeps their replicas.
    pub allow_owner: bool,
}

/// A fault that may be made.
#[derive(Debug, Clone, Copy)]
pub struct Planned<'a> {
    /// The service.
    pub service: &'a ServiceName,
    /// Workloads behind it.
    pub workloads: &'a [Workload],
    /// Names of the pods that are failed.
    pub pods: &'a [String],
    /// Other services that these pods serve.
    pub also: &'a [ServiceName],
}

/// What the plan says of a fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InPlan {
    /// To which pods it applies, where that is not plain.
    pub applies_to: Option<String>,
    /// What else is to be known.
    pub notes: Vec<String>,
    /// What will be done, such as `scale helloworld-v1 to 0 and back to 1`.
    pub will: String,
}

/// Why a rule does not fail over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Weakness {
    /// A sentence without its end.
    pub why: String,
    /// What to do; none where it is to write the rule that `locality apply` writes.
    pub remedy: Option<&'static str>,
}
