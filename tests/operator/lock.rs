//! The lock by which clients see that an operator works.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use kube::{
    Api, Client,
    api::{Patch, PatchParams},
};
use serde_json::json;

use crate::{operator::OPERATOR_NAMESPACE, sail::MANAGER};

/// Rule: sail-operator cmd/main.go, `LeaderElectionID`.
const NAME: &str = "sail-operator-lock";
const SECONDS: i64 = 15;

/// Holds the lock as long as the operator lives. Nothing else wants it.
pub(crate) async fn hold(client: Client) {
    let leases: Api<Lease> = Api::namespaced(client, OPERATOR_NAMESPACE);
    loop {
        let lease = json!({
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": { "name": NAME },
            "spec": {
                "holderIdentity": "sail-stand-in", "leaseDurationSeconds": SECONDS,
                "renewTime": Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string(),
            },
        });
        let apply = PatchParams::apply(MANAGER).force();
        if let Err(error) = leases.patch(NAME, &apply, &Patch::Apply(lease)).await {
            tracing::warn!(%error, "cannot renew the lock");
        }
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
}
