//! What a fault has to provide.

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

/// Description of a fault, independent of its argument.
#[derive(Debug)]
pub struct FaultEntry {
    /// Its word, which is also its `kind` in records and JSON.
    pub word: &'static str,
    /// With its argument, such as `upstream-errors[=PERCENT]`.
    pub usage: &'static str,
    /// What it does, such as `their workloads are scaled to zero`.
    pub help: &'static str,
    /// The file of docs/permissions that grants it.
    pub permissions: RoleFile,
    /// Whether help, completion and errors omit it.
    pub hidden: bool,
}

/// Why the argument of a fault cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub struct BadArgument {
    /// Such as `its percentage is between 1 and 100`.
    pub why: &'static str,
    /// The correct form.
    pub write: &'static str,
}

/// What is special about a fault. Its file also has `ENTRY`, and `parse`, which parses its argument.
pub trait FaultKind {
    /// The description, which is the same for all faults of this kind.
    fn entry(&self) -> &'static FaultEntry;

    /// As it is written on the command line, with its argument.
    fn written(&self) -> String;

    /// Title at the head of a report, such as `Scaled to zero`.
    fn title(&self) -> String;

    /// Permissions needed in the service's namespace of the failed cluster, as far as they do not depend on the
    /// workloads. Those of each change are checked when the changes are known.
    fn needed(&self, _service: &ServiceName) -> Vec<Access> {
        Vec::new()
    }

    /// The pods that the fault hits.
    ///
    /// # Errors
    /// Every reason why it would hit others too, or none.
    fn pods<'a>(&self, at: &'a ObservedTraffic, service: &ServiceName) -> Result<Vec<&'a PodSeen>, Findings>;

    /// The changes it makes, to be recorded first.
    ///
    /// # Errors
    /// Every reason why it cannot be injected here, or could not be put back.
    fn changes(&self, scene: &Scene<'_>) -> Result<Vec<Changed>, Findings>;

    /// What the plan says about it before the user is asked.
    fn in_plan(&self, planned: &Planned<'_>) -> InPlan;

    /// How long traffic can take to come back after a fault that `lasts` this long.
    fn back_within(&self, rule: &Rule, lasts: Duration) -> Duration {
        rule.longest_ejection(lasts)
    }

    /// Whether the endpoints stay but fail, so that outlier detection has something to eject.
    fn ejects(&self) -> bool;

    /// Why a rule that has outlier detection does not fail over under it.
    fn weakness(&self, _rule: &Rule, _failed: &Side) -> Option<Weakness> {
        None
    }

    /// What a reader of the report must know about it.
    fn note(&self) -> Option<&'static str> {
        None
    }
}

/// Where a fault is to be injected.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'a> {
    pub service: &'a ServiceName,
    /// Labels by which it selects its pods.
    pub selector: &'a BTreeMap<String, String>,
    /// The port that the pods listen on.
    pub port: u16,
    /// The workloads behind them.
    pub owners: &'a Owners,
    /// Whether to scale workloads although someone else manages their replicas.
    pub allow_owner: bool,
}

/// A fault that may be injected.
#[derive(Debug, Clone, Copy)]
pub struct Planned<'a> {
    pub service: &'a ServiceName,
    /// Workloads behind it.
    pub workloads: &'a [Workload],
    /// Names of the pods that are failed.
    pub pods: &'a [String],
    /// Other services that these pods serve.
    pub also: &'a [ServiceName],
}

/// What the plan says about a fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InPlan {
    /// Which pods it applies to, if that is not obvious.
    pub applies_to: Option<String>,
    /// What else the user should know.
    pub notes: Vec<String>,
    /// What will be done, such as `scale helloworld-v1 to 0 and back to 1`.
    pub will: String,
}

/// Why a rule does not fail over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Weakness {
    /// A sentence without a full stop.
    pub why: String,
    /// What to do; none if it is to write the rule that `locality apply` writes.
    pub remedy: Option<&'static str>,
}
