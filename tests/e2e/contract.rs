//! Every Sail object that the product can write, held against the operator's own CRDs of both versions.
//!
//! Run: `SAIL_CRDS=DIR meshlab with --clusters today,preview --api-only --sail-versions preview=v1alpha1 -- cargo test -p
//! mesh-tests --test contract`, where DIR holds the operator's CRDs in `v1/` and `v1alpha1/`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod support;

use mesh_shared::model::istio::sail::{GROUP, Membership, istio, istio_cni};
use mesh_shared::model::istio::values;
use mesh_shared::model::names::{ClusterName, MeshId, NetworkName};
use serde_json::{Value, json};
use support::Kit;
use support::shell::run_with_input;

const MANAGER: &str = "kubectl-mesh-mc";

fn clusters() -> Option<Kit> {
    let kit = Kit::of(&["today", "preview"])?;
    let lab = kit.lab("clusters of both versions of the API are the lab's")?;
    if lab.spec().sail_crds.is_none() {
        eprintln!("not run: SAIL_CRDS names no folder with the operator's CRDs, and the lab's own prove nothing");
        return None;
    }
    Some(kit)
}

/// Every Istio and IstioCNI in every form that a join can give them.
fn objects(api: &str, version: &str) -> Vec<Value> {
    let membership = |enable_cni| Membership {
        mesh: MeshId::new("mesh1").unwrap(),
        cluster: ClusterName::new("east").unwrap(),
        network: NetworkName::new("network-east").unwrap(),
        enable_cni,
    };
    let users = [
        json!({}),
        values::parse_set("pilot.replicaCount=2").unwrap(),
        values::parse_set("meshConfig.accessLogFile=/dev/stdout").unwrap(),
        values::parse_set_string("pilot.env.PILOT_ENABLE_ALPN_FILTER=false").unwrap(),
    ];
    let mut objects = Vec::new();
    for version in [None, Some(version)] {
        objects.push(istio_cni(api, "istio-cni", version, MANAGER));
        for enable_cni in [true, false] {
            for user in &users {
                let mut merged = user.clone();
                values::merge(&mut merged, membership(enable_cni).values());
                objects.push(istio(api, "default", "istio-system", version, merged, MANAGER));
            }
        }
    }
    objects
}

#[test]
fn the_operators_own_crds_accept_every_object_and_prune_nothing() {
    let Some(kit) = clusters() else { return };
    for (cluster, api) in [("today", "v1"), ("preview", "v1alpha1")] {
        let version = default_version(&kit, cluster, api);
        for object in objects(api, &version) {
            let mut kubectl = kit.kubectl_command(cluster);
            kubectl.args(["create", "--dry-run=server", "--validate=strict", "-o", "json", "-f", "-"]);
            let ended = run_with_input(&mut kubectl, &object.to_string());
            if ended.stderr.contains("AlreadyExists") {
                continue;
            }
            let kept = ended.json();
            assert_kept(&object, &kept, &object.to_string());
        }
    }
}

#[test]
fn the_strict_dry_run_does_refuse_what_the_crds_do_not_have() {
    let Some(kit) = clusters() else { return };
    for (cluster, api) in [("today", "v1"), ("preview", "v1alpha1")] {
        let wrong = istio(api, "default", "istio-system", None, json!({"pilot": {"repliccaCount": 2}}), MANAGER);
        let mut kubectl = kit.kubectl_command(cluster);
        kubectl.args(["create", "--dry-run=server", "--validate=strict", "-f", "-"]);
        let ended = run_with_input(&mut kubectl, &wrong.to_string());
        assert!(ended.code != 0 && ended.stderr.contains("repliccaCount"), "{ended}");
    }
}

/// The version that the CRD itself gives to an Istio.
fn default_version(kit: &Kit, cluster: &str, api: &str) -> String {
    let crd = kit.get(cluster, &["crd", &format!("istios.{GROUP}")]).unwrap();
    let served = crd["spec"]["versions"].as_array().unwrap().iter().find(|version| version["name"] == api).unwrap();
    let spec = &served["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["version"];
    spec["default"].as_str().unwrap().to_owned()
}

/// Asserts that everything that was sent came back; the API server may add.
#[track_caller]
fn assert_kept(sent: &Value, kept: &Value, whole: &str) {
    match (sent, kept) {
        (Value::Object(sent), Value::Object(kept)) => {
            for (key, value) in sent {
                let there = kept.get(key).unwrap_or_else(|| panic!("{key} was pruned from {whole}"));
                assert_kept(value, there, whole);
            }
        }
        (sent, kept) => assert_eq!(sent, kept, "in {whole}"),
    }
}
