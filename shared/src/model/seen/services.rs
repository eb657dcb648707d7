//! Services with their endpoints, and where pods and nodes are.

use super::locality::Locality;
use crate::model::kube::labels;
use crate::model::names::service::ServiceName;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What runs behind services, and where.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Services {
    /// All services of the namespace of the one that was asked for, or of all namespaces.
    pub by_name: BTreeMap<ServiceName, ServiceSeen>,
    /// Namespaces that have a service of the name that was asked for, where its own has none.
    pub namesakes: BTreeSet<String>,
    /// The pods in the namespaces of these services and of what else was asked for, and gateways' pods (those with a label
    /// `istio` or selected by an east-west gateway's Service) of all namespaces. Those that have ended are left out.
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

impl PodSeen {
    /// Whether a Service in the pod's namespace with this selector selects it: it has all these labels. A Service without a
    /// selector selects no pod (kubernetes/kubernetes pkg/controller/endpointslice, which skips such Services).
    pub fn is_selected_by(&self, selector: &BTreeMap<String, String>) -> bool {
        !selector.is_empty() && labels::selected(&self.labels, selector)
    }
}
