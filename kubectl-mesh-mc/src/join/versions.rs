//! What the control planes of a mesh are to each other: their versions, and how they redirect traffic.

use std::collections::BTreeMap;

use mesh_shared::model::istio::version::IstioVersion;
use mesh_shared::model::names::ClusterName;
use mesh_shared::plugin::finding::codes::control_plane as codes;
use mesh_shared::plugin::finding::{Finding, Findings};
use serde_json::Value;

use super::control_plane::ControlPlanePlan;
use super::members::{Joining, governing};
use super::request::JoinRequest;

/// Warnings on versions that are further apart than Istio supports, and on control planes in ambient mode.
pub(super) fn judge(
    request: &JoinRequest,
    joining: &[Joining<'_>],
    planes: &BTreeMap<ClusterName, ControlPlanePlan>,
    findings: &mut Findings,
) {
    let versions = planes.iter().filter_map(|(name, plane)| Some((name, plane.version.parse::<IstioVersion>().ok()?)));
    let mut versions: Vec<(&ClusterName, IstioVersion)> = versions.collect();
    versions.sort_by(|(_, one), (_, other)| one.cmp(other));
    if let (Some(oldest), Some(newest)) = (versions.first(), versions.last()) {
        findings.extend(apart(oldest, newest));
    }
    for Joining { member, seen } in joining {
        let standing = governing(seen, &request.system_namespace).ok().flatten();
        let spec = standing.map(|istio| &istio.object["spec"]);
        if is_ambient(spec.unwrap_or(&Value::Null), spec.map_or(&request.values, |spec| &spec["values"])) {
            let found = codes::AMBIENT.found(format!("{} is in ambient mode", member.name));
            let found = found.cluster(&member.name).context(&member.context);
            findings.push(found.as_documented());
        }
    }
}

fn apart(oldest: &(&ClusterName, IstioVersion), newest: &(&ClusterName, IstioVersion)) -> Option<Finding> {
    let is_near = oldest.1.minors_apart(&newest.1).is_some_and(|minors| minors <= 1);
    let shown = || format!("Istio {} in {} and {} in {}", oldest.1, oldest.0, newest.1, newest.0);
    (!is_near).then(|| codes::VERSIONS_APART.found(shown()).as_documented())
}

fn is_ambient(spec: &Value, values: &Value) -> bool {
    let is_true = |value: &Value| value == &Value::Bool(true) || value == "true";
    spec["profile"] == "ambient"
        || values["profile"] == "ambient"
        || is_true(&values["pilot"]["env"]["PILOT_ENABLE_AMBIENT"])
}
