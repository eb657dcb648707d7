//! What a user must be allowed to do for a write.

use super::kinds::Target;
use super::rbac::Access;
use super::write::Write;

/// What is known about the object of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existence {
    /// It exists.
    Exists,
    /// It does not exist, or that is not known.
    Unknown,
}

/// The permissions that a write needs, with those for what is read if it is refused.
///
/// Server-side apply is a patch, and also a create if the object does not exist yet. Both are requested with the
/// object's name, which the API server knows for an apply, so that a rule may name it (`withAuthorization` in
/// apiserver's endpoints/handlers/patch.go). For a POST it does not know the name when it authorises the request.
pub fn permissions(write: &Write, existence: Existence) -> Vec<Access> {
    match write {
        Write::Create { manifest } => {
            let mut target = Target::of(manifest);
            target.key.name.clear();
            accesses(&target, None, &["create"])
        }
        Write::Apply { manifest } => {
            let verbs: &[&str] = match existence {
                Existence::Exists => &["patch"],
                Existence::Unknown => &["create", "patch"],
            };
            accesses(&Target::of(manifest), None, verbs)
        }
        // If a patch is refused, the object is read to say what is there.
        Write::Patch { api_version, object, subresource, .. } => {
            let target = Target { api_version: api_version.clone(), key: object.clone() };
            accesses(&target, subresource.as_deref(), &["get", "patch"])
        }
        Write::Delete { api_version, object, .. } => {
            let target = Target { api_version: api_version.clone(), key: object.clone() };
            accesses(&target, None, &["delete"])
        }
    }
}

fn accesses(target: &Target, subresource: Option<&str>, verbs: &[&str]) -> Vec<Access> {
    let key = &target.key;
    let of = |verb: &&str| {
        let access = Access::new(verb, target.group(), target.resource(), &key.namespace).named(&key.name);
        access.subresource(subresource.unwrap_or_default())
    };
    verbs.iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::kube::object_key::ObjectKey;

    fn words(write: &Write, existence: Existence) -> Vec<String> {
        permissions(write, existence).iter().map(ToString::to_string).collect()
    }

    fn gateway() -> serde_json::Value {
        json!({"apiVersion": "networking.istio.io/v1", "kind": "Gateway", "metadata": {"namespace": "istio-system", "name": "a"}})
    }

    #[test]
    fn a_creation_is_allowed_without_a_name_and_an_apply_by_name() {
        let create = Write::Create { manifest: gateway() };
        assert_eq!(words(&create, Existence::Unknown), ["create gateways.networking.istio.io in istio-system"]);
        let apply = Write::Apply { manifest: gateway() };
        assert_eq!(
            words(&apply, Existence::Unknown),
            [
                "create gateways.networking.istio.io a in istio-system",
                "patch gateways.networking.istio.io a in istio-system"
            ]
        );
    }

    #[test]
    fn what_exists_is_applied_without_the_right_to_create() {
        let apply = Write::Apply { manifest: gateway() };
        assert_eq!(words(&apply, Existence::Exists), ["patch gateways.networking.istio.io a in istio-system"]);
    }

    #[test]
    fn a_patch_of_a_subresource_and_a_deletion_need_just_that() {
        let object = ObjectKey::new("Deployment", "sample", "a");
        let scale = Write::Patch {
            api_version: "apps/v1".into(),
            object: object.clone(),
            subresource: Some("scale".into()),
            operations: Vec::new(),
        };
        assert_eq!(
            words(&scale, Existence::Exists),
            ["get deployments.apps/scale a in sample", "patch deployments.apps/scale a in sample"]
        );
        let delete = Write::Delete { api_version: "apps/v1".into(), object, uid: "u".into(), resource_version: None };
        assert_eq!(words(&delete, Existence::Exists), ["delete deployments.apps a in sample"]);
    }
}
