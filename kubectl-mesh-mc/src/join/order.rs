//! The order of a join's steps: only what is missing, each as soon as the steps that it needs are done.
//!
//! Three barriers hold everything back: the clusters are observed before there is a plan at all; addresses are proved before
//! anything but the probe's namespace is written; trust is in place everywhere before any control plane is written.

use std::collections::BTreeMap;

use mesh_shared::engine::steps::{Made, StepId};
use mesh_shared::model::istio::east_west_gateway;
use mesh_shared::model::istio::east_west_gateway::Gateway;
use mesh_shared::model::istio::manifest::to_manifest;
use mesh_shared::model::istio::namespace;
use mesh_shared::model::istio::remote_secret;
use mesh_shared::model::istio::remote_secret::ReaderCredential;
use mesh_shared::model::kube::difference::covers;
use mesh_shared::model::kube::object_key::ObjectKey;
use mesh_shared::model::kube::write::Write;
use mesh_shared::model::names::ClusterName;
use mesh_shared::model::seen::observed_cluster::ObservedCluster;
use mesh_shared::plugin::error::{Error, Result};
use mesh_shared::plugin::finding::Finding;
use mesh_shared::plugin::finding::codes::gateway as codes;
use serde_json::Value;

use super::control_plane::ControlPlanePlan;
use super::members::Member;
use super::remote_access::RemoteAccessPlan;
use super::request::JoinRequest;
use super::trust::{RootSource, TrustPlan};
use crate::work::tasks::{
    Action, GatewayAddresses, PeerAccess, PeerAddresses, Phase, Probe, Settled, Steps, Task, Wait, WantedAddress,
};

/// Name of the reader account where the chart's values do not name another (istio/istio manifests/charts/base).
pub const READER_ACCOUNT: &str = "istio-reader-service-account";

pub(super) fn steps(
    request: &JoinRequest,
    members: &[Member],
    observed: &[ObservedCluster],
    trust: &TrustPlan,
    control_planes: &BTreeMap<ClusterName, ControlPlanePlan>,
    access: &RemoteAccessPlan,
) -> Result<Steps> {
    let mut clusters = Vec::new();
    for (member, observed) in members.iter().zip(observed) {
        let Some(control_plane) = control_planes.get(&member.name) else { continue };
        let gateway = gateway_manifests(request, member, observed, control_plane)?;
        clusters.push(PlannedCluster { member, observed, control_plane, gateway });
    }
    let mut builder = Builder { request, clusters: &clusters, access, trust, steps: Steps::default() };
    builder.build()?;
    Ok(builder.steps)
}

/// What a join needs to know of one cluster while it lays out the steps.
struct PlannedCluster<'a> {
    member: &'a Member,
    observed: &'a ObservedCluster,
    control_plane: &'a ControlPlanePlan,
    gateway: GatewayManifests,
}

struct GatewayManifests {
    account: Value,
    service: Value,
    deployment: Value,
}

impl PlannedCluster<'_> {
    /// Whether an object exists as wanted.
    fn stands(&self, manifest: &Value) -> bool {
        self.observed.objects.get(&ObjectKey::of(manifest)).is_some_and(|live| covers(live, manifest))
    }
}

/// The annotations of a cluster's east-west gateway.
///
/// # Errors
/// A finding if the gateway has to be internal and the annotation for the cluster's cloud is unknown.
pub(super) fn gateway_annotations(
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

fn gateway_manifests(
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

struct Builder<'a> {
    request: &'a JoinRequest,
    clusters: &'a [PlannedCluster<'a>],
    access: &'a RemoteAccessPlan,
    trust: &'a TrustPlan,
    steps: Steps,
}

/// Steps of one cluster that others wait for or take a result from.
#[derive(Default, Clone)]
struct Milestones {
    probe: Option<Made<Probe>>,
    namespace: Option<StepId>,
    cacerts: Option<StepId>,
    istio: Option<StepId>,
    ready: Vec<StepId>,
    gateway: Option<GatewayMilestones>,
    token: Option<Made<ReaderCredential>>,
    secrets: Vec<StepId>,
}

type Marks = BTreeMap<ClusterName, Milestones>;

impl Builder<'_> {
    fn build(&mut self) -> Result<()> {
        let mut marks: Marks =
            self.clusters.iter().map(|cluster| (cluster.member.name.clone(), Milestones::default())).collect();
        let probing = self.request.probe && self.anything_missing();
        let cleared = self.leftovers()?;
        if probing {
            self.probes(&mut marks, &cleared)?;
        }
        let settled = self.addresses(&marks)?;
        let proved = settled.map(Made::by);
        self.trust(&mut marks, proved)?;
        self.control_planes(&mut marks, proved)?;
        self.gateways(&mut marks, proved)?;
        self.tokens(&mut marks)?;
        if let Some(settled) = settled {
            self.secrets(&mut marks, settled)?;
        }
        self.verify(&marks)?;
        self.remove_probes(&marks)
    }

    /// Whether anything has to be written, apart from removing what killed runs left.
    fn anything_missing(&self) -> bool {
        !self.access.missing.is_empty()
            || !self.trust.issue.is_empty()
            || self.clusters.iter().any(|cluster| {
                cluster.control_plane.istio.is_some()
                    || cluster.control_plane.cni.is_some()
                    || !cluster.stands(&cluster.gateway.account)
                    || !cluster.stands(&cluster.gateway.service)
                    || !cluster.stands(&cluster.gateway.deployment)
                    || !cluster.stands(&self.system_namespace(cluster))
            })
    }

    fn system_namespace(&self, cluster: &PlannedCluster<'_>) -> Value {
        let name = &self.request.system_namespace;
        let key = ObjectKey::new("Namespace", "", name);
        let ours = cluster.observed.objects.get(&key).is_none_or(|live| {
            live["metadata"]["labels"][mesh_shared::model::kube::managed_by::MANAGED_BY] == self.request.managed_by
        });
        namespace::system(name, &cluster.member.network, ours, self.request.managed_by)
    }

    fn push(
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
    fn push_making<T: 'static>(
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

    /// The steps that remove what killed runs left, by cluster.
    fn leftovers(&mut self) -> Result<BTreeMap<ClusterName, StepId>> {
        let mut cleared = BTreeMap::new();
        for cluster in self.clusters.iter().filter(|cluster| !cluster.observed.probes.leftover.is_empty()) {
            let task = Task::RemoveLeftoverProbes { namespaces: cluster.observed.probes.leftover.clone() };
            let id = self.push(cluster, Phase::Probe, task, "left by a killed run", [])?;
            cleared.insert(cluster.member.name.clone(), id);
        }
        Ok(cleared)
    }

    fn probes(&mut self, marks: &mut Marks, cleared: &BTreeMap<ClusterName, StepId>) -> Result<()> {
        for cluster in self.clusters {
            let after = cleared.get(&cluster.member.name).copied();
            let why = "addresses are tried from where they will be used";
            let probe = self.push_making(Some(cluster), Phase::Probe, Task::StartProbe, why, after)?;
            mark(marks, cluster).probe = Some(probe);
        }
        Ok(())
    }

    /// The barrier: no write but the probe's passes it before every address is proved.
    fn addresses(&mut self, marks: &Marks) -> Result<Option<Made<Settled>>> {
        if self.access.missing.is_empty() {
            return Ok(None);
        }
        let mut proofs = Vec::new();
        for cluster in self.clusters {
            let Some(probe) = marks[&cluster.member.name].probe else { continue };
            let peers: Vec<PeerAddresses> = self
                .access
                .peers_of(&cluster.member.name)
                .into_iter()
                .filter_map(|name| self.clusters.iter().find(|other| other.member.name == *name))
                .map(|other| PeerAddresses {
                    peer: other.member.name.clone(),
                    addresses: other.observed.access.api_addresses.clone(),
                })
                .collect();
            if !peers.is_empty() {
                let task = Task::ProveAddresses { probe, peers };
                let why = "istiod watches the peers' API servers";
                proofs
                    .push((cluster.member.name.clone(), self.push_making(Some(cluster), Phase::Probe, task, why, [])?));
            }
        }
        let wanted = self
            .clusters
            .iter()
            .map(|cluster| WantedAddress {
                cluster: cluster.member.name.clone(),
                by: self.access.readers_of(&cluster.member.name).into_iter().cloned().collect(),
                addresses: cluster.observed.access.api_addresses.clone(),
            })
            .filter(|wanted| !wanted.by.is_empty())
            .collect();
        let probing = marks.values().any(|marks| marks.probe.is_some());
        let why = if probing { "the first that every peer proved wins" } else { "not proved: --no-probe" };
        self.push_making(None, Phase::Probe, Task::SettleAddresses { wanted, proofs }, why, []).map(Some)
    }

    fn trust(&mut self, marks: &mut Marks, proved: Option<StepId>) -> Result<()> {
        let namespace = &self.request.system_namespace;
        let algorithm = self.request.key_algorithm;
        let root = if self.trust.root == RootSource::New && !self.trust.issue.is_empty() {
            let key = self.push_making(None, Phase::Trust, Task::MakeKey { algorithm }, "the root needs one", [])?;
            let task = Task::MakeRoot { key, algorithm };
            Some(self.push_making(None, Phase::Trust, task, "the mesh has no root yet", proved)?)
        } else {
            None
        };
        for cluster in self.clusters {
            let wanted = self.system_namespace(cluster);
            if !cluster.stands(&wanted) {
                let why = format!("{} is in network {}", cluster.member.name, cluster.member.network);
                let id = self.push(cluster, Phase::Trust, apply(&wanted), why, proved)?;
                mark(marks, cluster).namespace = Some(id);
            }
            if self.trust.issue.contains(&cluster.member.name) {
                let key = if self.trust.kept.contains(&cluster.member.name) {
                    None
                } else {
                    let task = Task::MakeKey { algorithm };
                    Some(self.push_making(Some(cluster), Phase::Trust, task, "the intermediate needs one", [])?)
                };
                let task = Task::IssueIntermediate { root, key, algorithm, uid: cluster.member.uid.clone() };
                let why = format!("{} has no certificate of the root", cluster.member.name);
                let after = if root.is_some() { None } else { proved };
                let intermediate = self.push_making(Some(cluster), Phase::Trust, task, &why, after)?;
                let task = Task::CreateCacerts { intermediate, namespace: namespace.clone() };
                let after = mark(marks, cluster).namespace;
                let id = self.push(cluster, Phase::Trust, task, why, after)?;
                mark(marks, cluster).cacerts = Some(id);
            }
        }
        Ok(())
    }

    fn control_planes(&mut self, marks: &mut Marks, proved: Option<StepId>) -> Result<()> {
        let trusted: Vec<StepId> =
            marks.values().flat_map(|marks| [marks.cacerts, marks.namespace]).flatten().chain(proved).collect();
        for cluster in self.clusters {
            let plan = cluster.control_plane;
            let mut cni_needs = trusted.clone();
            if plan.cni.is_some() {
                let manifest = namespace::plain(&plan.cni_namespace, self.request.managed_by);
                if !cluster.observed.objects.contains_key(&ObjectKey::of(&manifest)) {
                    let why = "the CNI plugin runs there";
                    cni_needs.push(self.push(cluster, Phase::ControlPlane, apply(&manifest), why, proved)?);
                }
            }
            let cni = match &plan.cni {
                Some(manifest) => {
                    let why = "pods are redirected without privileges";
                    Some(self.push(cluster, Phase::ControlPlane, apply(manifest), why, cni_needs)?)
                }
                None => None,
            };
            let istio = match &plan.istio {
                Some(manifest) => {
                    let why = format!("{} has no control plane", cluster.member.name);
                    Some(self.push(cluster, Phase::ControlPlane, apply(manifest), why, trusted.iter().copied())?)
                }
                None => None,
            };
            let cni_ready = self.push(cluster, Phase::ControlPlane, Wait::Cni, "pods start only with it", cni)?;
            let wait = Wait::ControlPlane { name: plan.name.clone() };
            // Ready alone does not prove that dependencies are healthy, so this waits for the CNI as well.
            let needs = istio.into_iter().chain(cni);
            let istio_ready = self.push(cluster, Phase::ControlPlane, wait, "ready is proved, not believed", needs)?;
            let marks = mark(marks, cluster);
            marks.istio = istio;
            marks.ready = vec![cni_ready, istio_ready];
        }
        Ok(())
    }

    fn gateways(&mut self, marks: &mut Marks, proved: Option<StepId>) -> Result<()> {
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

    fn tokens(&mut self, marks: &mut Marks) -> Result<()> {
        let namespace = &self.request.system_namespace;
        for cluster in self.clusters {
            if self.access.readers_of(&cluster.member.name).is_empty() {
                continue;
            }
            let account = cluster.observed.access.reader_account.clone().unwrap_or_else(|| READER_ACCOUNT.into());
            let after = mark(marks, cluster).istio;
            let wait = Wait::ReaderAccount { name: account.clone() };
            let there = self.push(cluster, Phase::Access, wait, "the control plane's chart makes it", after)?;
            let secret = remote_secret::reader_token_secret(&account, namespace, self.request.managed_by);
            let written = if cluster.observed.access.reader_token {
                there
            } else {
                let why = format!("peers read {} with it", cluster.member.name);
                self.push(cluster, Phase::Access, apply(&to_manifest("v1", "Secret", &secret)), why, [there])?
            };
            let wait = Wait::Token { secret: remote_secret::reader_token_name(&account) };
            let token = self.push_making(Some(cluster), Phase::Access, wait, "Kubernetes fills it", [written])?;
            mark(marks, cluster).token = Some(token);
        }
        Ok(())
    }

    fn secrets(&mut self, marks: &mut Marks, settled: Made<Settled>) -> Result<()> {
        for (reader, peer) in &self.access.missing {
            let cluster = self.clusters.iter().find(|cluster| cluster.member.name == *reader);
            let cluster = cluster.ok_or_else(|| lacking(reader, "cluster"))?;
            let token = marks.get(peer).and_then(|marks| marks.token).ok_or_else(|| lacking(peer, "reader's token"))?;
            let access = PeerAccess { addresses: settled, token };
            let Milestones { probe, namespace, .. } = *mark(marks, cluster);
            let mut needs: Vec<StepId> = namespace.into_iter().collect();
            if let Some(probe) = probe {
                let task = Task::ProveToken { peer: peer.clone(), probe, access };
                let why = "a credential that fails would hold istiod back for 30 s at every start";
                needs.push(self.push(cluster, Phase::Access, task, why, needs.clone())?);
            }
            let task = Task::WriteRemoteSecret { peer: peer.clone(), access };
            let id =
                self.push(cluster, Phase::Access, task, format!("{reader} discovers services of {peer}"), needs)?;
            mark(marks, cluster).secrets.push(id);
        }
        Ok(())
    }

    fn verify(&mut self, marks: &Marks) -> Result<()> {
        for cluster in self.clusters {
            let own = &marks[&cluster.member.name];
            let others =
                self.clusters.iter().map(|other| &other.member.name).filter(|name| **name != cluster.member.name);
            let gateway =
                |name| marks.get(name).and_then(|marks| marks.gateway).ok_or_else(|| lacking(name, "gateway"));
            let gateways: Vec<(&ClusterName, GatewayMilestones)> =
                others.map(|name| Ok((name, gateway(name)?))).collect::<Result<_>>()?;
            let peers: Vec<_> = gateways.iter().map(|(name, gateway)| ((*name).clone(), gateway.addresses)).collect();
            let needs = own.ready.iter().chain(&own.secrets).copied();
            // A peer's istiod knows a gateway by its address alone.
            let task = Task::VerifyDiscovery { peers: peers.clone() };
            self.push(cluster, Phase::Verify, task, "every istiod has to see every peer", needs)?;
            if let Some(probe) = own.probe {
                let needs = gateways.iter().map(|(_, gateway)| gateway.available);
                let why = "traffic between networks goes through them";
                self.push(cluster, Phase::Verify, Task::VerifyGateways { probe, peers }, why, needs)?;
            }
        }
        Ok(())
    }

    fn remove_probes(&mut self, marks: &Marks) -> Result<()> {
        for cluster in self.clusters {
            let Some(probe) = marks[&cluster.member.name].probe else { continue };
            let users: Vec<StepId> = self.steps.takers(probe.by()).collect();
            self.push(cluster, Phase::Verify, Task::RemoveProbe { probe }, "it is not needed any more", users)?;
        }
        Ok(())
    }
}

/// The two steps after which a gateway can be used.
#[derive(Clone, Copy)]
struct GatewayMilestones {
    available: StepId,
    addresses: Made<GatewayAddresses>,
}

fn mark<'a>(marks: &'a mut Marks, cluster: &PlannedCluster<'_>) -> &'a mut Milestones {
    marks.entry(cluster.member.name.clone()).or_default()
}

/// Server-side apply under our field manager.
fn apply(manifest: &Value) -> Action {
    Action::Write(Write::Apply { manifest: manifest.clone() })
}

fn lacking(cluster: &ClusterName, what: &str) -> Error {
    Error::failed(format!("the plan has no step for the {what} of {cluster}, which others need")).report()
}
