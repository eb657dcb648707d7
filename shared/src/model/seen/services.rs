//! Services with their endpoints, and where pods and nodes are.

use super::locality::Locality;
use crate::model::kube::labels;
use crate::model::names::service::ServiceName;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What runs behind services, and where.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Services {
    /// All services in the namespace of the requested one, or in all namespaces.
    pub by_name: BTreeMap<ServiceName, ServiceSeen>,
    /// If the requested service does not exist in its namespace: the namespaces that have one of the same name.
    pub namesakes: BTreeSet<String>,
    /// The pods in the namespaces of these services and of whatever else was asked for, and gateway pods (with a label
    /// `istio`, or selected by an east-west gateway's Service) in all namespaces. Pods that have ended are left out.
    pub pods: Vec<PodSeen>,
    /// All nodes by name.
    pub nodes: BTreeMap<String, Locality>,
    /// All namespaces.
    pub namespaces: BTreeSet<String>,
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
    /// `spec.trafficDistribution`, if set.
    pub traffic_distribution: Option<String>,
    /// Ready and unready endpoints from the EndpointSlices, each once.
    pub endpoints: Vec<EndpointSeen>,
}

/// A port of a Service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServicePort {
    /// May be empty if it is the only port.
    pub name: String,
    /// The Service's own.
    pub port: u16,
    /// The pods': a number, or the name of a container's port.
    pub target: String,
    /// `http`, `http2`, `grpc`, `tcp`, `tls`, … as Istio takes it from `appProtocol` or the name's prefix; empty if
    /// neither says (Istio then sniffs).
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
    /// Where it runs: its label `topology.istio.io/locality` (or `istio-locality`), else its node's labels.
    pub locality: Locality,
    /// Whether that comes from its own label.
    pub locality_of_its_own: bool,
    /// Its IP, if it has one.
    pub address: Option<String>,
    /// The node, if it is scheduled.
    pub node: Option<String>,
    /// Condition Ready, and not terminating.
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

impl PodSeen {
    /// Whether a Service in the pod's namespace with this selector selects it: it has all these labels. A Service
    /// without a selector selects no pod (kubernetes/kubernetes pkg/controller/endpointslice skips such Services).
    pub fn is_selected_by(&self, selector: &BTreeMap<String, String>) -> bool {
        !selector.is_empty() && labels::selected(&self.labels, selector)
    }
}
