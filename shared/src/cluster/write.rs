//! Writing, one object at a time. A write is sent once; where its answer is lost, reading back settles what became of it.

use http::Method;
use serde_json::{Value, json};

use super::api_fault::Fault;
use super::context::Cluster;
use super::request::{Call, at_cluster};
use crate::model::kube::difference::covers;
use crate::model::kube::kinds::Target;
use crate::model::kube::write::{Operation, first_failed_test, holds};
use crate::plugin::error::{Error, Kind, Result};

const APPLY: &str = "application/apply-patch+yaml";
const PATCH: &str = "application/json-patch+json";
const JSON: &str = "application/json";

/// How a create ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Created {
    /// It is there now, made by us.
    New(Value),
    /// It was there before, whoever made it: nothing was changed.
    Exists,
}

/// The object as it is, or none.
///
/// # Errors
/// Where the API server does not answer, or not with the object.
pub async fn get(cluster: &Cluster, target: &Target) -> Result<Option<Value>> {
    let path = target.path().map_err(|error| at_cluster(error, cluster))?;
    cluster.maybe(Call::get(path).about(target)).await
}

/// Server-side apply without force. Returns the whole object as the API server keeps it now: a Secret's data are in it, never print it.
///
/// # Errors
/// A conflict names the other manager and the fields, and has changed nothing. A value that the schema does not know
/// (HTTP 500 `failed to create typed patch object`) is the user's fault. Neither is tried again.
pub async fn apply(cluster: &Cluster, manifest: &Value, manager: &str) -> Result<Value> {
    let target = Target::of(manifest);
    let path = target.path().map_err(|error| at_cluster(error, cluster))?;
    let call = Call::new(Method::PATCH, format!("{path}?fieldManager={manager}&force=false"))
        .about(&target)
        .with(APPLY, manifest);
    let fault = match cluster.write(&call).await {
        Ok((_, object)) => return Ok(object),
        Err(fault) => fault,
    };
    if !fault.may_have_been_done() {
        return Err(fault.into_error(cluster, &call));
    }
    if let Some(object) = settled(cluster, &target, manifest).await? {
        return Ok(object);
    }
    // Nothing of it is there, and the same apply twice is the same as once.
    let (_, object) = cluster.write(&call).await.map_err(|fault| fault.into_error(cluster, &call))?;
    Ok(object)
}

/// Creates the object, and leaves alone one that is there already.
///
/// # Errors
/// Where the API server refuses the object or does not answer.
pub async fn create(cluster: &Cluster, manifest: &Value, manager: &str) -> Result<Created> {
    let target = Target::of(manifest);
    let call = creation(cluster, &target, manifest, manager)?;
    match cluster.write(&call).await {
        Ok((_, object)) => Ok(Created::New(object)),
        Err(fault) if fault.already_exists() => Ok(Created::Exists),
        Err(fault) if fault.may_have_been_done() => match settled(cluster, &target, manifest).await? {
            Some(object) => Ok(Created::New(object)),
            None => Err(fault.into_error(cluster, &call)),
        },
        Err(fault) => Err(fault.into_error(cluster, &call)),
    }
}

/// The request that creates the object.
pub(super) fn creation(cluster: &Cluster, target: &Target, manifest: &Value, manager: &str) -> Result<Call> {
    let collection = target.collection().map_err(|error| at_cluster(error, cluster))?;
    Ok(Call::new(Method::POST, format!("{collection}?fieldManager={manager}&fieldValidation=Strict"))
        .about(target)
        .with(JSON, manifest))
}

/// Asks the API server whether it would take the object, every field of it: a create that is not carried out. Server-side
/// apply would answer an unknown field with an HTTP 500 whatever `fieldValidation` says, so that this comes first.
///
/// An object that is there already, and a namespace that is not there yet, are no reason to say no.
///
/// # Errors
/// With the API server's own words where it would not.
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

fn lacks_namespace(fault: &Fault, target: &Target) -> bool {
    fault.is_not_found() && !target.key.namespace.is_empty() && fault.message.starts_with("namespaces ")
}

/// Carries out a JSON patch on the object or on a subresource of it, and returns what stands then.
///
/// # Errors
/// A conflict, with what stands instead, where a `test` among the operations does not hold, and where the object is gone;
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

/// The conflict that a refused patch means: the object is gone, or a `test` among the operations does not hold. None where it was
/// refused for another reason. The API server answers a failed `test` and a path that leads nowhere alike, and does not say what
/// the value is instead, so the object is read.
///
/// # Errors
/// Where the object cannot be read.
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
            Error::of(Kind::Conflict, format!("{} in {} is not there any more", target.key, cluster.context))
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
            format!("{} in {} was changed by someone else meanwhile", target.key, cluster.context),
        )
        .at(place)
        .because(differs.to_string())
        .fix("run the same command again")
    }))
}

/// Deletes the object, only where it still has this UID. Whether it was there.
///
/// # Errors
/// Where another object has taken its name (the UID differs), or the API server does not answer.
pub async fn delete(cluster: &Cluster, target: &Target, uid: Option<&str>) -> Result<bool> {
    delete_unchanged(cluster, target, uid, None).await
}

/// Deletes the object, only where it still has this UID and, where one is given, this resource version. Whether it was there.
///
/// # Errors
/// Where another object has taken its name or somebody changed it meanwhile, or the API server does not answer.
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

/// The live object, where all of the manifest is in it.
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
