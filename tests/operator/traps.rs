//! What misleads a client of the real operator, shown on purpose and every time: see the stand-in's `--traps`.
//!
//! Recorded of the real operator: in seven of nine installs an error that passes by itself, and after every change
//! about a second in which everything claims to be Ready although nothing has been touched.

use std::time::Duration;

use clap::ValueEnum;

use crate::fault::Fault;

/// Whether the traps are set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Traps {
    On,
    Off,
}

impl Traps {
    pub(crate) fn are_set(self) -> bool {
        self == Self::On
    }
}

/// Between two passing statuses of a new Istio.
pub(crate) const PASSING: Duration = Duration::from_millis(25);
/// From the start of Helm to its passing error.
pub(crate) const HELM_RACE: Duration = Duration::from_millis(250);
/// How long a revision waits after a change before it starts Helm: with Helm's own time 0.8 to 1.3 s of false Ready.
pub(crate) const BEFORE_HELM: Duration = Duration::from_millis(300);
/// How long IstioCNI looks away after a change that left its old DaemonSet Ready.
pub(crate) const CNI_LOOKS_AWAY: Duration = Duration::from_millis(850);

/// The operator reads its own revision from a cache that lags behind its own writes.
pub(crate) fn write_conflict(revision: &str) -> Fault {
    Fault::Failed(format!(
        "failed to update IstioRevision \"{revision}\": Operation cannot be fulfilled on \
         istiorevisions.sailoperator.io \"{revision}\": the object has been modified; please apply your changes to the \
         latest version and try again"
    ))
}

/// Helm asks for a ConfigMap in the wrong API group while its mapping is being filled; no permission is missing.
pub(crate) fn helm_mapping_race(namespace: &str) -> Fault {
    Fault::Failed(format!(
        "failed to install/update Helm chart \"istiod\": failed to install helm chart istiod: unable to continue with \
         install: could not get information about the resource ConfigMap \"values\" in namespace \"{namespace}\": \
         configmaps.apps \"values\" is forbidden: User \"system:serviceaccount:sail-operator:sail-operator\" cannot get \
         resource \"configmaps\" in API group \"apps\" in the namespace \"{namespace}\""
    ))
}
