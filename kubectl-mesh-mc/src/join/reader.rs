//! Whether a cluster has, or gets, the account by which its peers read it.

use mesh_shared::model::seen::known::Known;
use mesh_shared::plugin::finding::Finding;
use mesh_shared::plugin::finding::codes::access as codes;
use serde_json::Value;

use super::members::{Joining, governing};
use super::request::JoinRequest;

/// The finding for a reader account that nobody will make, and that a peer needs.
///
/// Rules: the operator installs the chart of the account for the revision `default` alone, or for a tag of that name
/// (sail-operator pkg/reconcile/istiod.go, controllers/istiorevisiontag); the chart makes none if its values say so
/// (istio/istio manifests/charts/base/templates/reader-serviceaccount.yaml).
pub(super) fn reader(request: &JoinRequest, Joining { member, seen }: &Joining<'_>) -> Option<Finding> {
    if seen.access.reader_account.is_some() {
        return None;
    }
    let standing = governing(seen, &request.system_namespace).ok()?;
    let values = standing.map_or(&request.values, |istio| &istio.object["spec"]["values"]);
    let found = |why: &str| {
        codes::NO_READER
            .found(format!("{} has no account by which its peers could read it, and none will be made", member.name))
            .cluster(&member.name)
            .context(&member.context)
            .object(format!("ServiceAccount {}/istio-reader-service-account", request.system_namespace))
            .because(why)
    };
    if is_off(values) {
        let found = found("the values of its control plane switch it off").field("global.enableReaderRBAC");
        return Some(found.fix("leave out global.enableReaderRBAC=false, or set it to true"));
    }
    let istio = standing?;
    let status = &istio.object["status"];
    let revision = status["activeRevisionName"].as_str().filter(|revision| *revision != "default")?;
    // What is not settled yet may still come.
    if status["observedGeneration"].as_i64() < istio.object["metadata"]["generation"].as_i64() {
        return None;
    }
    match &seen.control_planes.tags {
        Known::Unknown(_) => return None,
        Known::Known(tags) if tags.iter().any(|tag| tag == "default") => return None,
        Known::Known(_) | Known::NotAsked => {}
    }
    let api = seen.control_planes.sail.as_ref().map_or("v1", |sail| sail.version.as_str());
    let why =
        format!("its revision is {revision}, and the operator makes the account for the revision or tag default alone");
    let found = found(&why).fix("give that revision the tag default:").fix(format!(
        "kubectl --context {} apply -f - <<'END'\napiVersion: sailoperator.io/{api}\nkind: IstioRevisionTag\n\
         metadata: {{name: default}}\nspec: {{targetRef: {{kind: Istio, name: {}}}}}\nEND",
        member.context, istio.name
    ));
    Some(found)
}

fn is_off(values: &Value) -> bool {
    values["global"]["enableReaderRBAC"] == false
}
