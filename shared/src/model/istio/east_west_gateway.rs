//! The east-west gateway: ServiceAccount, Service and an injected Deployment.

pub mod additions;

use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec};
use k8s_openapi::api::core::v1::{
    Capabilities, Container, EnvVar, HTTPGetAction, PodSecurityContext, PodSpec, PodTemplateSpec, Probe,
    ResourceRequirements, SeccompProfile, SecurityContext, Service, ServiceAccount, ServicePort, ServiceSpec,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::Value;
use std::collections::BTreeMap;

use super::NETWORK_LABEL;
use super::cross_network_gateway::PORT;
use super::manifest::to_manifest;
use crate::model::kube::managed_by::MANAGED_BY;
use crate::model::names::NetworkName;

/// Its name in Istio's own samples (istio/istio samples/multicluster/gen-eastwest-gateway.sh), which users know.
pub const NAME: &str = "istio-eastwestgateway";

/// The port on which a gateway reports its health, reachable before anything is exposed.
pub const STATUS_PORT: u16 = 15021;

/// The parts of a gateway that differ between clusters.
#[derive(Debug, Clone)]
pub struct Gateway<'a> {
    /// The control plane's namespace.
    pub namespace: &'a str,
    /// The network that it leads to.
    pub network: &'a NetworkName,
    /// Label `istio.io/rev`, for a control plane whose revision is not the default.
    pub revision: Option<&'a str>,
    /// Annotations of the Service, read by clouds.
    pub annotations: &'a BTreeMap<String, String>,
    /// Value of the label `app.kubernetes.io/managed-by`.
    pub managed_by: &'a str,
}

impl Gateway<'_> {
    fn labels(&self) -> BTreeMap<String, String> {
        [
            ("app", NAME),
            ("istio", "eastwestgateway"),
            (NETWORK_LABEL, self.network.as_str()),
            (MANAGED_BY, self.managed_by),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into()
    }

    fn metadata(&self) -> ObjectMeta {
        ObjectMeta {
            name: Some(NAME.into()),
            namespace: Some(self.namespace.into()),
            labels: Some(self.labels()),
            ..ObjectMeta::default()
        }
    }

    /// Its account.
    pub fn service_account(&self) -> Value {
        to_manifest("v1", "ServiceAccount", &ServiceAccount { metadata: self.metadata(), ..ServiceAccount::default() })
    }

    /// Its Service: a load balancer whose address every peer's istiod reads. Of the ports in Istio's sample only those that
    /// peers use: 15012 and 15017 lead to istiod, which nobody outside needs where each cluster has its own.
    pub fn service(&self) -> Value {
        let port = |name: &str, port: u16| ServicePort {
            name: Some(name.into()),
            port: i32::from(port),
            target_port: Some(IntOrString::Int(i32::from(port))),
            ..ServicePort::default()
        };
        let mut metadata = self.metadata();
        metadata.annotations = (!self.annotations.is_empty()).then(|| self.annotations.clone());
        let spec = ServiceSpec {
            type_: Some("LoadBalancer".into()),
            selector: Some(selector()),
            ports: Some(vec![port("status-port", STATUS_PORT), port("tls", PORT)]),
            ..ServiceSpec::default()
        };
        to_manifest("v1", "Service", &Service { metadata, spec: Some(spec), ..Service::default() })
    }

    /// Its Deployment. istiod's webhook fills in image and bootstrap, so it is created only once injection works: a pod
    /// admitted earlier keeps the image `auto` forever.
    pub fn deployment(&self) -> Value {
        let mut labels = self.labels();
        labels.remove(MANAGED_BY);
        labels.insert("sidecar.istio.io/inject".into(), "true".into());
        if let Some(revision) = self.revision {
            labels.insert("istio.io/rev".into(), revision.into());
        }
        let template = PodTemplateSpec {
            metadata: Some(ObjectMeta {
                labels: Some(labels),
                annotations: Some([("inject.istio.io/templates".to_owned(), "gateway".to_owned())].into()),
                ..ObjectMeta::default()
            }),
            spec: Some(PodSpec {
                service_account_name: Some(NAME.into()),
                node_selector: Some([("kubernetes.io/os".to_owned(), "linux".to_owned())].into()),
                security_context: Some(PodSecurityContext {
                    run_as_non_root: Some(true),
                    seccomp_profile: Some(SeccompProfile {
                        type_: "RuntimeDefault".into(),
                        ..SeccompProfile::default()
                    }),
                    ..PodSecurityContext::default()
                }),
                containers: vec![self.container()],
                ..PodSpec::default()
            }),
        };
        let spec = DeploymentSpec {
            selector: LabelSelector { match_labels: Some(selector()), ..LabelSelector::default() },
            template,
            ..DeploymentSpec::default()
        };
        to_manifest(
            "apps/v1",
            "Deployment",
            &Deployment { metadata: self.metadata(), spec: Some(spec), ..Deployment::default() },
        )
    }

    fn container(&self) -> Container {
        Container {
            name: "istio-proxy".into(),
            image: Some("auto".into()),
            // With the image `auto` the API server's own default would be Always.
            image_pull_policy: Some("IfNotPresent".into()),
            // Without it a gateway also forwards to the gateways of other networks.
            env: Some(vec![EnvVar {
                name: "ISTIO_META_REQUESTED_NETWORK_VIEW".into(),
                value: Some(self.network.as_str().into()),
                ..EnvVar::default()
            }]),
            security_context: Some(SecurityContext {
                allow_privilege_escalation: Some(false),
                capabilities: Some(Capabilities { drop: Some(vec!["ALL".into()]), ..Capabilities::default() }),
                run_as_non_root: Some(true),
                ..SecurityContext::default()
            }),
            // The injected template asks every 15 s whether the gateway is ready; this asks every second until it is, once.
            startup_probe: Some(Probe {
                http_get: Some(HTTPGetAction {
                    path: Some("/healthz/ready".into()),
                    port: IntOrString::Int(i32::from(STATUS_PORT)),
                    ..HTTPGetAction::default()
                }),
                period_seconds: Some(1),
                timeout_seconds: Some(3),
                failure_threshold: Some(600),
                ..Probe::default()
            }),
            resources: Some(ResourceRequirements { requests: Some(requests()), ..ResourceRequirements::default() }),
            ..Container::default()
        }
    }
}

/// What a gateway's pod asks for, as Istio's chart for gateways has it.
pub fn requests() -> BTreeMap<String, Quantity> {
    [("cpu", "100m"), ("memory", "128Mi")].map(|(what, amount)| (what.to_owned(), Quantity(amount.to_owned()))).into()
}

/// The clouds with an annotation for an internal address, by the scheme of their nodes' providerID.
pub const CLOUDS: [&str; 6] = ["aws", "azure", "gce", "ibm", "openstack", "alicloud"];

/// The annotations by which a cloud gives a Service an address that only its own network reaches; none for a cloud
/// without such an annotation or an unknown one.
///
/// Rule: Kubernetes documentation, "Internal load balancer" (concepts/services-networking/service).
pub fn internal_annotations(cloud: &str) -> Option<BTreeMap<String, String>> {
    let annotations: &[(&str, &str)] = match cloud {
        // The in-tree controller of older clusters reads a different key than the AWS Load Balancer Controller.
        "aws" => &[
            ("service.beta.kubernetes.io/aws-load-balancer-scheme", "internal"),
            ("service.beta.kubernetes.io/aws-load-balancer-internal", "true"),
        ],
        "azure" => &[("service.beta.kubernetes.io/azure-load-balancer-internal", "true")],
        "gce" => &[("networking.gke.io/load-balancer-type", "Internal")],
        "ibm" => &[("service.kubernetes.io/ibm-load-balancer-cloud-provider-ip-type", "private")],
        "openstack" => &[("service.beta.kubernetes.io/openstack-internal-load-balancer", "true")],
        "alicloud" => &[("service.beta.kubernetes.io/alibaba-cloud-loadbalancer-address-type", "intranet")],
        _ => return None,
    };
    Some(annotations.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect())
}

fn selector() -> BTreeMap<String, String> {
    [("istio".to_owned(), "eastwestgateway".to_owned()), ("app".to_owned(), NAME.to_owned())].into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gateway(annotations: &BTreeMap<String, String>) -> (Value, Value) {
        let network = NetworkName::new("network-east").unwrap();
        let gateway =
            Gateway { namespace: "istio-system", network: &network, revision: None, annotations, managed_by: "me" };
        (gateway.service(), gateway.deployment())
    }

    #[test]
    fn service_and_pods_carry_the_network() {
        let (service, deployment) = gateway(&BTreeMap::new());
        assert_eq!(service["metadata"]["labels"][NETWORK_LABEL], "network-east");
        let pod = &deployment["spec"]["template"];
        assert_eq!(pod["metadata"]["labels"][NETWORK_LABEL], "network-east");
        assert_eq!(pod["spec"]["containers"][0]["env"][0]["value"], "network-east");
    }

    #[test]
    fn it_opens_what_peers_use_and_runs_where_its_image_does() {
        let (service, deployment) = gateway(&BTreeMap::new());
        let ports: Vec<&Value> =
            service["spec"]["ports"].as_array().unwrap().iter().map(|port| &port["port"]).collect();
        assert_eq!(ports, [15021, 15443]);
        assert_eq!(deployment["spec"]["template"]["spec"]["nodeSelector"]["kubernetes.io/os"], "linux");
    }

    #[test]
    fn the_pods_pass_the_restricted_standard() {
        let (_, deployment) = gateway(&BTreeMap::new());
        let pod = &deployment["spec"]["template"]["spec"];
        assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
        assert_eq!(pod["containers"][0]["securityContext"]["capabilities"]["drop"][0], "ALL");
        assert_eq!(pod["containers"][0]["securityContext"]["allowPrivilegeEscalation"], false);
    }

    #[test]
    fn the_selector_matches_the_pods() {
        let (service, deployment) = gateway(&BTreeMap::new());
        let labels = &deployment["spec"]["template"]["metadata"]["labels"];
        for (key, value) in service["spec"]["selector"].as_object().unwrap() {
            assert_eq!(&labels[key], value);
            assert_eq!(&deployment["spec"]["selector"]["matchLabels"][key], value);
        }
    }

    #[test]
    fn annotations_reach_the_service() {
        let (service, _) = gateway(&internal_annotations("gce").unwrap());
        assert_eq!(service["metadata"]["annotations"]["networking.gke.io/load-balancer-type"], "Internal");
        assert!(internal_annotations("kind").is_none());
        assert!(CLOUDS.iter().all(|cloud| internal_annotations(cloud).is_some()));
    }
}
