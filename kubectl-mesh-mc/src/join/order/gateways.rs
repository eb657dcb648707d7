//! East-west gateways.

use std::collections::BTreeMap;

use mesh_shared::engine::steps::StepId;
use mesh_shared::model::istio::east_west_gateway;
use mesh_shared::model::istio::east_west_gateway::Gateway;
use mesh_shared::model::seen::observed_cluster::ObservedCluster;
use mesh_shared::plugin::error::Result;
use mesh_shared::plugin::finding::Finding;
use mesh_shared::plugin::finding::codes::gateway as codes;
use serde_json::Value;

use super::builder::{Builder, GatewayManifests, GatewayMilestones, Marks, PlannedCluster, apply, mark};
use crate::join::control_plane::ControlPlanePlan;
use crate::join::members::Member;
use crate::join::request::JoinRequest;
use crate::work::tasks::{Phase, Wait};

/// The annotations of a cluster's east-west gateway.
///
/// # Errors
/// A finding if the gateway has to be internal and the annotation for the cluster's cloud is unknown.
pub(in crate::join) fn gateway_annotations(
    request: &JoinRequest,
    member: &Member,
    observed: &ObservedCluster,
) -> Result<BTreeMap<String, String>, Finding> {
    let mut annotations = BTreeMap::new();
    if request.gateway_internal {
        let cloud = observed.platform.cloud.as_deref().unwrap_or("none");
        annotations = east_west_gateway::internal_annotations(cloud).ok_or_else(|| {
            codes::NO_INTERNAL_ADDRESS
                .found(format!("no annotation is known that gives {} an internal gateway address", member.name))
                .cluster(&member.name)
                .context(&member.context)
                .because(format!("the cloud named by its nodes' providerID is {cloud}"))
                .fix("give the annotation that its load balancer reads: --gateway-annotation KEY=VALUE")
        })?;
    }
    annotations.extend(request.gateway_annotations.clone());
    Ok(annotations)
}

pub(super) fn gateway_manifests(
    request: &JoinRequest,
    member: &Member,
    observed: &ObservedCluster,
    control_plane: &ControlPlanePlan,
) -> Result<GatewayManifests> {
    let annotations = gateway_annotations(request, member, observed).map_err(Finding::into_error)?;
    let gateway = Gateway {
        namespace: &request.system_namespace,
        network: &member.network,
        revision: control_plane.revision.as_deref(),
        annotations: &annotations,
        managed_by: request.managed_by,
    };
    Ok(GatewayManifests {
        account: gateway.service_account(),
        service: gateway.service(),
        deployment: gateway.deployment(),
    })
}

impl Builder<'_> {
    pub(super) fn gateways(&mut self, marks: &mut Marks, proved: Option<StepId>) -> Result<()> {
        for cluster in self.clusters {
            let after_namespace = mark(marks, cluster).namespace.or(proved);
            let GatewayManifests { account, service, deployment } = &cluster.gateway;
            let account = self.unless_it_stands(cluster, account, "the gateway runs as it", after_namespace)?;
            let why = "peers reach this network at its address";
            let service = self.unless_it_stands(cluster, service, why, after_namespace)?;
            let deployment = if cluster.stands(deployment) {
                None
            } else {
                let wait = Wait::Injection { revision: cluster.control_plane.revision.clone() };
                let after = mark(marks, cluster).istio;
                let why = "a gateway's pod created earlier would never start";
                let injected = self.push(cluster, Phase::Gateway, wait, why, after)?;
                let needs = account.into_iter().chain([injected]);
                let why = "traffic from peers enters through it";
                Some(self.push(cluster, Phase::Gateway, apply(deployment), why, needs)?)
            };
            let available =
                self.push(cluster, Phase::Gateway, Wait::Gateway, "traffic from peers enters through it", deployment)?;
            let why = "peers send traffic to it";
            let addresses = self.push_making(Some(cluster), Phase::Gateway, Wait::GatewayAddress, why, service)?;
            mark(marks, cluster).gateway = Some(GatewayMilestones { available, addresses });
        }
        Ok(())
    }

    /// Applies an object of the gateway, unless it exists as wanted.
    fn unless_it_stands(
        &mut self,
        cluster: &PlannedCluster<'_>,
        manifest: &Value,
        why: &str,
        needs: Option<StepId>,
    ) -> Result<Option<StepId>> {
        if cluster.stands(manifest) {
            return Ok(None);
        }
        self.push(cluster, Phase::Gateway, apply(manifest), why, needs).map(Some)
    }
}
