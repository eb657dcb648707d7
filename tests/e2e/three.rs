//! Three clusters: at once, and a third that joins two.
//!
//! Run: `meshlab with --clusters east,west,north -- cargo test -p mesh-tests --test three`

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod support;

use std::collections::BTreeMap;

use support::{Kit, ca_folder};

const CLUSTERS: [&str; 3] = ["east", "west", "north"];

fn clusters() -> Option<Kit> {
    let kit = Kit::of(&CLUSTERS)?;
    kit.bare();
    Some(kit)
}

#[test]
fn three_at_once_all_see_each_other_under_one_root() {
    let Some(kit) = clusters() else { return };
    kit.join("east,west,north");
    kit.assert_everyone_sees_everyone(&CLUSTERS);
    let root = kit.fingerprint(&kit.ca_folder().join("root-cert.pem"));
    for cluster in CLUSTERS {
        kit.assert_chain(&kit.secret_files(cluster, "istio-system", "cacerts"));
        assert_eq!(kit.root_of(cluster), root, "{cluster}");
    }
    let again = kit.join("north,east,west");
    kit.assert_nothing_written(again);
}

#[test]
fn a_third_changes_nothing_of_two_that_stand_but_adds_its_remote_secret() {
    let Some(kit) = clusters() else { return };
    kit.join("east,west");
    kit.assert_everyone_sees_everyone(&["east", "west"]);
    let keys = ca_folder::tree(&kit.data());
    let before = ["east", "west"].map(|cluster| (generations(&kit, cluster), kit.pods(cluster)));

    let began = kit.join("east,west,north");

    kit.assert_everyone_sees_everyone(&CLUSTERS);
    for (cluster, (objects, pods)) in ["east", "west"].into_iter().zip(before) {
        if kit.is_audited() {
            let mut writes = kit.writes(cluster, began);
            writes.retain(|write| !write.contains("mesh-probe-"));
            assert!(
                writes.len() == 1 && writes[0].ends_with("secrets istio-system/istio-remote-secret-north"),
                "{cluster}: {writes:?}"
            );
        }
        let mut now = generations(&kit, cluster);
        assert!(now.remove("Secret istio-system/istio-remote-secret-north").is_some(), "{cluster}");
        assert_eq!(now, objects, "{cluster}");
        // The first join's probe may still have been on its way out when the pods were counted.
        let now = kit.pods(cluster);
        let gone: Vec<_> = pods.iter().filter(|pod| pod.0 != "mesh-probe" && !now.contains(pod)).collect();
        assert!(gone.is_empty(), "{cluster}: replaced {gone:?}");
    }
    let now = ca_folder::tree(&kit.data());
    for (path, file) in &keys {
        assert!(path.ends_with("clusters.json") || now.get(path) == Some(file), "{} was changed", path.display());
    }
    assert_eq!(kit.root_of("north"), kit.root_of("east"));
}

/// What changes when somebody changes an object that a join writes: the generation where there is one, else the version.
fn generations(kit: &Kit, cluster: &str) -> BTreeMap<String, String> {
    let sail = kit.get(cluster, &["istios.sailoperator.io,istiocnis.sailoperator.io"]).unwrap();
    let kinds = "deployments,services,serviceaccounts,secrets";
    let ours = kit.get(cluster, &[kinds, "-n", "istio-system"]).unwrap();
    let items = [&sail, &ours].into_iter().flat_map(|list| list["items"].as_array().unwrap());
    items
        .filter(|item| item["type"] != "helm.sh/release.v1")
        .map(|item| {
            let metadata = &item["metadata"];
            let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
            let name = format!("{} {}/{}", text(&item["kind"]), text(&metadata["namespace"]), text(&metadata["name"]));
            let version =
                if metadata["generation"].is_null() { &metadata["resourceVersion"] } else { &metadata["generation"] };
            (name, version.to_string())
        })
        .collect()
}
