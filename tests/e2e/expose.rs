//! Services become reachable from the other cluster one by one, and nothing of a user is taken over or broken.
//!
//! Run: `meshlab with --clusters east,west -- cargo test -p mesh-tests --test expose`

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod support;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use meshlab::User;
use serde_json::{Value, json};
use support::sample::{Answers, HOST, NAMESPACE, exposure};
use support::shell::{Ended, run_together};
use support::{Kit, until};

const CLUSTERS: [&str; 2] = ["east", "west"];
const SECOND: &str = "second.sample.svc.cluster.local";
const GATEWAY: [&str; 4] = ["gateway.networking.istio.io", "-n", "istio-system", "cross-network-gateway"];

/// The home of the test that made the mesh, while the mesh exists.
static MESH: Mutex<Option<PathBuf>> = Mutex::new(None);

/// The mesh that the tests of this file look at, with nothing exposed; the first that needs it makes it.
fn mesh() -> Option<Kit> {
    let kit = Kit::of(&CLUSTERS)?;
    let mut mesh = MESH.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(home) = &*mesh {
        let kit = kit.at(home.clone());
        for cluster in CLUSTERS {
            kit.kubectl(cluster, &["delete", "gateway.networking.istio.io", "--all", "-n", "istio-system"]).ok();
        }
        return Some(kit);
    }
    kit.bare();
    kit.mesh_mc(&["join", "--contexts", "east,west", "--yes"]).ok();
    kit.run_applications("east", "v1");
    kit.run_applications("west", "v2");
    for cluster in CLUSTERS {
        kit.apply(cluster, &[second()]);
    }
    *mesh = Some(kit.home().to_owned());
    Some(kit)
}

/// Another Service for the same pods, of a protocol that nothing tries again.
fn second() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "second", "namespace": NAMESPACE},
        "spec": {"selector": {"app": "helloworld"}, "ports": [{"name": "tcp-hello", "port": 5000}]},
    })
}

/// A user's Gateway on the east-west gateway.
fn users_gateway(name: &str, host: &str) -> Value {
    let mut gateway = exposure();
    gateway["metadata"]["name"] = name.into();
    gateway["spec"]["servers"][0]["hosts"] = json!([host]);
    gateway
}

fn with_contexts(kit: &Kit, arguments: &[&str]) -> Ended {
    kit.mesh_failover(&[arguments, &["--contexts", "east,west"]].concat())
}

/// What a run that ended well said, without how long it took.
#[track_caller]
fn said(ended: &Ended) -> String {
    assert_eq!(ended.code, 0, "{ended}");
    let seconds = |word: &str| {
        word.split_once('.').is_some_and(|(whole, part)| {
            [whole, part].iter().all(|digits| !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit()))
        })
    };
    let lines = ended
        .stderr
        .lines()
        .map(|line| line.split(' ').map(|word| if seconds(word) { "N" } else { word }).collect::<Vec<_>>().join(" "));
    lines.collect::<Vec<_>>().join("\n")
}

/// What our Gateway of a cluster opens; none where there is no Gateway.
fn exposed(kit: &Kit, cluster: &str) -> Option<BTreeSet<String>> {
    let gateway = kit.get(cluster, &GATEWAY)?;
    let hosts = gateway["spec"]["servers"][0]["hosts"].as_array().unwrap();
    Some(hosts.iter().map(|host| host.as_str().unwrap().to_owned()).collect())
}

#[track_caller]
fn await_only_its_own(kit: &Kit, cluster: &str, wanted: &Answers) {
    until(&format!("{cluster} is answered by its own pods alone"), Duration::from_mins(2), || {
        let answers = kit.call(cluster, 10, "alone");
        if answers == *wanted { Ok(()) } else { Err(format!("{answers:?}")) }
    });
}

#[test]
fn a_service_is_answered_from_both_sides_while_it_is_exposed_and_no_longer() {
    let Some(kit) = mesh() else { return };
    let (v1, v2) = (Answers { v1: 10, ..Answers::default() }, Answers { v2: 10, ..Answers::default() });
    await_only_its_own(&kit, "east", &v1);
    await_only_its_own(&kit, "west", &v2);

    with_contexts(&kit, &["expose", "helloworld.sample", "--yes"]).ok();
    kit.await_route("east", "west");
    kit.await_route("west", "east");
    for cluster in CLUSTERS {
        let answers = kit.call(cluster, 60, &format!("from-{cluster}"));
        assert!(answers.v1 > 0 && answers.v2 > 0 && answers.other.is_empty(), "{cluster}: {answers:?}");
        assert_eq!(exposed(&kit, cluster), Some([HOST.to_owned()].into()), "{cluster}");
    }
    if let Some(analysis) = kit.analyze("east", &["-n", "istio-system"]) {
        assert!(!analysis.contains("cross-network-gateway"), "{analysis}");
    }

    with_contexts(&kit, &["unexpose", "helloworld", "-n", "sample", "--yes"]).ok();
    assert_eq!(CLUSTERS.map(|cluster| exposed(&kit, cluster)), [None, None]);
    await_only_its_own(&kit, "east", &v1);
    await_only_its_own(&kit, "west", &v2);
}

#[test]
fn what_is_exposed_is_not_written_again_and_no_secret_is_read_where_contexts_are_given() {
    let Some(kit) = mesh() else { return };
    with_contexts(&kit, &["expose", "helloworld.sample", "--yes"]).ok();
    let began = Timestamp::now();
    let told = said(&with_contexts(&kit, &["expose", "helloworld.sample", "--yes"]));
    insta::assert_snapshot!(told, @"helloworld.sample is exposed in east and west already. Nothing to change. N s");
    kit.assert_nothing_written(began);
    for cluster in CLUSTERS.into_iter().filter(|_| kit.is_audited()) {
        let requests = kit.requests(cluster, began);
        assert!(!requests.is_empty(), "the audit log of {cluster} has nothing of it");
        assert!(requests.iter().all(|request| request.resource != "secrets"), "{cluster}: {requests:#?}");
    }
}

#[test]
fn two_runs_at_once_lose_no_host() {
    let Some(kit) = mesh() else { return };
    for round in 0..3 {
        for (verb, wanted) in [("expose", Some([HOST, SECOND].map(str::to_owned).into())), ("unexpose", None)] {
            let run = |service| kit.failover_command(&[verb, service, "--contexts", "east,west", "--yes"]);
            for ended in run_together(&mut [run("helloworld.sample"), run("second.sample")]) {
                ended.ok();
            }
            for cluster in CLUSTERS {
                assert_eq!(exposed(&kit, cluster), wanted, "{verb} in {cluster}, round {round}");
            }
        }
    }
}

#[test]
fn where_everything_is_exposed_nothing_is_written() {
    let Some(kit) = mesh() else { return };
    for cluster in CLUSTERS {
        kit.apply(cluster, &[users_gateway("everything", "*.local")]);
    }
    let began = Timestamp::now();
    let told = said(&with_contexts(&kit, &["expose", "helloworld.sample", "--yes"]));
    insta::assert_snapshot!(told, @r"
    Everything is exposed in east by Gateway istio-system/everything (*.local).
    Everything is exposed in west by Gateway istio-system/everything (*.local). Nothing to change. N s
    ");
    let told = said(&with_contexts(&kit, &["unexpose", "helloworld.sample", "--yes"]));
    insta::assert_snapshot!(told, @r"
    helloworld.sample is still exposed in east by Gateway istio-system/everything (*.local), which is not ours to change.
    helloworld.sample is still exposed in west by Gateway istio-system/everything (*.local), which is not ours to change. Nothing to change. N s
    ");
    kit.assert_nothing_written(began);
}

#[test]
fn only_the_cluster_in_which_nobody_else_exposes_it_is_written_to() {
    let Some(kit) = mesh() else { return };
    kit.apply("east", &[users_gateway("users", "*.sample.svc.cluster.local")]);
    let told = said(&with_contexts(&kit, &["expose", "helloworld.sample", "--yes"]));
    insta::assert_snapshot!(told, @r"
    helloworld.sample.svc.cluster.local

    CLUSTER  ENDPOINTS  EXPOSED NOW                                                 THEN
    east     1/1        by Gateway istio-system/users (*.sample.svc.cluster.local)  unchanged
    west     1/1        no                                                          yes
    helloworld.sample is exposed in west.
    helloworld.sample is exposed in east by Gateway istio-system/users (*.sample.svc.cluster.local). N s
    ");
    assert_eq!(CLUSTERS.map(|cluster| exposed(&kit, cluster)), [None, Some([HOST.to_owned()].into())]);
}

#[test]
fn somebody_elses_gateway_of_that_name_is_left_as_it_is() {
    let Some(kit) = mesh() else { return };
    kit.apply("east", &[users_gateway("cross-network-gateway", SECOND)]);
    let before = kit.get("east", &GATEWAY);
    let began = Timestamp::now();
    let refused = with_contexts(&kit, &["expose", "helloworld.sample", "--yes"]);
    assert_eq!(refused.code, 1, "{refused}");
    insta::assert_snapshot!(kit.plain(&refused.stderr), @r"
    error[exposure/gateway-foreign]: Gateway istio-system/cross-network-gateway in east is not ours
      where: context east, Gateway istio-system/cross-network-gateway
      why:   it does not have the label app.kubernetes.io/managed-by=kubectl-mesh-failover, so someone else manages it
      do:    add helloworld.sample.svc.cluster.local to its hosts yourself
             or hand it over: kubectl --context east -n istio-system label gateways.networking.istio.io cross-network-gateway app.kubernetes.io/managed-by=kubectl-mesh-failover --overwrite
    Nothing was written.
    ");
    with_contexts(&kit, &["expose", "second.sample", "--clusters", "east", "--yes"]).ok();
    kit.assert_nothing_written(began);
    assert_eq!(kit.get("east", &GATEWAY), before);
}

#[test]
fn what_is_discovered_and_not_exposed_is_listed() {
    let Some(kit) = mesh() else { return };
    with_contexts(&kit, &["expose", "helloworld.sample", "--clusters", "west", "--yes"]).ok();
    let data = with_contexts(&kit, &["list", "second.sample", "-o", "json"]).json();
    assert_eq!(data["services"][0]["clusters"][0]["refusedFrom"], json!(["west"]));
    if kit.lab_in_part("other services of these clusters would be in the list").is_none() {
        return;
    }
    let listed = with_contexts(&kit, &["list"]);
    insta::assert_snapshot!(listed.stdout, @r"
    SERVICE            CLUSTER  ENDPOINTS  EXPOSED  RESOLVES  REMARK
    helloworld.sample  east     1/1        no       yes       discovered by west, not exposed: HTTP is tried again elsewhere, TCP breaks
    helloworld.sample  west     1/1        yes      yes
    second.sample      east     1/1        no       yes       discovered by west, not exposed: connections to 5000 break
    second.sample      west     1/1        no       yes       discovered by east, not exposed: connections to 5000 break
    ");
    insta::assert_snapshot!(listed.stderr, @r"
    2 services are discovered by other clusters and not exposed, so that a share of the connections is refused.
    Expose: kubectl mesh-failover expose helloworld.sample
    Or keep at home: meshConfig.serviceSettings with clusterLocal: true (docs/expose.md)
    ");
}

#[test]
fn the_peers_of_the_current_context_are_found() {
    let Some(kit) = mesh() else { return };
    let west_first = kit.kubeconfig_with("current.yaml", |config| config["current-context"] = "west".into());
    let west_first = west_first.display().to_string();
    let names = |arguments: &[&str]| -> Vec<String> {
        let data = kit.mesh_failover(&[&["regions", "-o", "json"], arguments].concat()).json();
        let clusters = data["clusters"].as_array().unwrap().clone();
        clusters.iter().map(|cluster| cluster["cluster"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&["--kubeconfig", &west_first]), ["west", "east"]);
    assert_eq!(names(&["--kubeconfig", &west_first, "--context", "east"]), ["east", "west"]);

    // A second context of the same user says nothing new.
    let alias = kit.kubeconfig_with_alias("west", "occident").display().to_string();
    assert_eq!(names(&["--kubeconfig", &alias, "--context", "east"]), ["east", "west"]);
}

#[test]
fn a_peer_without_a_context_is_refused_and_nobody_else_is_asked() {
    let Some(kit) = mesh() else { return };
    let alone = kit.kubeconfig_with("alone.yaml", |config| {
        config["contexts"].as_array_mut().unwrap().retain(|entry| entry["name"] == "east");
    });
    let began = Timestamp::now();
    let refused = kit.mesh_failover(&["list", "--kubeconfig", &alone.display().to_string(), "--context", "east"]);
    assert_eq!(refused.code, 1, "{refused}");
    let said = kit.plain(&refused.stderr).replace(&kit.registered_server("east", "west"), "ADDRESS");
    insta::assert_snapshot!(said, @r"
    error: no context is known for west
      where: context east, Secret istio-remote-secret-west
      why:   west is registered at ADDRESS, authority FINGERPRINT no cluster in the kubeconfig has that address or authority
      do:    name the mesh's clusters: --contexts east,CONTEXT-OF-WEST
    Nothing was written.
    ");
    assert!(!kit.is_audited() || kit.requests("west", began).is_empty());
}

#[test]
fn one_cluster_under_two_contexts_is_refused() {
    let Some(kit) = mesh() else { return };
    let alias = kit.kubeconfig_with_alias("east", "orient").display().to_string();
    let refused = kit.mesh_failover(&["list", "--kubeconfig", &alias, "--contexts", "east,orient"]);
    assert_eq!(refused.code, 1, "{refused}");
    insta::assert_snapshot!(kit.plain(&refused.stderr), @r"
    error: contexts east and orient are one cluster
      why:   namespace kube-system has the UID UID in both
      do:    name each cluster by one context
    Nothing was written.
    ");
}

#[test]
fn a_service_that_is_not_there_is_refused_with_what_was_probably_meant() {
    let Some(kit) = mesh() else { return };
    let began = Timestamp::now();
    let refused = with_contexts(&kit, &["expose", "nothing.sample", "--yes"]);
    assert_eq!(refused.code, 1, "{refused}");
    insta::assert_snapshot!(kit.plain(&refused.stderr), @r"
    error[mesh/no-service]: no cluster has a Service nothing.sample
      where: context east, west
      why:   namespace sample has helloworld, second
      do:    see what there is: kubectl mesh-failover list
    Nothing was written.
    ");
    for (slip, meant) in [("helloword.sample", "helloworld.sample"), ("helloworld.smple", "helloworld.sample")] {
        let refused = with_contexts(&kit, &["expose", slip, "--yes"]);
        assert!(refused.stderr.contains(&format!("did you mean {meant}?")), "{refused}");
    }
    kit.assert_nothing_written(began);
}

#[test]
fn a_permission_that_is_missing_in_one_cluster_stops_it_in_both() {
    let Some(kit) = mesh() else { return };
    let rules = vec![json!({"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list", "watch"]})];
    let user = User { name: "reader".into(), rules, expired: false };
    let kubeconfig = kit.kubeconfig_as(&["west"], &user).display().to_string();
    let began = Timestamp::now();
    let refused = with_contexts(&kit, &["expose", "helloworld.sample", "--yes", "--kubeconfig", &kubeconfig]);
    kit.kubectl("west", &["delete", "clusterrole,clusterrolebinding", "meshlab-user-reader"]).ok();
    assert_eq!(refused.code, 1, "{refused}");
    insta::assert_snapshot!(kit.plain(&refused.stderr), @r"
    error[permissions/missing]: you lack permissions that this needs
      where: context west
      why:   west: create gateways.networking.istio.io in istio-system
      do:    have an administrator apply this there, and bind you to the roles (docs/permissions):
             kubectl apply -f https://github.com/kubectl-mesh/kubectl-mesh/raw/main/docs/permissions/mesh-failover-expose.yaml
    Nothing was written.
    ");
    kit.assert_nothing_written(began);
}

#[test]
fn the_manifests_are_what_would_be_written() {
    let Some(kit) = mesh() else { return };
    let began = Timestamp::now();
    let list = with_contexts(&kit, &["expose", "helloworld.sample", "-o", "json"]).json();
    let shown = with_contexts(&kit, &["expose", "helloworld.sample", "--dry-run=client"]).ok();
    assert!(shown.contains("create Gateway istio-system/cross-network-gateway"), "{shown}");
    kit.assert_nothing_written(began);
    let items = list["items"].as_array().unwrap();
    assert_eq!(items.len(), 2);
    with_contexts(&kit, &["expose", "helloworld.sample", "--yes"]).ok();
    for (cluster, item) in CLUSTERS.iter().zip(items) {
        let stands = kit.get(cluster, &GATEWAY).unwrap();
        assert_eq!(stands["spec"], item["spec"], "{cluster}");
        assert_eq!(stands["metadata"]["labels"], item["metadata"]["labels"], "{cluster}");
    }
}

#[test]
fn a_region_is_set_only_where_there_is_none() {
    let Some(kit) = mesh() else { return };
    if kit.lab("labels of nodes are changed on the lab alone").is_none() {
        return;
    }
    let region = |cluster: &str| {
        let nodes = kit.get(cluster, &["nodes"]).unwrap();
        nodes["items"][0]["metadata"]["labels"]["topology.kubernetes.io/region"].clone()
    };
    let node = "west-node-1";
    kit.kubectl("west", &["label", "node", node, "topology.kubernetes.io/region-"]).ok();
    let shown = with_contexts(&kit, &["regions"]);
    insta::assert_snapshot!(shown.stdout, @r"
    CLUSTER  REGION       ZONE           NODES  PODS  COVERED
    east     east-region  east-region-a  1      2     100 %
    west     none         west-region-a  1      2     0 %
    ");
    let set = ["regions", "set", "west=west-2", "east=east-2", "--yes"];
    let told = said(&with_contexts(&kit, &set));
    let stand = CLUSTERS.map(region);
    let began = Timestamp::now();
    with_contexts(&kit, &["regions", "set", "west=west-3", "--yes"]).ok();
    kit.assert_nothing_written(began);
    kit.kubectl("west", &["label", "node", node, "topology.kubernetes.io/region=west-region", "--overwrite"]).ok();
    assert_eq!(stand, [json!("east-region"), json!("west-2")]);
    insta::assert_snapshot!(told, @r"
    CLUSTER  REGION  NODES THAT GET IT        NODES THAT KEEP ANOTHER
    west     west-2  west-node-1              none
    east     east-2  none: all have a region  1 in east-region

    It takes effect once these are restarted: neither running clients nor their endpoints see it before.
      kubectl --context west -n istio-system rollout restart deployment/istio-eastwestgateway
      kubectl --context west -n sample rollout restart deployment/curl deployment/helloworld-v2
    1 node labelled; it takes effect once the workloads above are restarted. N s
    ");
}
