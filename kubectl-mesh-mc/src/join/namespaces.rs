//! Whether the namespaces that a join writes to can be written to.

use mesh_shared::model::kube::object_key::ObjectKey;
use mesh_shared::plugin::finding::Finding;
use mesh_shared::plugin::finding::codes::admission;

use super::members::Joining;
use super::request::JoinRequest;

/// A namespace that is being deleted: nothing can be created in it, and all that is in it goes.
pub(super) fn terminating(request: &JoinRequest, one: &Joining<'_>) -> Vec<Finding> {
    let ours = [&request.system_namespace, &request.cni_namespace];
    let ends = |name: &&&String| {
        let namespace = one.seen.objects.get(&ObjectKey::new("Namespace", "", name));
        namespace.is_some_and(|namespace| !namespace["metadata"]["deletionTimestamp"].is_null())
    };
    let context = &one.member.context;
    let found = |name: &String| {
        admission::NAMESPACE_TERMINATING
            .found(format!("namespace {name} of {} is being deleted", one.member.name))
            .cluster(&one.member.name)
            .context(context)
            .object(ObjectKey::new("Namespace", "", name))
            .because("nothing can be created in a namespace that is terminating")
            .fix("wait until it is gone, or remove what holds it, which its status names:")
            .fix(format!("kubectl --context {context} get namespace {name} -o jsonpath='{{.status.conditions}}'"))
    };
    ours.iter().filter(ends).map(|name| found(name)).collect()
}
