//! What must be so before a drill may begin.

use crate::plugin::finding::{Code, Verb};

const DRILL: &[Verb] = &[Verb::Drill];

codes! {
    MESH_INCOMPLETE = Code::error("drill/mesh-incomplete", DRILL)
        .means("The mesh has a cluster of which no context is named: a drill could run there unnoticed, or traffic go there.")
        .fix("Name the contexts of all clusters: --contexts A,B,….");
    RUNS_ALREADY = Code::error("drill/runs-already", DRILL)
        .means("A drill of the service is already running.")
        .fix("Wait for its end, or see it: `kubectl mesh-failover drill list`.");
    LEFT_OVER = Code::error("drill/left-over", DRILL)
        .means("An earlier drill of the service was not put back.")
        .fix("Put it back: `kubectl mesh-failover drill recover SERVICE`.");
    NO_SERVICE = Code::error("drill/no-service", DRILL)
        .means("The service is not in the cluster that is to fail.")
        .fix("Name a cluster that has it: --cluster.");
    NO_SUCH_PORT = Code::error("drill/no-such-port", DRILL)
        .means("The service has several ports and none is named, or none as --port names it.")
        .fix("Name one: --port.");
    TARGET_PORT_UNKNOWN = Code::error("drill/target-port-unknown", DRILL)
        .means("The target port of the service is a name that none of its pods has.")
        .fix("Give the container's port this name.");
    NO_ENDPOINT = Code::error("drill/no-endpoint", DRILL)
        .means("The service has no ready endpoint in the cluster that is to fail.")
        .fix("Bring its workload up first.");
    NOT_FAILABLE = Code::error("drill/not-failable", DRILL)
        .means("The fault cannot be injected here, or would hit no pod, or other pods than those of the service.")
        .fix("Use another fault, or drill the service that selects these pods.");
    NOT_RESTORABLE = Code::error("drill/not-restorable", DRILL)
        .means("What the fault changes could not be put back as it was, or something would put it back at once.")
        .fix("Use another fault, or pause whatever manages the workload and say so: --allow-owner.");
    OBJECT_THERE = Code::error("drill/object-there", DRILL)
        .means("An object of the name that the drill would create already exists, and no record says that it belongs to one.")
        .fix("Look at it, and delete it if it is not needed.");
    CLIENT_NOT_USABLE = Code::error("drill/client-not-usable", DRILL)
        .means("The client has no ready pod, no sidecar, or no such container.")
        .fix("Bring it up and inject it, or name another: --from, --from-namespace, --from-cluster, --from-container.");
    CLIENT_WITHOUT_CURL = Code::error("drill/client-without-curl", DRILL)
        .means("The client has no curl that a drill can use.")
        .fix("Name a client that has curl 7.63 or newer: --from, --from-container.");
    NOWHERE_ELSE = Code::error("drill/nowhere-else", DRILL)
        .means("No other cluster, or none in the region that the rule names, has a ready endpoint that could take over.")
        .fix("Run the service there first.");
    NO_RULE = Code::error("drill/no-rule", DRILL)
        .means("No rule governs the client's traffic to the service, so that nothing fails over.")
        .fix("Write one: `kubectl mesh-failover locality apply SERVICE`.");
    TARGET_NOT_EXPOSED = Code::error("drill/target-not-exposed", DRILL)
        .means("The cluster that is to take over does not expose the service.")
        .fix("Expose it: `kubectl mesh-failover expose SERVICE`.");
}
