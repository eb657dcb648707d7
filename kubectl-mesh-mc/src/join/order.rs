//! The steps of a join: only what is missing, each as soon as what it needs is done.
//!
//! Three barriers hold everything back: the clusters are observed before there is a plan at all; addresses are proved before
//! anything but the probe's namespace is written; trust stands everywhere before any control plane is asked for.

use std::collections::BTreeMap;

use mesh_shared::engine::action::{Action, PeerAddresses, Phase, WantedAddress};
use mesh_shared::engine::steps::{StepId, Steps};
use mesh_shared::model::istio::gateway;
use mesh_shared::model::istio::gateway::Gateway;
use mesh_shared::model::istio::manifest::to_manifest;
use mesh_shared::model::istio::{namespace, remote_secret};
use mesh_shared::model::kube::difference::covers;
use mesh_shared::model::kube::object::ObjectKey;
use mesh_shared::model::names::ClusterName;
use mesh_shared::model::seen::cluster::ObservedCluster;
use mesh_shared::plugin::error::Result;
use mesh_shared::plugin::finding::Finding;
use mesh_shared::plugin::finding::codes::gateway as codes;
use serde_json::Value;

use super::control_plane::ControlPlanePlan;
use super::members::Member;
use super::remote_access::RemoteAccessPlan;
use super::request::JoinRequest;
use super::trust::{RootSource, TrustPlan};

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
        clusters.push(Cluster { member, observed, control_plane, gateway });
    }
    let mut builder = Builder { request, clusters: &clusters, access, trust, steps: Steps::default() };
    builder.build();
    Ok(builder.steps)
}

/// What a join needs to know of one cluster while it lays out the steps.
struct Cluster<'a> {
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

impl Cluster<'_> {
    /// Whether an object stands as it is wanted.
    fn stands(&self, manifest: &Value) -> bool {
        self.observed.objects.get(&ObjectKey::of(manifest)).is_some_and(|live| covers(live, manifest))
    }
}

/// The annotations of a cluster's east-west gateway.
///
/// # Errors
/// What was found where it is to be an internal one, and it is not known how in the cluster's cloud.
pub(super) fn gateway_annotations(
    request: &JoinRequest,
    member: &Member,
    observed: &ObservedCluster,
) -> Result<BTreeMap<String, String>, Finding> {
    let mut annotations = BTreeMap::new();
    if request.gateway_internal {
        let cloud = observed.cloud.as_deref().unwrap_or("none");
        annotations = gateway::internal_annotations(cloud).ok_or_else(|| {
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
    clusters: &'a [Cluster<'a>],
    access: &'a RemoteAccessPlan,
    trust: &'a TrustPlan,
    steps: Steps,
}

/// Steps of one cluster that others wait for.
#[derive(Default, Clone)]
struct Milestones {
    probe: Option<StepId>,
    namespace: Option<StepId>,
    cacerts: Option<StepId>,
    istio: Option<StepId>,
    ready: Vec<StepId>,
    gateway: Vec<StepId>,
    token: Option<StepId>,
    secrets: Vec<StepId>,
    verified: Vec<StepId>,
}

impl Builder<'_> {
    fn build(&mut self) {
        let mut marks: BTreeMap<ClusterName, Milestones> =
            self.clusters.iter().map(|cluster| (cluster.member.name.clone(), Milestones::default())).collect();
        let probing = self.request.probe && self.anything_missing();
        self.leftovers(&mut marks);
        if probing {
            self.probes(&mut marks);
        }
        let proved = self.addresses(&marks, probing);
        self.trust(&mut marks, proved);
        self.control_planes(&mut marks, proved);
        self.gateways(&mut marks, proved);
        self.tokens(&mut marks);
        self.secrets(&mut marks, proved, probing);
        self.verify(&mut marks, probing);
        if probing {
            self.remove_probes(&marks);
        }
    }

    /// Whether anything but a leftover of a killed run is to be written.
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

    fn system_namespace(&self, cluster: &Cluster<'_>) -> Value {
        let name = &self.request.system_namespace;
        let key = ObjectKey::new("Namespace", "", name);
        let ours = cluster.observed.objects.get(&key).is_none_or(|live| {
            live["metadata"]["labels"][mesh_shared::model::kube::managed_by::MANAGED_BY] == self.request.managed_by
        });
        namespace::system(name, &cluster.member.network, ours, self.request.managed_by)
    }

    fn push(
        &mut self,
        cluster: &Cluster<'_>,
        phase: Phase,
        action: Action,
        why: impl Into<String>,
        needs: impl IntoIterator<Item = StepId>,
    ) -> StepId {
        self.steps.push(Some(&cluster.member.name), phase, action, why, needs)
    }

    fn leftovers(&mut self, marks: &mut BTreeMap<ClusterName, Milestones>) {
        for cluster in self.clusters {
            if cluster.observed.leftover_probes.is_empty() {
                continue;
            }
            let action = Action::RemoveLeftoverProbes { namespaces: cluster.observed.leftover_probes.clone() };
            let id = self.push(cluster, Phase::Probe, action, "a run that was killed left it", []);
            mark(marks, cluster).probe = Some(id);
        }
    }

    fn probes(&mut self, marks: &mut BTreeMap<ClusterName, Milestones>) {
        for cluster in self.clusters {
            let after = mark(marks, cluster).probe;
            let why = "addresses are tried from where they will be used";
            let id = self.push(cluster, Phase::Probe, Action::StartProbe, why, after);
            mark(marks, cluster).probe = Some(id);
        }
    }

    /// The barrier that no write but the probe's passes before every address is proved.
    fn addresses(&mut self, marks: &BTreeMap<ClusterName, Milestones>, probing: bool) -> Option<StepId> {
        if self.access.missing.is_empty() {
            return None;
        }
        let mut proofs = Vec::new();
        for cluster in self.clusters.iter().filter(|_| probing) {
            let peers: Vec<PeerAddresses> = self
                .access
                .peers_of(&cluster.member.name)
                .into_iter()
                .filter_map(|name| self.clusters.iter().find(|other| other.member.name == *name))
                .map(|other| PeerAddresses {
                    peer: other.member.name.clone(),
                    addresses: other.observed.api_addresses.clone(),
                })
                .collect();
            if !peers.is_empty() {
                let action = Action::ProveAddresses { peers };
                let why = "istiod watches the peers' API servers";
                let id = self.push(cluster, Phase::Probe, action, why, marks[&cluster.member.name].probe);
                proofs.push(id);
            }
        }
        let wanted = self
            .clusters
            .iter()
            .map(|cluster| WantedAddress {
                cluster: cluster.member.name.clone(),
                by: self.access.readers_of(&cluster.member.name).into_iter().cloned().collect(),
                addresses: cluster.observed.api_addresses.clone(),
            })
            .filter(|wanted| !wanted.by.is_empty())
            .collect();
        let why = if probing { "the first that every peer proved wins" } else { "not proved: --no-probe" };
        Some(self.steps.push(None, Phase::Probe, Action::SettleAddresses { wanted }, why, proofs))
    }

    fn trust(&mut self, marks: &mut BTreeMap<ClusterName, Milestones>, proved: Option<StepId>) {
        let namespace = &self.request.system_namespace;
        let algorithm = self.request.key_algorithm;
        let root = (self.trust.root == RootSource::New && !self.trust.issue.is_empty()).then(|| {
            let key = self.steps.push(None, Phase::Trust, Action::MakeKey { algorithm }, "the root needs one", []);
            let needs = [Some(key), proved].into_iter().flatten();
            self.steps.push(None, Phase::Trust, Action::MakeRoot { algorithm }, "the mesh has no root yet", needs)
        });
        for cluster in self.clusters {
            let wanted = self.system_namespace(cluster);
            if !cluster.stands(&wanted) {
                let why = format!("{} is in network {}", cluster.member.name, cluster.member.network);
                let id = self.push(cluster, Phase::Trust, Action::Apply { manifest: wanted }, why, proved);
                mark(marks, cluster).namespace = Some(id);
            }
            if self.trust.issue.contains(&cluster.member.name) {
                let action = Action::IssueIntermediate { algorithm, uid: cluster.member.uid.clone() };
                let why = format!("{} has no certificate of the root", cluster.member.name);
                let key = (!self.trust.kept.contains(&cluster.member.name)).then(|| {
                    self.push(cluster, Phase::Trust, Action::MakeKey { algorithm }, "the intermediate needs one", [])
                });
                let needs = [key, root.or(proved)].into_iter().flatten();
                let issued = self.push(cluster, Phase::Trust, action, &why, needs);
                let needs = [Some(issued), mark(marks, cluster).namespace].into_iter().flatten();
                let action = Action::CreateCacerts { namespace: namespace.clone() };
                let id = self.push(cluster, Phase::Trust, action, why, needs);
                mark(marks, cluster).cacerts = Some(id);
            }
        }
    }

    fn control_planes(&mut self, marks: &mut BTreeMap<ClusterName, Milestones>, proved: Option<StepId>) {
        let trusted: Vec<StepId> =
            marks.values().flat_map(|marks| [marks.cacerts, marks.namespace]).flatten().chain(proved).collect();
        for cluster in self.clusters {
            let plan = cluster.control_plane;
            let mut cni_needs = trusted.clone();
            if plan.cni.is_some() {
                let manifest = namespace::plain(&plan.cni_namespace, self.request.managed_by);
                let key = ObjectKey::of(&manifest);
                if !cluster.observed.objects.contains_key(&key) {
                    let why = "the CNI plugin runs there";
                    cni_needs.push(self.push(cluster, Phase::ControlPlane, Action::Apply { manifest }, why, proved));
                }
            }
            let cni = plan.cni.as_ref().map(|manifest| {
                let action = Action::Apply { manifest: manifest.clone() };
                self.push(cluster, Phase::ControlPlane, action, "pods are redirected without privileges", cni_needs)
            });
            let istio = plan.istio.as_ref().map(|manifest| {
                let action = Action::Apply { manifest: manifest.clone() };
                let why = format!("{} has no control plane", cluster.member.name);
                self.push(cluster, Phase::ControlPlane, action, why, trusted.iter().copied())
            });
            let await_cni = Action::AwaitCni { namespace: plan.cni_namespace.clone() };
            let cni_ready = self.push(cluster, Phase::ControlPlane, await_cni, "pods start only with it", cni);
            let await_istio = Action::AwaitControlPlane { name: plan.name.clone() };
            // Ready alone is no proof that dependencies are healthy, so that this waits for the CNI as well.
            let istio_ready = self.push(
                cluster,
                Phase::ControlPlane,
                await_istio,
                "ready is proved, not believed",
                istio.into_iter().chain(cni),
            );
            let marks = mark(marks, cluster);
            marks.istio = istio;
            marks.ready = vec![cni_ready, istio_ready];
        }
    }

    fn gateways(&mut self, marks: &mut BTreeMap<ClusterName, Milestones>, proved: Option<StepId>) {
        for cluster in self.clusters {
            let after_namespace = mark(marks, cluster).namespace.or(proved);
            let GatewayManifests { account, service, deployment } = &cluster.gateway;
            let apply = |builder: &mut Self, manifest: &Value, why: &str, needs: Vec<StepId>| {
                (!cluster.stands(manifest)).then(|| {
                    let action = Action::Apply { manifest: manifest.clone() };
                    builder.push(cluster, Phase::Gateway, action, why, needs)
                })
            };
            let needs: Vec<StepId> = after_namespace.into_iter().collect();
            let account = apply(self, account, "the gateway runs as it", needs.clone());
            let service = apply(self, service, "peers reach this network by its address", needs);
            let deployment_id = (!cluster.stands(deployment)).then(|| {
                let after = mark(marks, cluster).istio;
                let action = Action::AwaitInjection { revision: cluster.control_plane.revision.clone() };
                let why = "a gateway's pod created earlier would never start";
                let injected = self.push(cluster, Phase::Gateway, action, why, after);
                let needs = [Some(injected), account].into_iter().flatten();
                let action = Action::Apply { manifest: deployment.clone() };
                self.push(cluster, Phase::Gateway, action, "traffic of peers enters by it", needs)
            });
            let available = self.push(
                cluster,
                Phase::Gateway,
                Action::AwaitGateway,
                "traffic of peers enters by it",
                deployment_id,
            );
            let address =
                self.push(cluster, Phase::Gateway, Action::AwaitGatewayAddress, "peers send traffic to it", service);
            mark(marks, cluster).gateway = vec![available, address];
        }
    }

    fn tokens(&mut self, marks: &mut BTreeMap<ClusterName, Milestones>) {
        let namespace = &self.request.system_namespace;
        for cluster in self.clusters {
            if self.access.readers_of(&cluster.member.name).is_empty() {
                continue;
            }
            let account = cluster.observed.reader_account.clone().unwrap_or_else(|| READER_ACCOUNT.into());
            let after = mark(marks, cluster).istio;
            let await_account = Action::AwaitReaderAccount { name: account.clone() };
            let there = self.push(cluster, Phase::Access, await_account, "the control plane's chart makes it", after);
            let manifest = to_manifest(
                "v1",
                "Secret",
                &remote_secret::reader_token_secret(&account, namespace, self.request.managed_by),
            );
            let secret = remote_secret::reader_token_name(&account);
            let written = if cluster.observed.reader_token {
                there
            } else {
                let why = format!("peers read {} by it", cluster.member.name);
                self.push(cluster, Phase::Access, Action::Apply { manifest }, why, [there])
            };
            let filled = Action::AwaitToken { secret };
            let id = self.push(cluster, Phase::Access, filled, "Kubernetes fills it", [written]);
            mark(marks, cluster).token = Some(id);
        }
    }

    fn secrets(&mut self, marks: &mut BTreeMap<ClusterName, Milestones>, proved: Option<StepId>, probing: bool) {
        for (reader, peer) in &self.access.missing {
            let Some(cluster) = self.clusters.iter().find(|cluster| cluster.member.name == *reader) else { continue };
            let token = marks[peer].token;
            let own = mark(marks, cluster).clone();
            let mut needs: Vec<StepId> = [token, proved, own.namespace].into_iter().flatten().collect();
            if probing {
                let action = Action::ProveToken { peer: peer.clone() };
                let why = "a credential that fails would hold istiod back for 30 s at every start";
                let id = self.push(cluster, Phase::Access, action, why, needs.iter().copied().chain(own.probe));
                needs.push(id);
            }
            let action = Action::WriteRemoteSecret { peer: peer.clone() };
            let id = self.push(cluster, Phase::Access, action, format!("{reader} discovers services of {peer}"), needs);
            mark(marks, cluster).secrets.push(id);
        }
    }

    fn verify(&mut self, marks: &mut BTreeMap<ClusterName, Milestones>, probing: bool) {
        for cluster in self.clusters {
            let own = mark(marks, cluster).clone();
            let others: Vec<&Cluster<'_>> =
                self.clusters.iter().filter(|other| other.member.name != cluster.member.name).collect();
            let peers: Vec<ClusterName> = others.iter().map(|other| other.member.name.clone()).collect();
            let gateways: Vec<StepId> =
                others.iter().flat_map(|other| marks[&other.member.name].gateway.iter().copied()).collect();
            let mut needs: Vec<StepId> = own.ready.iter().chain(&own.secrets).copied().collect();
            // The address alone makes a gateway known to a peer's istiod; it is the second of the two milestones.
            needs.extend(others.iter().filter_map(|other| marks[&other.member.name].gateway.last().copied()));
            let action = Action::VerifyDiscovery { peers: peers.clone() };
            let mut verified =
                vec![self.push(cluster, Phase::Verify, action, "every istiod has to see every peer", needs)];
            if probing {
                let action = Action::VerifyGateways { peers };
                let why = "traffic between networks goes through them";
                verified.push(self.push(cluster, Phase::Verify, action, why, gateways.into_iter().chain(own.probe)));
            }
            mark(marks, cluster).verified = verified;
        }
    }

    fn remove_probes(&mut self, marks: &BTreeMap<ClusterName, Milestones>) {
        for cluster in self.clusters {
            let name = &cluster.member.name;
            let users: Vec<StepId> = self
                .steps
                .iter()
                .filter(|(_, step)| step.cluster.as_ref() == Some(name))
                .filter(|(_, step)| {
                    matches!(
                        step.action,
                        Action::StartProbe
                            | Action::ProveAddresses { .. }
                            | Action::ProveToken { .. }
                            | Action::VerifyGateways { .. }
                    )
                })
                .map(|(id, _)| id)
                .chain(marks[name].probe)
                .collect();
            self.push(cluster, Phase::Verify, Action::RemoveProbe, "it is not needed any more", users);
        }
    }
}

fn mark<'a>(marks: &'a mut BTreeMap<ClusterName, Milestones>, cluster: &Cluster<'_>) -> &'a mut Milestones {
    marks.entry(cluster.member.name.clone()).or_default()
}
