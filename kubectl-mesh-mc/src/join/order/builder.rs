//! What lays out the steps of a join, one cluster after the other, and what it remembers of those that others need.

use std::collections::BTreeMap;

use mesh_shared::engine::steps::{Made, StepId};
use mesh_shared::model::istio::namespace;
use mesh_shared::model::istio::network_gateway::NetworkGateway;
use mesh_shared::model::istio::remote_secret::ReaderCredential;
use mesh_shared::model::kube::difference::covers;
use mesh_shared::model::kube::managed_by::MANAGED_BY;
use mesh_shared::model::kube::object_key::ObjectKey;
use mesh_shared::model::kube::write::Write;
use mesh_shared::model::names::ClusterName;
use mesh_shared::model::pki::authority::Issued;
use mesh_shared::model::seen::control_plane::TRUST_BUNDLE;
use mesh_shared::model::seen::observed_cluster::ObservedCluster;
use mesh_shared::plugin::error::{Error, Result};
use serde_json::Value;

use crate::join::control_plane::ControlPlanePlan;
use crate::join::members::Member;
use crate::join::remote_access::RemoteAccessPlan;
use crate::join::request::JoinRequest;
use crate::join::trust::TrustPlan;
use crate::work::tasks::{Action, GatewayAddresses, Phase, Probe, Steps};

/// What a join needs to know of one cluster while it lays out the steps.
pub(super) struct PlannedCluster<'a> {
    pub(super) member: &'a Member,
    pub(super) observed: &'a ObservedCluster,
    pub(super) control_plane: &'a ControlPlanePlan,
    pub(super) gateway: GatewayWrites,
}

impl PlannedCluster<'_> {
    /// Whether an object exists as wanted.
    pub(super) fn stands(&self, manifest: &Value) -> bool {
        self.observed.objects.get(&ObjectKey::of(manifest)).is_some_and(|live| covers(live, manifest))
    }

    /// The ConfigMap in which istiod publishes its roots.
    pub(super) fn trust_bundle(&self) -> String {
        let published = self.observed.trust.published.as_ref().map(|published| published.config_map.clone());
        let asked = || {
            let values = &self.control_plane.istio.as_ref()?["spec"]["values"];
            values["global"]["trustBundleName"].as_str().map(ToOwned::to_owned)
        };
        published.or_else(asked).unwrap_or_else(|| TRUST_BUNDLE.into())
    }
}

/// What has to be written for a cluster's gateway, and where it will be reached.
#[derive(Default)]
pub(super) struct GatewayWrites {
    pub(super) account: Option<Write>,
    pub(super) service: Option<Write>,
    pub(super) deployment: Option<Write>,
    /// Whether joins make it, so that its Deployment is waited for.
    pub(super) is_ours: bool,
    /// Where it is, or will be, reached.
    pub(super) reached: Vec<NetworkGateway>,
}

impl GatewayWrites {
    pub(super) fn is_empty(&self) -> bool {
        self.account.is_none() && self.service.is_none() && self.deployment.is_none()
    }
}

pub(super) struct Builder<'a> {
    pub(super) request: &'a JoinRequest,
    pub(super) clusters: &'a [PlannedCluster<'a>],
    pub(super) access: &'a RemoteAccessPlan,
    pub(super) trust: &'a TrustPlan,
    pub(super) steps: Steps,
}

/// Steps of one cluster that others wait for or take a result from.
#[derive(Default, Clone)]
pub(super) struct Milestones {
    pub(super) probe: Option<Made<Probe>>,
    pub(super) namespace: Option<StepId>,
    pub(super) cacerts: Option<StepId>,
    pub(super) intermediate: Option<Made<Issued>>,
    pub(super) istio: Option<StepId>,
    pub(super) ready: Vec<StepId>,
    pub(super) gateway: Option<GatewayMilestones>,
    pub(super) token: Option<Made<ReaderCredential>>,
    pub(super) secrets: Vec<StepId>,
}

pub(super) type Marks = BTreeMap<ClusterName, Milestones>;

/// The steps after which a gateway can be used.
#[derive(Clone, Copy)]
pub(super) struct GatewayMilestones {
    /// None for one that is used as it is.
    pub(super) available: Option<StepId>,
    pub(super) addresses: Made<GatewayAddresses>,
}

impl Builder<'_> {
    pub(super) fn system_namespace(&self, cluster: &PlannedCluster<'_>) -> Value {
        let name = &self.request.system_namespace;
        let key = ObjectKey::new("Namespace", "", name);
        let ours = cluster
            .observed
            .objects
            .get(&key)
            .is_none_or(|live| live["metadata"]["labels"][MANAGED_BY] == self.request.managed_by);
        namespace::system(name, &cluster.member.network, ours, self.request.managed_by)
    }

    pub(super) fn push(
        &mut self,
        cluster: &PlannedCluster<'_>,
        phase: Phase,
        action: impl Into<Action>,
        why: impl Into<String>,
        needs: impl IntoIterator<Item = StepId>,
    ) -> Result<StepId> {
        self.steps.push(Some(&cluster.member.name), phase, action.into(), why, needs)
    }

    /// Like [`Self::push`], for a step that makes something for others.
    pub(super) fn push_making<T: 'static>(
        &mut self,
        cluster: Option<&PlannedCluster<'_>>,
        phase: Phase,
        action: impl Into<Action>,
        why: impl Into<String>,
        needs: impl IntoIterator<Item = StepId>,
    ) -> Result<Made<T>> {
        let cluster = cluster.map(|cluster| &cluster.member.name);
        let id = self.steps.push(cluster, phase, action.into(), why, needs)?;
        self.steps.made(id)
    }
}

pub(super) fn mark<'a>(marks: &'a mut Marks, cluster: &PlannedCluster<'_>) -> &'a mut Milestones {
    marks.entry(cluster.member.name.clone()).or_default()
}

/// Server-side apply under our field manager.
pub(super) fn apply(manifest: &Value) -> Action {
    Action::Write(Write::Apply { manifest: manifest.clone() })
}

pub(super) fn lacking(cluster: &ClusterName, what: &str) -> Error {
    Error::failed(format!("the plan has no step for the {what} of {cluster}, which others need")).report()
}
