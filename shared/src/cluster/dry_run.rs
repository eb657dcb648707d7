//! Whether an API server would take a write: the same request as a dry run, which passes every check and is not carried
//! out.

use http::Method;
use serde_json::Value;

use super::api_fault::Fault;
use super::context::Cluster;
use super::denial::Denial;
use super::request::{Call, at_cluster};
use super::write::{creation, lacks_namespace, patching};
use crate::model::kube::kinds::Target;
use crate::model::kube::write::Write;
use crate::plugin::error::Result;

/// What a dry run has shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tried {
    /// The API server would take it.
    Accepted,
    /// That cannot be known beforehand, for this reason.
    NotTried(String),
}

/// Asks whether the write would be taken. An object that exists already is no reason to say no to a create: that is
/// another matter.
///
/// # Errors
/// If it would not, with the API server's own words and what to do.
pub async fn dry_run(cluster: &Cluster, write: &Write, manager: &str) -> Result<Tried> {
    let (target, call) = match write {
        Write::Create { manifest } => {
            let target = Target::of(manifest);
            let call = creation(cluster, &target, manifest, manager)?.into_dry_run();
            (target, call)
        }
        Write::Apply { manifest } => {
            let target = Target::of(manifest);
            let path = target.path().map_err(|error| at_cluster(error, cluster))?;
            let path = format!("{path}?fieldManager={manager}&force=false");
            let call = Call::new(Method::PATCH, path).about(&target).with(super::write::APPLY, manifest).into_dry_run();
            (target, call)
        }
        Write::Patch { api_version, object, subresource, operations } => {
            let target = Target { api_version: api_version.clone(), key: object.clone() };
            let (_, call) = patching(cluster, &target, subresource.as_deref(), operations, manager)?;
            (target, call.into_dry_run())
        }
        Write::Delete { .. } => return Ok(Tried::Accepted),
    };
    match cluster.read(&call).await {
        Ok(_) => Ok(Tried::Accepted),
        Err(fault) => match tried(&fault, &target, manager) {
            Some(tried) => Ok(tried),
            None => Err(fault.into_error(cluster, &call)),
        },
    }
}

/// What a refused dry run shows if it speaks not against the write.
fn tried(fault: &Fault, target: &Target, manager: &str) -> Option<Tried> {
    if lacks_namespace(fault, target) {
        return Some(Tried::NotTried(format!("namespace {} does not exist yet", target.key.namespace)));
    }
    if let Some(Denial::NoDryRun(webhook)) = Denial::of(fault) {
        return Some(Tried::NotTried(format!("the webhook {webhook} allows no dry run")));
    }
    (fault.already_exists() || fault.conflicts_only_with(manager)).then_some(Tried::Accepted)
}

/// A Secret of this name without contents, to ask whether one may be created: what the real one holds is not there yet,
/// and is no business of a dry run.
pub fn stand_in(namespace: &str, name: &str) -> Value {
    serde_json::json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"namespace": namespace, "name": name}})
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cluster::test_api_server::{Answer, answering};

    fn service() -> Write {
        Write::Apply {
            manifest: json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a", "namespace": "istio-system"}}),
        }
    }

    async fn answered(code: u16, body: Value) -> (Result<Tried>, String) {
        let (cluster, asked) = answering([Answer::Status(code, body)]);
        let tried = dry_run(&cluster, &service(), "me").await;
        let (method, path, _) = asked.lock().unwrap()[0].clone();
        (tried, format!("{method} {path}"))
    }

    #[tokio::test]
    async fn a_write_is_tried_without_being_carried_out() {
        let (tried, asked) = answered(200, json!({})).await;
        assert_eq!(tried.unwrap(), Tried::Accepted);
        assert!(asked.starts_with("PATCH ") && asked.ends_with("&dryRun=All"), "{asked}");
    }

    #[tokio::test]
    async fn a_policys_no_is_an_error_with_its_code_and_not_called_a_wrong_value() {
        let message =
            "services \"a\" is forbidden: ValidatingAdmissionPolicy 'no-balancers' with binding 'b' denied request: no";
        let (tried, _) = answered(422, json!({"reason": "Invalid", "message": message})).await;
        let error = tried.unwrap_err();
        assert_eq!(error.code.unwrap().name, "admission/policy");
        assert!(!error.remedy.iter().any(|line| line.contains("correct that value")), "{error:?}");
    }

    #[tokio::test]
    async fn what_cannot_be_tried_is_no_error() {
        let (tried, _) = answered(404, json!({"message": "namespaces \"istio-system\" not found"})).await;
        assert_eq!(tried.unwrap(), Tried::NotTried("namespace istio-system does not exist yet".into()));
        let (tried, _) =
            answered(400, json!({"message": "admission webhook \"w.example\" does not support dry run"})).await;
        assert_eq!(tried.unwrap(), Tried::NotTried("the webhook w.example allows no dry run".into()));
    }

    #[tokio::test]
    async fn only_a_conflict_with_somebody_else_is_one() {
        let conflict = |who: &str| {
            json!({"reason": "Conflict", "message": "Apply failed", "details": {"causes": [
                {"reason": "FieldManagerConflict", "message": format!("conflict with \"{who}\" using v1"), "field": ".spec.type"}]}})
        };
        let (tried, _) = answered(409, conflict("me")).await;
        assert_eq!(tried.unwrap(), Tried::Accepted);
        let (tried, _) = answered(409, conflict("argocd")).await;
        let error = tried.unwrap_err();
        assert_eq!(error.code.unwrap().name, "admission/conflict");
        assert!(error.why.unwrap().contains("argocd"));
    }
}
