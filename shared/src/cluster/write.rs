//! Writing, one object at a time. A write is sent once; if its answer is lost, reading back settles what became of it.
//! Only in a run with a deadline ([`Cluster::within`]) it is sent again, if reading back shows nothing of it.

use std::fmt;

use http::Method;
use serde_json::{Value, json};

use super::api_fault::Fault;
use super::context::Cluster;
use super::request::{Call, at_cluster};
use crate::model::kube::difference::covers;
use crate::model::kube::kinds::Target;
use crate::model::kube::object_key::ObjectKey;
use crate::model::kube::write::{Operation, first_failed_test, holds};
use crate::plugin::error::{Error, Kind, Result};

pub(super) const APPLY: &str = "application/apply-patch+yaml";
const PATCH: &str = "application/json-patch+json";
const JSON: &str = "application/json";

/// How a create ended. The object may be a Secret: it is not shown.
#[derive(Clone, PartialEq)]
pub enum Created {
    /// It exists now, created by us.
    New(Value),
    /// It already existed, whoever created it: nothing was changed.
    Exists,
}

impl fmt::Debug for Created {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::New(object) => write!(formatter, "New({})", ObjectKey::of(object)),
            Self::Exists => formatter.write_str("Exists"),
        }
    }
}

/// Returns the object, or none.
///
/// # Errors
/// If the API server does not answer, or not with the object.
pub async fn get(cluster: &Cluster, target: &Target) -> Result<Option<Value>> {
    let path = target.path().map_err(|error| at_cluster(error, cluster))?;
    cluster.maybe(Call::get(path).about(target)).await
}

/// Server-side apply without force. Returns the whole object as the API server keeps it now: never print it, since it
/// may hold a Secret's data.
///
/// # Errors
/// A conflict names the other manager and the fields, and nothing was changed. A value that the schema does not know
/// (HTTP 500 `failed to create typed patch object`) is the user's fault. Neither is tried again.
pub async fn apply(cluster: &Cluster, manifest: &Value, manager: &str) -> Result<Value> {
    let target = Target::of(manifest);
    let path = target.path().map_err(|error| at_cluster(error, cluster))?;
    let call = Call::new(Method::PATCH, format!("{path}?fieldManager={manager}&force=false"))
        .about(&target)
        .with(APPLY, manifest);
    let mut first = true;
    loop {
        let fault = match cluster.write(&call).await {
            Ok((_, object)) => return Ok(object),
            Err(fault) => fault,
        };
        if !cluster.is_unclear(&fault) {
            return Err(fault.into_error(cluster, &call));
        }
        if let Some(object) = settled(cluster, &target, manifest).await? {
            return Ok(object);
        }
        // None of it is there, and applying twice is the same as once.
        if !std::mem::take(&mut first) && !cluster.once_more().await {
            return Err(fault.into_error(cluster, &call));
        }
    }
}

/// Creates the object, and leaves an existing one alone.
///
/// # Errors
/// If the API server refuses the object or does not answer.
pub async fn create(cluster: &Cluster, manifest: &Value, manager: &str) -> Result<Created> {
    let target = Target::of(manifest);
    let call = creation(cluster, &target, manifest, manager)?;
    let mut sent_before = false;
    loop {
        let fault = match cluster.write(&call).await {
            Ok((_, object)) => return Ok(Created::New(object)),
            Err(fault) => fault,
        };
        if fault.already_exists() {
            let ours = if sent_before { settled(cluster, &target, manifest).await? } else { None };
            return Ok(ours.map_or(Created::Exists, Created::New));
        }
        if !cluster.is_unclear(&fault) {
            return Err(fault.into_error(cluster, &call));
        }
        if let Some(object) = settled(cluster, &target, manifest).await? {
            return Ok(Created::New(object));
        }
        if !cluster.once_more().await {
            return Err(fault.into_error(cluster, &call));
        }
        sent_before = true;
    }
}

/// The request that creates the object.
pub(super) fn creation(cluster: &Cluster, target: &Target, manifest: &Value, manager: &str) -> Result<Call> {
    let collection = target.collection().map_err(|error| at_cluster(error, cluster))?;
    Ok(Call::new(Method::POST, format!("{collection}?fieldManager={manager}&fieldValidation=Strict"))
        .about(target)
        .with(JSON, manifest))
}

/// Asks the API server whether it would accept the object, every field of it, by a create that is not carried out.
/// Server-side apply would answer an unknown field with an HTTP 500 whatever `fieldValidation` says, so this comes
/// first.
///
/// An object that already exists, and a namespace that does not exist yet, are no reason to say no.
///
/// # Errors
/// If it would not, with the API server's own words.
pub async fn create_strict_dry_run(cluster: &Cluster, manifest: &Value, manager: &str) -> Result<()> {
    let target = Target::of(manifest);
    let collection = target.collection().map_err(|error| at_cluster(error, cluster))?;
    let call =
        Call::new(Method::POST, format!("{collection}?dryRun=All&fieldValidation=Strict&fieldManager={manager}"))
            .about(&target)
            .with(JSON, manifest);
    match cluster.read(&call).await {
        Ok(_) => Ok(()),
        Err(fault) if fault.already_exists() || lacks_namespace(&fault, &target) => Ok(()),
        Err(fault) => Err(fault.into_error(cluster, &call)),
    }
}

/// Whether a namespaced object was not found because its namespace is missing.
pub(super) fn lacks_namespace(fault: &Fault, target: &Target) -> bool {
    fault.is_not_found() && !target.key.namespace.is_empty() && fault.message.starts_with("namespaces ")
}

/// Applies a JSON patch to the object or one of its subresources, and returns the result.
///
/// # Errors
/// A conflict if a `test` among the operations does not hold, with the value that was found, and if the object is gone;
/// nothing was changed then.
pub async fn patch(
    cluster: &Cluster,
    target: &Target,
    subresource: Option<&str>,
    operations: &[Operation],
    manager: &str,
) -> Result<Value> {
    let (path, call) = patching(cluster, target, subresource, operations, manager)?;
    let fault = match cluster.write(&call).await {
        Ok((_, object)) => return Ok(object),
        Err(fault) => fault,
    };
    if let Some(conflict) = conflict(cluster, target, &path, operations, &fault).await? {
        return Err(conflict);
    }
    if !fault.may_have_been_done() {
        return Err(fault.into_error(cluster, &call));
    }
    if let Some(object) = cluster.maybe(Call::get(&path).about(target)).await?.filter(|live| holds(live, operations)) {
        return Ok(object);
    }
    // Its tests keep it from being done twice.
    let (_, object) = cluster.write(&call).await.map_err(|fault| fault.into_error(cluster, &call))?;
    Ok(object)
}

/// The path of the object or its subresource, and the request that patches it.
pub(super) fn patching(
    cluster: &Cluster,
    target: &Target,
    subresource: Option<&str>,
    operations: &[Operation],
    manager: &str,
) -> Result<(String, Call)> {
    let mut path = target.path().map_err(|error| at_cluster(error, cluster))?;
    if let Some(subresource) = subresource {
        path = format!("{path}/{subresource}");
    }
    let body = serde_json::to_value(operations).unwrap_or_default();
    let call = Call::new(Method::PATCH, format!("{path}?fieldManager={manager}")).about(target).with(PATCH, &body);
    Ok((path, call))
}

/// The conflict behind a refused patch: the object is gone, or a `test` among the operations does not hold. None if it
/// was refused for another reason. The API server gives the same answer to a failed `test` and to a path that leads
/// nowhere, without the value that it found, so the object is read.
///
/// # Errors
/// If the object cannot be read.
pub(super) async fn conflict(
    cluster: &Cluster,
    target: &Target,
    path: &str,
    operations: &[Operation],
    fault: &Fault,
) -> Result<Option<Error>> {
    let place = format!("context {}, {}", cluster.context, target.key);
    if fault.is_not_found() {
        return Ok(Some(
            Error::of(Kind::Conflict, format!("{} in {} no longer exists", target.key, cluster.context))
                .at(place)
                .because(fault.message.clone())
                .fix("run the same command again"),
        ));
    }
    if fault.code() != Some(422) {
        return Ok(None);
    }
    let live = cluster.maybe(Call::get(path).about(target)).await?;
    let differs = live.and_then(|live| first_failed_test(&live, operations));
    Ok(differs.map(|differs| {
        Error::of(
            Kind::Conflict,
            format!("{} in {} was changed by someone else in the meantime", target.key, cluster.context),
        )
        .at(place)
        .because(differs.to_string())
        .fix("run the same command again")
    }))
}

/// Deletes the object, only if it still has this UID. Returns whether it was there.
///
/// # Errors
/// If another object has taken its name (the UID differs), or the API server does not answer.
pub async fn delete(cluster: &Cluster, target: &Target, uid: Option<&str>) -> Result<bool> {
    delete_unchanged(cluster, target, uid, None).await
}

/// Deletes the object, only if it still has this UID and, if given, this resource version. Returns whether it was
/// there.
///
/// # Errors
/// If another object has taken its name or someone changed it in the meantime, or the API server does not answer.
pub async fn delete_unchanged(
    cluster: &Cluster,
    target: &Target,
    uid: Option<&str>,
    resource_version: Option<&str>,
) -> Result<bool> {
    let path = target.path().map_err(|error| at_cluster(error, cluster))?;
    let mut preconditions = serde_json::Map::new();
    preconditions.extend(uid.map(|uid| ("uid".to_owned(), Value::from(uid))));
    preconditions.extend(resource_version.map(|version| ("resourceVersion".to_owned(), Value::from(version))));
    let options = json!({"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background", "preconditions": preconditions});
    let call = Call::new(Method::DELETE, path.clone()).about(target).with(JSON, &options);
    match cluster.write(&call).await {
        Ok(_) => Ok(true),
        Err(fault) if fault.is_not_found() => Ok(false),
        Err(fault) if fault.may_have_been_done() => match cluster.maybe(Call::get(path).about(target)).await? {
            None => Ok(true),
            Some(object) if !object["metadata"]["deletionTimestamp"].is_null() => Ok(true),
            Some(_) => Err(fault.into_error(cluster, &call)),
        },
        Err(fault) => Err(fault.into_error(cluster, &call)),
    }
}

impl Cluster {
    /// Whether a write that failed so may have been done, or may be within the time of the run.
    fn is_unclear(&self, fault: &Fault) -> bool {
        fault.may_have_been_done() || (self.tried_until().is_some() && fault.passes_in_time())
    }
}

/// The live object, if it has everything that the manifest has.
async fn settled(cluster: &Cluster, target: &Target, manifest: &Value) -> Result<Option<Value>> {
    Ok(get(cluster, target).await?.filter(|live| covers(live, manifest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_missing_namespace_passes_for_not_found() {
        let secret = Target::new("Secret", "istio-system", "cacerts").unwrap();
        let not_found =
            |message: &str| Fault::from_answer(404, format!("{{\"message\":\"{message}\"}}").as_bytes(), None);
        assert!(lacks_namespace(&not_found("namespaces \\\"istio-system\\\" not found"), &secret));
        assert!(!lacks_namespace(&not_found("the server could not find the requested resource"), &secret));
    }
}
