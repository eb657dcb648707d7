//! East-west gateways.

use mesh_shared::engine::steps::StepId;
use mesh_shared::model::istio::east_west_gateway::{Gateway, additions};
use mesh_shared::model::istio::network_gateway::NetworkGateway;
use mesh_shared::model::kube::object_key::ObjectKey;
use mesh_shared::model::kube::write::Write;
use mesh_shared::model::seen::observed_cluster::ObservedCluster;
use mesh_shared::plugin::error::Result;
use serde_json::Value;

use super::builder::{Builder, GatewayMilestones, GatewayWrites, Marks, PlannedCluster, mark};
use crate::join::control_plane::ControlPlanePlan;
use crate::join::gateway_plan::{GatewayPlan, our_objects};
use crate::join::members::Member;
use crate::join::request::JoinRequest;
use crate::work::tasks::{Action, Phase, Wait};

pub(super) fn gateway_writes(
    request: &JoinRequest,
    member: &Member,
    observed: &ObservedCluster,
    control_plane: &ControlPlanePlan,
    plan: &GatewayPlan,
) -> GatewayWrites {
    let ours = match plan {
        GatewayPlan::Uses(used) => return GatewayWrites { reached: used.clone(), ..GatewayWrites::default() },
        GatewayPlan::Ours(ours) => ours,
    };
    let gateway = Gateway {
        namespace: &request.system_namespace,
        network: &member.network,
        revision: control_plane.revision.as_deref(),
        annotations: &ours.annotations,
        managed_by: request.managed_by,
    };
    let [service_key, deployment_key, account_key] = our_objects(&request.system_namespace);
    let write = |key: &ObjectKey, manifest: Value, add: &dyn Fn(&Value) -> Vec<_>| match observed.objects.get(key) {
        None => Some(Write::Apply { manifest }),
        Some(live) => {
            let operations = add(live);
            let api_version = manifest["apiVersion"].as_str().unwrap_or_default().to_owned();
            let object = key.clone();
            (!operations.is_empty()).then_some(Write::Patch { api_version, object, subresource: None, operations })
        }
    };
    let service = write(&service_key, gateway.service(), &|live| additions::to_service(&gateway, live));
    // It has to be read again where it changes: a balancer may get another address by that.
    let mut known = observed.gateways.known().into_iter().flatten().filter(|_| service.is_none());
    let reached = known.find(|gateway| gateway.object.as_ref() == Some(&service_key)).cloned();
    let to_come = || NetworkGateway {
        network: member.network.to_string(),
        object: Some(service_key.clone()),
        addresses: Vec::new(),
        is_pending: true,
    };
    GatewayWrites {
        account: write(&account_key, gateway.service_account(), &|_| Vec::new()),
        deployment: write(&deployment_key, gateway.deployment(), &|live| additions::to_deployment(&gateway, live)),
        reached: vec![reached.unwrap_or_else(to_come)],
        service,
        is_ours: true,
    }
}

impl Builder<'_> {
    pub(super) fn gateways(&mut self, marks: &mut Marks, proved: Option<StepId>) -> Result<()> {
        for cluster in self.clusters {
            let after_namespace = mark(marks, cluster).namespace.or(proved);
            let GatewayWrites { account, service, deployment, is_ours, reached } = &cluster.gateway;
            let account = self.if_any(cluster, account.as_ref(), "the gateway runs as it", after_namespace)?;
            let why = "peers reach this network at its address";
            let service = self.if_any(cluster, service.as_ref(), why, after_namespace)?;
            let deployment = match deployment {
                None => None,
                Some(deployment) => {
                    let wait = Wait::Injection { revision: cluster.control_plane.revision.clone() };
                    let after = mark(marks, cluster).istio;
                    let why = "a gateway's pod created earlier would never start";
                    let injected = self.push(cluster, Phase::Gateway, wait, why, after)?;
                    let needs = account.into_iter().chain([injected]);
                    let why = "traffic from peers enters through it";
                    Some(self.push(cluster, Phase::Gateway, Action::Write(deployment.clone()), why, needs)?)
                }
            };
            let why = "traffic from peers enters through it";
            let available =
                is_ours.then(|| self.push(cluster, Phase::Gateway, Wait::Gateway, why, deployment)).transpose()?;
            let why = "peers send traffic to it";
            let wait = Wait::GatewayAddress { gateways: reached.clone() };
            let addresses = self.push_making(Some(cluster), Phase::Gateway, wait, why, service)?;
            mark(marks, cluster).gateway = Some(GatewayMilestones { available, addresses });
        }
        Ok(())
    }

    fn if_any(
        &mut self,
        cluster: &PlannedCluster<'_>,
        write: Option<&Write>,
        why: &str,
        needs: Option<StepId>,
    ) -> Result<Option<StepId>> {
        write.map(|write| self.push(cluster, Phase::Gateway, Action::Write(write.clone()), why, needs)).transpose()
    }
}
