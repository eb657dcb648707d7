//! The gateways of networks that a cluster has, whoever made them.

use futures::try_join;
use serde_json::Value;

use crate::cluster::context::Cluster;
use crate::cluster::read::{every, optional, served_at, with_labels};
use crate::model::istio::NETWORK_LABEL;
use crate::model::istio::network_gateway::{NetworkGateway, is_on_nodes, of_resource, of_service};
use crate::plugin::error::Result;

/// The API of Gateways as Kubernetes has them. One that names its own addresses has no Service that shows them.
const GATEWAY_API: &str = "gateway.networking.k8s.io/v1";

/// Every gateway of a network, in all namespaces. Nodes are read only if a gateway is reached at their addresses.
///
/// # Errors
/// If these may not be read, or the API server does not answer.
pub(super) async fn observe(cluster: &Cluster) -> Result<Vec<NetworkGateway>> {
    let labels = [(NETWORK_LABEL, "")];
    let resources = with_labels(&format!("/apis/{GATEWAY_API}/gateways"), &labels);
    let (services, resources) =
        try_join!(every(cluster, "Service", "", &labels), served_at(cluster, &resources, GATEWAY_API, "Gateway"))?;
    let nodes =
        if services.iter().any(is_on_nodes) { optional(cluster, "/api/v1/nodes".into()).await? } else { Vec::new() };
    Ok(assemble(&services, &resources.unwrap_or_default(), &nodes))
}

fn assemble(services: &[Value], resources: &[Value], nodes: &[Value]) -> Vec<NetworkGateway> {
    let of_services = services.iter().filter_map(|service| of_service(service, nodes));
    of_services.chain(resources.iter().filter_map(of_resource)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cluster::test_api_server::{Answer, answering};
    use crate::plugin::error::Kind;

    fn services(kind: &str) -> Answer {
        let service = json!({
            "metadata": {"namespace": "a", "name": "ew", "labels": {NETWORK_LABEL: "n1"}, "annotations": {"traffic.istio.io/nodeSelector": "{}"}},
            "spec": {"type": kind, "ports": [{"port": 15443, "nodePort": 30443}], "externalIPs": ["203.0.113.9"]},
        });
        Answer::Status(200, json!({"items": [service]}))
    }

    fn absent() -> Answer {
        Answer::Status(404, json!({"kind": "Status", "reason": "NotFound", "message": "no such page"}))
    }

    #[tokio::test]
    async fn a_cluster_without_the_gateway_api_has_the_gateways_that_services_are() {
        let (cluster, asked) = answering([services("ClusterIP"), absent()]);
        let found = observe(&cluster).await.unwrap();
        assert_eq!(found.iter().map(ToString::to_string).collect::<Vec<_>>(), ["Service a/ew"]);
        assert_eq!(asked.lock().unwrap().len(), 2, "nodes are not read for it");
    }

    #[tokio::test]
    async fn nodes_are_read_for_a_gateway_that_is_reached_at_theirs() {
        let node = json!({"metadata": {}, "status": {"addresses": [{"type": "ExternalIP", "address": "203.0.113.1"}]}});
        let nodes = Answer::Status(200, json!({"items": [node]}));
        let (cluster, _) = answering([services("NodePort"), absent(), nodes]);
        let found = observe(&cluster).await.unwrap();
        assert_eq!((found[0].addresses[0].host.as_str(), found[0].addresses[0].port), ("203.0.113.1", 30443));
    }

    #[tokio::test]
    async fn services_that_may_not_be_read_are_no_empty_list() {
        let forbidden = Answer::Status(403, json!({"kind": "Status", "reason": "Forbidden", "message": "cannot list"}));
        let (cluster, _) = answering([forbidden, absent()]);
        assert_eq!(observe(&cluster).await.unwrap_err().kind, Kind::Forbidden);
    }
}
