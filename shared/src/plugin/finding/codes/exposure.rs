//! Which services other clusters reach.

use crate::plugin::finding::Code;

codes! {
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
