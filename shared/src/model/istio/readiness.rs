//! Whether the control plane that runs is the one that was asked for, judged by the objects in the cluster.
//!
//! `Ready` alone proves nothing: for about a second after a change the operator's Istio says Ready at its new
//! generation before anything has been done. Proof goes down the chain, each at its own generation: Istio, its
//! IstioRevision, istiod's Deployment; for the CNI plugin: IstioCNI, its DaemonSet.

use serde_json::Value;

/// The judgement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// It runs as requested.
    Ready,
    /// Something is still missing: what.
    Waiting(String),
    /// The operator reports an error. A healthy install has some that pass within seconds: only one that lasts counts.
    Troubled(String),
    /// The operator has refused and will not retry.
    Fatal(String),
}

/// The objects that a judgement is based on.
#[derive(Debug, Clone, Copy, Default)]
pub struct Seen<'a> {
    /// The resource Istio.
    pub istio: Option<&'a Value>,
    /// The IstioRevision that `status.activeRevisionName` names.
    pub revision: Option<&'a Value>,
    /// istiod's Deployment of that revision.
    pub deployment: Option<&'a Value>,
    /// The resource IstioCNI.
    pub cni: Option<&'a Value>,
    /// The CNI plugin's DaemonSet.
    pub daemon_set: Option<&'a Value>,
}

/// Judges a control plane, with its CNI plugin.
pub fn judge(seen: &Seen<'_>) -> Readiness {
    let Some(istio) = seen.istio else { return Readiness::Waiting("the Istio resource does not exist".into()) };
    if let Some(verdict) = not_reconciled("Istio", istio) {
        return verdict;
    }
    // A refusal of the CNI is final as well: nothing will be healthy without it.
    if let Some(fatal @ Readiness::Fatal(_)) = seen.cni.and_then(|cni| not_reconciled("IstioCNI", cni)) {
        return fatal;
    }
    let Some(revision) = seen.revision else { return Readiness::Waiting("there is no IstioRevision yet".into()) };
    if let Some(verdict) = not_reconciled("IstioRevision", revision) {
        return verdict;
    }
    let Some(deployment) = seen.deployment else {
        return Readiness::Waiting("istiod's Deployment does not exist yet".into());
    };
    if let Some(missing) = not_rolled_out(deployment) {
        return Readiness::Waiting(format!("istiod: {missing}"));
    }
    if condition(istio, "Ready").is_none_or(|ready| ready.status != "True") {
        return Readiness::Waiting(in_words("Istio", condition(istio, "Ready"), "it does not report Ready"));
    }
    match condition(istio, "DependenciesHealthy") {
        Some(healthy) if healthy.status == "True" => Readiness::Ready,
        Some(other) => Readiness::Waiting(in_words("Istio", Some(other), "")),
        // The operator is too old for this condition: the CNI plugin itself proves what it would say.
        None => judge_cni(seen.cni, seen.daemon_set),
    }
}

/// Judges the CNI plugin.
pub fn judge_cni(cni: Option<&Value>, daemon_set: Option<&Value>) -> Readiness {
    let Some(cni) = cni else { return Readiness::Waiting("the IstioCNI resource does not exist".into()) };
    if let Some(verdict) = not_reconciled("IstioCNI", cni) {
        return verdict;
    }
    let Some(daemon_set) = daemon_set else {
        return Readiness::Waiting("the CNI's DaemonSet does not exist yet".into());
    };
    if let Some(missing) = not_rolled_out_everywhere(daemon_set) {
        return Readiness::Waiting(format!("CNI: {missing}"));
    }
    match condition(cni, "Ready") {
        Some(ready) if ready.status == "True" => Readiness::Ready,
        other => Readiness::Waiting(in_words("IstioCNI", other, "it does not report Ready")),
    }
}

/// What the operator says about a resource that is not Ready, in its own words.
pub(crate) fn not_ready(resource: &Value) -> Option<String> {
    let ready = condition(resource, "Ready").filter(|ready| ready.status != "True")?;
    Some(format!("{}: {}", ready.reason, ready.message))
}

/// Why a Deployment is not rolled out at its generation; none if it is.
pub fn not_rolled_out(deployment: &Value) -> Option<String> {
    if !at_generation(deployment) {
        return Some("its change has not been picked up yet".into());
    }
    let wanted = deployment["spec"]["replicas"].as_u64().unwrap_or(1);
    let status = |name: &str| deployment["status"][name].as_u64().unwrap_or(0);
    let (updated, replicas, available) = (status("updatedReplicas"), status("replicas"), status("availableReplicas"));
    if updated < wanted {
        return Some(format!("{updated} of {wanted} pods are updated"));
    }
    if available < wanted {
        return Some(format!("{available} of {wanted} pods are available"));
    }
    (replicas > updated).then(|| format!("{} old pods are still running", replicas - updated))
}

fn not_rolled_out_everywhere(daemon_set: &Value) -> Option<String> {
    if !at_generation(daemon_set) {
        return Some("its change has not been picked up yet".into());
    }
    let status = |name: &str| daemon_set["status"][name].as_u64().unwrap_or(0);
    let (wanted, updated, available) =
        (status("desiredNumberScheduled"), status("updatedNumberScheduled"), status("numberAvailable"));
    if wanted == 0 {
        return Some("no node runs it yet".into());
    }
    (updated < wanted || available < wanted).then(|| format!("{} of {wanted} nodes run it", updated.min(available)))
}

/// Why the operator's status of a resource is an error or not yet about its generation.
fn not_reconciled(kind: &str, resource: &Value) -> Option<Readiness> {
    if !at_generation(resource) {
        return Some(Readiness::Waiting(format!("the operator has not picked up {kind} yet")));
    }
    match condition(resource, "Reconciled") {
        Some(done) if done.status == "True" => None,
        Some(failed) if failed.status == "False" => {
            let text = in_words(kind, Some(failed), "it is not reconciled");
            Some(if failed.is_final() { Readiness::Fatal(text) } else { Readiness::Troubled(text) })
        }
        other => Some(Readiness::Waiting(in_words(kind, other, "the operator is still working"))),
    }
}

fn at_generation(object: &Value) -> bool {
    let generation = object["metadata"]["generation"].as_u64();
    generation.is_some() && object["status"]["observedGeneration"].as_u64() >= generation
}

#[derive(Debug, Clone, Copy)]
struct Condition<'a> {
    status: &'a str,
    reason: &'a str,
    message: &'a str,
}

impl Condition<'_> {
    /// End of life is never retried; other validation errors may resolve, for example once a namespace exists.
    fn is_final(&self) -> bool {
        self.message.contains("validation error:")
            && (self.message.contains("end-of-life") || self.message.contains("end of life"))
    }
}

fn condition<'a>(object: &'a Value, name: &str) -> Option<Condition<'a>> {
    let conditions = object["status"]["conditions"].as_array()?;
    let found = conditions.iter().find(|condition| condition["type"] == name)?;
    let text = |key: &str| found[key].as_str().unwrap_or_default();
    Some(Condition { status: text("status"), reason: text("reason"), message: text("message") })
}

fn in_words(kind: &str, condition: Option<Condition<'_>>, otherwise: &str) -> String {
    match condition {
        Some(Condition { reason, message, .. }) if !message.is_empty() => format!("{kind}: {reason}: {message}"),
        Some(Condition { reason, .. }) if !reason.is_empty() => format!("{kind}: {reason}"),
        _ => format!("{kind}: {otherwise}"),
    }
}

#[cfg(test)]
mod tests;
