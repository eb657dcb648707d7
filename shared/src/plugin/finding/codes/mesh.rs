//! Who is in the mesh, under which name and in which network.

use crate::plugin::finding::{Code, Verb};

const JOIN: &[Verb] = &[Verb::Join];

const NEED_THE_SERVICE: &[Verb] =
    &[Verb::Expose, Verb::Unexpose, Verb::LocalityApply, Verb::LocalityDiff, Verb::LocalityShow, Verb::Drill];

codes! {
    SEVERAL_ISTIOS = Code::error("mesh/several-istios", JOIN)
        .means("Several Istio resources of one cluster govern the same namespace.")
        .fix("Leave one of them: a join would not know which to extend.");
    IDS_DIFFER = Code::error("mesh/ids-differ", JOIN)
        .means("The control planes belong to different meshes.")
        .fix("Join clusters of one mesh, and clusters without a control plane.");
    ID_INVALID = Code::error("mesh/id-invalid", JOIN)
        .usage()
        .means("The mesh ID of a control plane cannot be used.")
        .fix("Change values.global.meshID of that control plane, or name the mesh with --mesh-id.");
    ONE_CLUSTER_TWICE = Code::error("mesh/one-cluster-twice", JOIN)
        .means("Two contexts lead to one cluster.")
        .fix("Name each cluster by one context.");
    UNKNOWN_CONTEXT = Code::error("mesh/unknown-context", JOIN)
        .usage()
        .means("A flag names a context that is not joined.")
        .fix("Name one of --contexts, or add that one to them.");
    UNKNOWN_CLUSTER = Code::error("mesh/unknown-cluster", &[Verb::Join, Verb::Expose, Verb::Unexpose, Verb::RegionsSet, Verb::Drill])
        .usage()
        .means("A flag names a cluster that is not in the mesh.")
        .fix("Name a cluster of the mesh, or add its context to --contexts.");
    NO_SERVICE = Code::error("mesh/no-service", NEED_THE_SERVICE)
        .means("No cluster of the mesh has a Service of this name.")
        .fix("See what there is: `kubectl mesh-failover list`.");
    NAME_INVALID = Code::error("mesh/name-invalid", JOIN)
        .usage()
        .means("No name in the mesh can be made for a cluster.")
        .fix("Name it: --cluster-name CONTEXT=NAME.");
    NAME_TAKEN = Code::error("mesh/name-taken", JOIN)
        .means("Two clusters would have the same name in the mesh.")
        .fix("Give one of them another: --cluster-name CONTEXT=NAME.");
    NETWORK_INVALID = Code::error("mesh/network-invalid", JOIN)
        .usage()
        .means("The network that a cluster is in has a name that cannot be used.")
        .fix("Change values.global.network of its control plane, or the label topology.istio.io/network of its namespace.");
    NETWORK_DIFFERS = Code::error("mesh/network-differs", JOIN)
        .means("A cluster is in another network than --network says.")
        .fix("Leave the flag out: workloads that run know their network already.");
    NETWORK_AMBIGUOUS = Code::error("mesh/network-ambiguous", JOIN)
        .means("The values of a control plane name another network than the label of its namespace: sidecars and istiod would not agree.")
        .fix("Make the label topology.istio.io/network of the namespace and values.global.network the same.");
    NETWORK_TAKEN = Code::error("mesh/network-taken", JOIN)
        .means("Two clusters would be in the same network.")
        .fix("Give one of them another: --network NAME=NETWORK.");
}
