//! Many clusters at once, on what a kernel gives by default.
//!
//! Run: `meshlab with --clusters c1,c2,…,c20 --api-only --no-operator --timeout 300 -- cargo test -p mesh-tests --test lab_twenty`

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod support;

use std::collections::BTreeSet;

use support::Kit;

#[test]
fn twenty_clusters_without_nodes_are_up_at_once_and_each_is_its_own() {
    let Some(kit) = Kit::of(&["c1", "c20"]) else { return };
    let Some(_) = kit.lab("what the lab itself can do is tested on it alone") else { return };
    let clusters = kit.clusters();
    assert_eq!(clusters.len(), 20);
    let uid = |cluster: &&str| {
        kit.kubectl(cluster, &["get", "namespace", "kube-system", "-o", "jsonpath={.metadata.uid}"]).ok()
    };
    let uids: BTreeSet<String> = clusters.iter().map(uid).collect();
    assert_eq!(uids.len(), 20);
}
