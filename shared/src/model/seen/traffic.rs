//! One cluster as traffic sees it: where workloads run, what is exposed, which rules govern.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use crate::model::names::service::ServiceName;
use crate::model::names::{ClusterName, NetworkName};

/// What exposure, locality and drills decide by, of one cluster.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ObservedTraffic {
    /// Name of the kubeconfig's context.
    pub context: String,
    /// UID of namespace kube-system: two contexts with the same one are one cluster.
    pub uid: String,
    /// Its name in the mesh: `CLUSTER_ID` of its istiod.
    pub name: ClusterName,
    /// Label `topology.istio.io/network` of the control plane's namespace.
    pub network: Option<NetworkName>,
    /// Namespace of istiod.
    pub system_namespace: String,
    /// What istiod's mesh configuration says that matters here.
    pub mesh_config: MeshConfig,
    /// All namespaces.
    pub namespaces: BTreeSet<String>,
    /// All nodes by name.
    pub nodes: BTreeMap<String, Locality>,
    /// All services of the namespace of the one that was asked for, or of all namespaces.
    pub services: BTreeMap<ServiceName, ServiceSeen>,
    /// Namespaces that have a service of the name that was asked for, where its own has none.
    pub namesakes: BTreeSet<String>,
    /// The pods in the namespaces of these services and of what else was asked for, and gateways' pods (those with a label
    /// `istio` or selected by an east-west gateway's Service) of all namespaces. Those that have ended are left out.
    pub pods: Vec<PodSeen>,
    /// Every `Gateway` of `networking.istio.io`, whole.
    pub gateways: Vec<Value>,
    /// The east-west gateways: Services that carry a network's label and have the port 15443, or the one that the label
    /// `networking.istio.io/gatewayPort` names.
    pub east_west: Vec<EastWestGateway>,
    /// Every `DestinationRule`, whole.
    pub destination_rules: Vec<Value>,
    /// Where the user may not read those of all namespaces: the namespaces in which alone gateways, their pods and Services, and
    /// `DestinationRule`s were looked for. Empty where all were.
    pub narrowed_to: BTreeSet<String>,
}

/// Fields of istiod's mesh configuration (ConfigMap `istio` or `istio-<revision>`, key `mesh`).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MeshConfig {
    /// `rootNamespace`, by default istiod's own.
    pub root_namespace: String,
    /// Version of istiod by its image's tag, such as `1.31.0`, where it tells one.
    pub version: Option<String>,
    /// `defaultTrafficPolicy.outlierDetection`, where it is set (since 1.31).
    pub default_outlier_detection: Option<Value>,
    /// `localityLbSetting`, where it is set.
    pub locality: Option<Value>,
    /// Whether `defaultDestinationRuleExportTo` has `.`: then a DestinationRule that names no namespaces governs its own alone.
    pub private_rules: bool,
    /// Hosts of `serviceSettings` with `clusterLocal: true`; may begin with `*`.
    pub cluster_local: Vec<String>,
}

/// Where something runs. Empty text stands for what is not known.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Locality {
    /// Label `topology.kubernetes.io/region`, or the first part of `topology.istio.io/locality`.
    pub region: String,
    /// Label `topology.kubernetes.io/zone`, or the second part.
    pub zone: String,
    /// Label `topology.istio.io/subzone`, or the third part.
    pub sub_zone: String,
}

/// A Service.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ServiceSeen {
    /// Its ports.
    pub ports: Vec<ServicePort>,
    /// `spec.selector`.
    pub selector: BTreeMap<String, String>,
    /// `clusterIP: None`.
    pub headless: bool,
    /// `spec.trafficDistribution`, where it is set.
    pub traffic_distribution: Option<String>,
    /// Ready and not ready endpoints by the EndpointSlices, each once.
    pub endpoints: Vec<EndpointSeen>,
}

/// A port of a Service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServicePort {
    /// May be empty where it is the only one.
    pub name: String,
    /// The Service's own.
    pub port: u16,
    /// The pods': a number, or the name of a container's port.
    pub target: String,
    /// `http`, `http2`, `grpc`, `tcp`, `tls`, … as Istio takes it from `appProtocol` or from the name's prefix; empty where
    /// neither tells (Istio then sniffs).
    pub protocol: String,
}

/// An endpoint of a Service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EndpointSeen {
    /// Its IP.
    pub address: String,
    /// Whether it is ready (EndpointSlice `conditions.ready`, absent counts as ready).
    pub ready: bool,
    /// The pod of its `targetRef`, in the Service's namespace.
    pub pod: Option<String>,
    /// The node that it runs on.
    pub node: Option<String>,
}

/// A pod.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PodSeen {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Where it runs: `topology.istio.io/locality` (or `istio-locality`) before its node's labels.
    pub locality: Locality,
    /// Whether that was a label of its own.
    pub locality_of_its_own: bool,
    /// Its IP, where it has one.
    pub address: Option<String>,
    /// The node, where it is scheduled.
    pub node: Option<String>,
    /// Condition Ready, and not on its way out.
    pub ready: bool,
    /// Whether it has a container (or native sidecar) `istio-proxy`.
    pub sidecar: bool,
    /// Names of its other containers.
    pub containers: Vec<String>,
    /// Named container ports, for target ports that are names.
    pub ports: BTreeMap<String, u16>,
    /// Kind and name of the controlling owner, such as (`ReplicaSet`, `helloworld-v1-7d9`).
    pub owner: Option<(String, String)>,
}

/// An east-west gateway.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EastWestGateway {
    /// Its namespace.
    pub namespace: String,
    /// Name of its Service.
    pub service: String,
    /// `spec.selector` of the Service.
    pub selector: BTreeMap<String, String>,
    /// Labels that all its pods share, by which a `Gateway` may select it; the selector's where no pod runs.
    pub pod_labels: BTreeMap<String, String>,
    /// The port on which it takes mutual TLS from other networks, mostly 15443.
    pub port: u16,
    /// Addresses in its status.
    pub addresses: Vec<String>,
    /// Ready pods.
    pub ready: usize,
}

impl Locality {
    /// `region/zone/sub-zone` as far as it is known; empty where nothing is.
    pub fn path(&self) -> String {
        let parts = [&self.region, &self.zone, &self.sub_zone];
        let known = parts.iter().take_while(|part| !part.is_empty()).count();
        parts.iter().take(known).map(|part| part.as_str()).collect::<Vec<_>>().join("/")
    }
}

impl PodSeen {
    /// Whether a Service in the pod's namespace with this selector selects it: it has all these labels. A Service without a
    /// selector selects no pod (kubernetes/kubernetes pkg/controller/endpointslice, which skips such Services).
    pub fn is_selected_by(&self, selector: &BTreeMap<String, String>) -> bool {
        !selector.is_empty() && selector.iter().all(|(key, value)| self.labels.get(key) == Some(value))
    }
}

impl ObservedTraffic {
    /// The pod of an endpoint of a service in this namespace.
    pub fn pod(&self, namespace: &str, name: &str) -> Option<&PodSeen> {
        self.pods.iter().find(|pod| pod.namespace == namespace && pod.name == name)
    }

    /// How many ready endpoints a service has here, by region; those whose region is not known count under the empty text.
    pub fn ready_by_region(&self, service: &ServiceName) -> BTreeMap<String, usize> {
        let mut regions = BTreeMap::new();
        let endpoints = self.services.get(service).map(|seen| seen.endpoints.as_slice()).unwrap_or_default();
        for endpoint in endpoints.iter().filter(|endpoint| endpoint.ready) {
            *regions.entry(self.locality_of(service, endpoint).region.clone()).or_insert(0) += 1;
        }
        regions
    }

    /// Where an endpoint of a service runs.
    pub fn locality_of<'a>(&'a self, service: &ServiceName, endpoint: &EndpointSeen) -> &'a Locality {
        static UNKNOWN: Locality = Locality { region: String::new(), zone: String::new(), sub_zone: String::new() };
        let pod = endpoint.pod.as_deref().and_then(|pod| self.pod(&service.namespace, pod));
        let node = || self.nodes.get(endpoint.node.as_deref()?);
        pod.map(|pod| &pod.locality).or_else(node).unwrap_or(&UNKNOWN)
    }
}
