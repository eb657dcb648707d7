//! The east-west gateways.

use crate::plugin::finding::{Code, Verb};

const JOIN: &[Verb] = &[Verb::Join];

codes! {
    NO_INTERNAL_ADDRESS = Code::error("gateway/no-internal-address", JOIN)
        .means("--gateway-internal is given, and no annotation is known that does it in a cluster's cloud.")
        .fix("Give the annotation that its load balancer reads: --gateway-annotation KEY=VALUE.");
    NOT_KNOWN = Code::error("gateway/not-known", JOIN)
        .means("Services or Gateways may not be read, so that it is not known whether a cluster has a gateway of its network. A second one would take connections and serve nobody.")
        .fix("Apply docs/permissions/mesh-mc-join.yaml, which allows to list them.");
    NAME_TAKEN = Code::error("gateway/name-taken", JOIN)
        .means("An object has the name of the gateway that a join would make, no join made it, and it is no gateway of the cluster's network.")
        .fix("Label its Service if it is the gateway, or delete it if nothing needs it.");
    NOT_IN_MESH_NETWORKS = Code::error("gateway/not-in-mesh-networks", JOIN)
        .means("A network's gateway is named by meshNetworks alone, and a member's control plane has no such entry: it would not know the gateway.")
        .fix("Give every control plane the same values.global.meshNetworks.");
    ANOTHER_NETWORK = Code::warning("gateway/another-network")
        .means("A Service of one member is labelled as a gateway of another member's network: istiod sends it a part of that network's connections.")
        .fix("Correct the label topology.istio.io/network of that Service.");
    NO_ADDRESS = Code::warning("gateway/no-address")
        .means("No address of a gateway that somebody made is known: istiod publishes none, unless the external addresses of nodes are its addresses and may not be read.")
        .fix("Make its Service a load balancer, give it externalIPs, or annotate a NodePort with traffic.istio.io/nodeSelector.");
    FLAG_DIFFERS = Code::warning("gateway/flag-differs")
        .means("A flag that is given changes a gateway that exists.")
        .fix("Leave the flag out if the gateway is to stay as it is.");
    FLAG_WITHOUT_EFFECT = Code::warning("gateway/flag-without-effect")
        .means("A flag about gateways is given, and a cluster's gateway is not a join's: nothing of it is changed.")
        .fix("Change that gateway by what made it.");
    NOT_INTERNAL_AS_OTHERS = Code::warning("gateway/not-internal-as-others")
        .means("Gateways of the mesh have internal addresses, and the one that is created gets none.")
        .fix("Give --gateway-internal, or the annotation: --gateway-annotation KEY=VALUE.");
}
