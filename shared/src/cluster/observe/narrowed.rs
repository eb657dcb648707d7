//! Reads of all namespaces, or only of those that matter if the user may not read all.

use std::collections::BTreeSet;

use futures::future::try_join_all;
use serde_json::Value;

use crate::cluster::context::Cluster;
use crate::cluster::read::served;
use crate::plugin::error::{Error, Kind, Result};

/// Reads all namespaces; if that is forbidden and some are near, only those. Also returns whether all were read.
pub(super) async fn all_or_near(
    near: &BTreeSet<String>,
    read: impl AsyncFn(&str) -> Result<Vec<Value>>,
) -> Result<(Vec<Value>, bool)> {
    match read("").await {
        Err(error) if error.kind == Kind::Forbidden && !near.is_empty() => {
            let found = try_join_all(near.iter().map(|namespace| read(namespace))).await?;
            Ok((found.concat(), false))
        }
        found => found.map(|found| (found, true)),
    }
}

/// Objects of Istio's networking API, and whether all namespaces were read.
///
/// # Errors
/// A refusal if the cluster does not serve the kind.
pub(super) async fn istio(cluster: &Cluster, kind: &str, near: &BTreeSet<String>) -> Result<(Vec<Value>, bool)> {
    let read = async |namespace: &str| {
        served(cluster, kind, namespace, &[]).await?.ok_or_else(|| {
            Error::refused(format!("{} does not serve Istio's {kind}", cluster.context))
                .at(format!("context {}, API networking.istio.io/v1", cluster.context))
                .because("Istio is not installed there, or is older than 1.22")
                .fix("make the cluster part of a mesh: kubectl mesh-mc join")
        })
    };
    all_or_near(near, read).await
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cluster::test_api_server::{Answer, answering};

    fn rules(name: &str) -> Answer {
        Answer::Status(200, json!({"items": [{"metadata": {"name": name}}]}))
    }

    fn forbidden() -> Answer {
        Answer::Status(403, json!({"kind": "Status", "reason": "Forbidden", "message": "cannot list"}))
    }

    #[tokio::test]
    async fn who_may_not_read_all_namespaces_reads_those_that_matter_to_the_service() {
        let near: BTreeSet<String> = ["istio-system", "sample"].map(str::to_owned).into();
        let (cluster, asked) = answering([forbidden(), rules("a"), rules("b")]);
        let (found, whole) = istio(&cluster, "DestinationRule", &near).await.unwrap();
        assert_eq!((found.len(), whole), (2, false));
        let paths: Vec<String> = asked.lock().unwrap().iter().map(|(_, path, _)| path.clone()).collect();
        let of = |namespace: &str| format!("/apis/networking.istio.io/v1{namespace}/destinationrules?limit=500");
        assert_eq!(paths, [of(""), of("/namespaces/istio-system"), of("/namespaces/sample")]);
    }

    #[tokio::test]
    async fn where_every_service_is_wanted_a_part_is_not_enough() {
        let (cluster, _) = answering([forbidden()]);
        let error = istio(&cluster, "DestinationRule", &BTreeSet::new()).await.unwrap_err();
        assert_eq!(error.kind, Kind::Forbidden);
    }
}
