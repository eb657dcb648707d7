//! Where nodes and workloads are.

use crate::plugin::finding::{Code, Verb};

codes! {
    PODS_WITHOUT_REGION = Code::warning("regions/pods-without-region")
        .means("Pods have no region, so that locality load balancing does not apply to them.")
        .fix("Label their nodes, `kubectl mesh-failover regions set CLUSTER=REGION`, and restart them.");
    NODES_WITHOUT_REGION = Code::warning("regions/nodes-without-region")
        .means("Nodes have no region.")
        .fix("Set it: `kubectl mesh-failover regions set CLUSTER=REGION`.");
    CLUSTER_TWICE = Code::error("regions/cluster-twice", &[Verb::RegionsSet])
        .usage()
        .means("One cluster is given two regions.")
        .fix("Name each cluster once. If its nodes are in several regions, its provider labels them, or you do node by node.");
    SHARED = Code::note("regions/shared")
        .means("Clusters are in one region: a failover from region to region treats them as one.");
}
