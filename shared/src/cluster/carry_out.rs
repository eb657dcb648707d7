//! Does one write: a single exhaustive match.

use serde_json::Value;

use crate::cluster::context::Cluster;
use crate::cluster::write;
use crate::cluster::write::Created;
use crate::model::kube::kinds::Target;
use crate::model::kube::write::Write;
use crate::plugin::error::{Error, Kind, Result};

/// Carries out the write and returns the resulting object; none after a deletion.
///
/// # Errors
/// [`Kind::Conflict`] if the precondition no longer holds; any other if the API server refuses or does not answer.
pub async fn carry_out(cluster: &Cluster, write: &Write, manager: &str) -> Result<Option<Value>> {
    match write {
        Write::Create { manifest } => match write::create(cluster, manifest, manager).await? {
            Created::New(object) => Ok(Some(object)),
            Created::Exists => Err(Error::of(Kind::Conflict, format!("{} already exists", write.object()))
                .at(format!("context {}", cluster.context))
                .because("someone else created it in the meantime")
                .fix("run the same command again")),
        },
        Write::Apply { manifest } => Ok(Some(write::apply(cluster, manifest, manager).await?)),
        Write::Patch { api_version, object, subresource, operations } => {
            let target = Target { api_version: api_version.clone(), key: object.clone() };
            let live = write::patch(cluster, &target, subresource.as_deref(), operations, manager).await?;
            Ok(Some(live))
        }
        Write::Delete { api_version, object, uid, resource_version } => {
            let target = Target { api_version: api_version.clone(), key: object.clone() };
            write::delete_unchanged(cluster, &target, Some(uid), resource_version.as_deref()).await?;
            Ok(None)
        }
    }
}
