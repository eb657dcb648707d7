//! What exists in a cluster under the name of the Gateway that we keep.

use std::collections::BTreeMap;

use mesh_shared::model::istio::cross_network_gateway::{API_VERSION, PORT, passthrough_servers, selects};
use mesh_shared::model::kube::object_key::ObjectKey;
use mesh_shared::model::kube::write::{Operation, Write};
use mesh_shared::model::seen::observed_traffic::ObservedTraffic;
use mesh_shared::plugin::finding::Finding;
use mesh_shared::plugin::finding::codes::exposure::GATEWAY_CHANGED;
use serde_json::Value;

use mesh_shared::model::istio::exposure::{is_ours, ours};

/// What exists there.
#[derive(Debug, Clone)]
pub(super) enum Standing<'a> {
    /// Nothing.
    Nothing,
    /// Ours.
    Ours(Own<'a>),
    /// Someone else's.
    Foreign(ObjectKey),
}

/// Our Gateway as it is.
#[derive(Debug, Clone)]
pub(super) struct Own<'a> {
    object: &'a Value,
    /// Index of the server that has the hosts.
    server: usize,
    /// Hosts that it opens.
    pub(super) hosts: Vec<String>,
}

impl<'a> Standing<'a> {
    /// # Errors
    /// That ours was changed so that it has no server that passes connections through.
    pub(super) fn of(cluster: &'a ObservedTraffic) -> Result<Self, Finding> {
        let key = ours(cluster);
        let Some(object) = cluster.gateway_rules().iter().find(|gateway| ObjectKey::of(gateway) == key) else {
            return Ok(Self::Nothing);
        };
        if !is_ours(object, cluster) {
            return Ok(Self::Foreign(key));
        }
        let mut ports = cluster.east_west_gateways().iter().map(|gateway| gateway.port).chain([PORT]);
        let found = ports.find_map(|port| passthrough_servers(object, port).next());
        let (server, hosts) = found.ok_or_else(|| {
            GATEWAY_CHANGED
                .found(format!("{key} in {} is not as we write it", cluster.membership.name))
                .because("it has our label, and no server that passes TLS through on the east-west gateway's port")
                .fix("put that server back, or delete the Gateway and expose again")
                .about(&cluster.membership.name, &cluster.identity.context, &key)
        })?;
        Ok(Self::Ours(Own { object, server, hosts }))
    }
}

impl Own<'_> {
    /// Whether it is bound to every east-west gateway of the cluster.
    pub(super) fn selects_all(&self, cluster: &ObservedTraffic) -> bool {
        cluster.east_west_gateways().iter().all(|gateway| selects(self.object, &gateway.pod_labels))
    }

    /// Replaces its hosts, and its selector where another is given, if it is still as it was read.
    pub(super) fn patch(&self, hosts: &[String], selector: Option<&BTreeMap<String, String>>) -> Write {
        let metadata = &self.object["metadata"];
        let mut operations: Vec<Operation> = ["uid", "resourceVersion"]
            .into_iter()
            .map(|key| Operation::Test { path: format!("/metadata/{key}"), value: metadata[key].clone() })
            .collect();
        operations
            .push(Operation::Replace { path: format!("/spec/servers/{}/hosts", self.server), value: hosts.into() });
        if let Some(selector) = selector {
            let value = serde_json::to_value(selector).unwrap_or_default();
            operations.push(Operation::Add { path: "/spec/selector".into(), value });
        }
        Write::Patch {
            api_version: API_VERSION.into(),
            object: ObjectKey::of(self.object),
            subresource: None,
            operations,
        }
    }

    /// Deletes it, if it is still as it was read.
    pub(super) fn delete(&self) -> Write {
        let text = |key: &str| self.object["metadata"][key].as_str().unwrap_or_default().to_owned();
        Write::Delete {
            api_version: API_VERSION.into(),
            object: ObjectKey::of(self.object),
            uid: text("uid"),
            resource_version: Some(text("resourceVersion")),
        }
    }

    /// The object with these hosts, without what the API server adds.
    pub(super) fn with_hosts(&self, hosts: &[String]) -> Value {
        let mut object = self.object.clone();
        object["spec"]["servers"][self.server]["hosts"] = hosts.into();
        let metadata = &self.object["metadata"];
        object["metadata"] = serde_json::json!({
            "name": metadata["name"], "namespace": metadata["namespace"], "labels": metadata["labels"],
        });
        serde_json::json!({"apiVersion": object["apiVersion"], "kind": object["kind"], "metadata": object["metadata"], "spec": object["spec"]})
    }
}
