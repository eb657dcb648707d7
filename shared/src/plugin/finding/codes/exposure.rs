//! Which services other clusters reach.

use crate::plugin::finding::{Code, Verb};

codes! {
    NO_ENDPOINTS = Code::error("exposure/no-endpoints", &[Verb::Expose])
        .means("The service has no endpoints, in any cluster or in one that --clusters names: a Gateway there would lead nowhere.")
        .fix("Start its pods there first, or leave the cluster out of --clusters.");
    NO_GATEWAY = Code::error("exposure/no-gateway", &[Verb::Expose])
        .means("A cluster has no east-west gateway: no Service with the label topology.istio.io/network and the port 15443.")
        .fix("Make one: `kubectl mesh-mc join --contexts A,B,…`.");
    GATEWAY_PORTS_DIFFER = Code::error("exposure/gateway-ports-differ", &[Verb::Expose])
        .means("The east-west gateways of a cluster take connections on several ports, and one Gateway cannot open them all.")
        .fix("Write the Gateways yourself, one for each port.");
    GATEWAY_NOT_SELECTABLE = Code::error("exposure/gateway-not-selectable", &[Verb::Expose])
        .means("The pods of the east-west gateway have no labels by which a Gateway could select them and no other pods.")
        .fix("Give these pods a label of their own, such as istio: eastwestgateway.");
    GATEWAY_FOREIGN = Code::error("exposure/gateway-foreign", &[Verb::Expose])
        .means("The Gateway that would have to be changed belongs to someone else: it does not have our label.")
        .fix("Add the host to its hosts yourself, or hand it over by labelling it.");
    GATEWAY_CHANGED = Code::error("exposure/gateway-changed", &[Verb::Expose, Verb::Unexpose])
        .means("Our Gateway no longer has a server that passes TLS through on the east-west gateway's port.")
        .fix("Put that server back, or delete the Gateway and expose again.");
    NOT_EXPOSED = Code::warning("exposure/not-exposed")
        .means("Other clusters discover the service here and it is not exposed: a share of their connections is refused.")
        .fix("Expose it, `kubectl mesh-failover expose SERVICE`, or keep it at home: meshConfig.serviceSettings with clusterLocal.");
    OPENED_TWICE = Code::warning("exposure/opened-twice")
        .means("Two Gateways open the service: istiod drops one of them, or Envoy refuses both.")
        .fix("Take one of them back: `kubectl mesh-failover unexpose SERVICE` takes ours.");
    NO_SIDECAR = Code::warning("exposure/no-sidecar")
        .means("Endpoints have no sidecar, and are not reached from other networks.")
        .fix("Inject these pods.");
    NO_GATEWAY_ADDRESS = Code::warning("exposure/no-gateway-address")
        .means("The east-west gateway of a cluster has no address yet, so it cannot be reached.")
        .fix("See why its Service gets none from the load balancer.");
    HEADLESS = Code::note("exposure/headless")
        .means("The service is headless: from another network no single pod is reached by its own name.");
    NOT_RESOLVED = Code::note("exposure/not-resolved")
        .means("The name of the service does not resolve in a cluster that has no Service of that name.");
}
