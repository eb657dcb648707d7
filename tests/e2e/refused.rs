//! What a join refuses before it has written anything: what it says, how it ends, and that nothing was touched.
//!
//! Run: `meshlab with --clusters east,west,bare --api-only --no-operator=bare -- cargo test -p mesh-tests --test refused`

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod support;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use meshlab::User;
use meshlab::node::components::Component;
use meshlab::node::control::Action;
use serde_json::json;
use support::shell::{Ended, run};
use support::{Kit, ca_folder};

const CLUSTERS: [&str; 2] = ["east", "west"];
/// A cluster that has no operator.
const BARE: &str = "bare";
const REFUSED: i32 = 1;
const USAGE: i32 = 2;

const EAST_WEST: [&str; 4] = ["join", "--contexts", "east,west", "--yes"];

fn clusters() -> Option<Kit> {
    clusters_named(&CLUSTERS)
}

fn clusters_named(names: &[&str]) -> Option<Kit> {
    let kit = Kit::of(names)?;
    kit.bare();
    Some(kit)
}

/// A join that is refused: everything else is as it was, and what it said is returned without what differs each time.
#[track_caller]
fn refusal(kit: &Kit, code: i32, arguments: &[&str]) -> String {
    let keys = ca_folder::tree(&kit.data());
    let began = Timestamp::now();
    let ended = run(&mut kit.product(arguments));
    assert_untouched(kit, &ended, code, began);
    assert_eq!(ca_folder::tree(&kit.data()), keys, "the CA folder was touched: {ended}");
    kit.plain(&ended.stderr)
}

#[track_caller]
fn assert_untouched(kit: &Kit, ended: &Ended, code: i32, began: Timestamp) {
    assert_eq!(ended.code, code, "{ended}");
    assert!(ended.stdout.is_empty(), "a refusal is no data: {ended}");
    kit.assert_nothing_written(began);
}

fn with<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&EAST_WEST[..], more].concat()
}

#[test]
fn a_context_that_is_not_in_the_kubeconfig() {
    let Some(kit) = clusters() else { return };
    let said =
        ["east,nowhere", "east,wset"].map(|contexts| refusal(&kit, USAGE, &["join", "--contexts", contexts, "--yes"]));
    insta::assert_snapshot!(said.join("\n").replace(&kit.clusters().join(", "), "ALL CONTEXTS"));
}

#[test]
fn one_context_alone() {
    let Some(kit) = clusters() else { return };
    insta::assert_snapshot!(refusal(&kit, USAGE, &["join", "--contexts", "east", "--yes"]));
}

#[test]
fn one_context_named_twice() {
    let Some(kit) = clusters() else { return };
    insta::assert_snapshot!(refusal(&kit, USAGE, &["join", "--contexts", "east,east", "--yes"]));
}

#[test]
fn two_contexts_of_one_cluster() {
    let Some(kit) = clusters() else { return };
    let kubeconfig = kit.kubeconfig_with_alias("east", "orient").display().to_string();
    let arguments = ["join", "--contexts", "east,orient", "--yes", "--kubeconfig", &kubeconfig];
    insta::assert_snapshot!(refusal(&kit, REFUSED, &arguments));
}

#[test]
fn an_api_server_that_refuses_the_connection() {
    let Some(kit) = clusters() else { return };
    // Nothing listens on the port of a socket that is bound and closed again.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let server = format!("https://127.0.0.1:{port}");
    let kubeconfig = kit.kubeconfig_with_server("west", &server).display().to_string();
    let began = Instant::now();
    let said = refusal(&kit, REFUSED, &with(&["--kubeconfig", &kubeconfig, "--request-timeout", "2s"]));
    assert!(began.elapsed() < Duration::from_secs(10), "it took {:?}", began.elapsed());
    insta::assert_snapshot!(said);
}

#[test]
fn an_api_server_that_does_not_answer() {
    let Some(kit) = clusters() else { return };
    let Some(lab) = kit.lab("API servers are paused on the lab alone") else { return };
    lab.supervise("west", Component::KubeApiserver, Action::Pause).unwrap();
    let keys = ca_folder::tree(&kit.data());
    let began = Instant::now();
    let ended = kit.mesh_mc(&with(&["--request-timeout", "2s"]));
    let took = began.elapsed();
    lab.supervise("west", Component::KubeApiserver, Action::Resume).unwrap();
    assert!(took < Duration::from_secs(10), "it took {took:?}");
    assert_eq!(ended.code, REFUSED, "{ended}");
    assert_eq!(ca_folder::tree(&kit.data()), keys);
    // Whether the handshake or the answer is what does not come depends on what the kernel took before: both say the same.
    let said = kit.plain(&ended.stderr);
    for part in ["the API server of west", "https://127.0.0.1:PORT", " 2 s\n", "\nNothing was written."] {
        assert!(said.contains(part), "no {part:?} in {said}");
    }
}

#[test]
fn a_client_certificate_that_has_expired() {
    let Some(kit) = clusters() else { return };
    if kit.lab("certificates of users are made by the lab's own authority").is_none() {
        return;
    }
    let user = User { name: "late".into(), rules: Vec::new(), expired: true };
    let kubeconfig = kit.kubeconfig_as(&["west"], &user).display().to_string();
    insta::assert_snapshot!(refusal(&kit, REFUSED, &with(&["--kubeconfig", &kubeconfig])));
}

#[test]
fn a_permission_that_is_missing() {
    let Some(kit) = clusters() else { return };
    let all = json!({"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list", "watch"]});
    let non_resource = json!({"nonResourceURLs": ["*"], "verbs": ["get"]});
    let writes = |resources: &[&str]| json!({"apiGroups": ["*"], "resources": resources, "verbs": ["*"]});
    // Everything but the secrets of istio-system.
    let most = writes(&[
        "namespaces",
        "serviceaccounts",
        "services",
        "deployments",
        "pods",
        "pods/exec",
        "pods/portforward",
        "istios",
        "istiocnis",
    ]);
    let user = User { name: "clerk".into(), rules: vec![all, non_resource, most], expired: false };
    let kubeconfig = kit.kubeconfig_as(&["west"], &user).display().to_string();
    let said = refusal(&kit, REFUSED, &with(&["--kubeconfig", &kubeconfig]));
    insta::assert_snapshot!(said);
}

#[test]
fn a_cluster_without_the_sail_api() {
    let Some(kit) = clusters_named(&["east", "west", BARE]) else { return };
    insta::assert_snapshot!(refusal(&kit, REFUSED, &["join", "--contexts", "east,bare", "--yes"]));
}

#[test]
fn a_version_that_the_operator_does_not_know() {
    let Some(kit) = clusters() else { return };
    let said = refusal(&kit, REFUSED, &with(&["--istio-version", "v1.2.3"]));
    // The list of the versions that there are is the CRD's, and grows with it.
    let (known, lists): (Vec<&str>, Vec<&str>) = said.lines().partition(|line| !line.trim_start().starts_with("why:"));
    insta::assert_snapshot!(known.join("\n"));
    assert!(lists.iter().any(|line| line.contains("v1.") && line.matches(", ").count() > 3), "{said}");
}

#[test]
fn an_istiod_that_the_operator_did_not_make() {
    let Some(kit) = clusters() else { return };
    make_foreign_istiod(&kit, "west", "istio-system");
    insta::assert_snapshot!(refusal(&kit, REFUSED, &EAST_WEST));
}

#[test]
fn an_istio_of_another_mesh() {
    let Some(kit) = clusters() else { return };
    make_istio(&kit, "west", "mesh9", "network-west");
    insta::assert_snapshot!(refusal(&kit, REFUSED, &with(&["--mesh-id", "mesh1"])));
}

#[test]
fn two_control_planes_of_different_meshes() {
    let Some(kit) = clusters() else { return };
    make_istio(&kit, "east", "mesh8", "network-east");
    make_istio(&kit, "west", "mesh9", "network-west");
    insta::assert_snapshot!(refusal(&kit, REFUSED, &EAST_WEST));
}

#[test]
fn roots_that_differ() {
    let Some(kit) = clusters() else { return };
    let east = make_cacerts(&kit, "east", "one");
    let west = make_cacerts(&kit, "west", "two");
    let said = refusal(&kit, REFUSED, &EAST_WEST);
    for root in [east, west] {
        let start = root.trim().rsplit('=').next().unwrap().to_lowercase()[..5].to_owned();
        assert!(kit.mesh_mc(&EAST_WEST).stderr.to_lowercase().contains(&start), "it does not show {root}: {said}");
    }
    insta::assert_snapshot!(said);
}

#[test]
fn a_root_in_use_whose_key_is_not_here() {
    let Some(kit) = clusters() else { return };
    make_cacerts(&kit, "east", "one");
    insta::assert_snapshot!(refusal(&kit, REFUSED, &EAST_WEST));
}

#[test]
fn a_ca_folder_of_another_mesh() {
    let Some(kit) = clusters() else { return };
    make_ca_folder(&kit, &kit.ca_folder(), "00000000-0000-4000-8000-000000000000");
    insta::assert_snapshot!(refusal(&kit, REFUSED, &EAST_WEST));
}

#[test]
fn names_that_are_no_names() {
    let Some(kit) = clusters() else { return };
    let long = format!("east={}", "n".repeat(64));
    let said: Vec<String> = [
        &["--cluster-name", "east=East_1"][..],
        &["--cluster-name", "nowhere=a"],
        &["--network", &long],
        &["--mesh-id", "-"],
    ]
    .map(|wrong| refusal(&kit, USAGE, &with(wrong)))
    .into();
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn names_that_are_the_same() {
    let Some(kit) = clusters() else { return };
    let said = [
        refusal(&kit, REFUSED, &with(&["--cluster-name", "east=one", "--cluster-name", "west=one"])),
        refusal(&kit, REFUSED, &with(&["--network", "east=one", "--network", "west=one"])),
    ];
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn values_that_join_sets_itself_or_that_are_wrong() {
    let Some(kit) = clusters() else { return };
    let reserved = refusal(&kit, REFUSED, &with(&["--set", "global.network=mine"]));
    let malformed = refusal(&kit, USAGE, &with(&["--set", "pilot"]));
    insta::assert_snapshot!(format!("{reserved}\n{malformed}"));
    // The API server's own words differ between CRDs.
    let wrong = refusal(&kit, REFUSED, &with(&["--set", "pilot.replicaCount=many"]));
    assert!(wrong.contains("pilot.replicaCount"), "{wrong}");
    let unknown = refusal(&kit, REFUSED, &with(&["--set", "pilot.repliccaCount=2"]));
    assert!(unknown.contains("repliccaCount"), "{unknown}");
}

#[test]
fn a_kubeconfig_that_is_broken_or_not_there() {
    let Some(kit) = clusters() else { return };
    let broken = kit.file("broken.yaml", "apiVersion: v1\nkind: Config\nusers:\n- name: a\n  user: {token: s3cr3t\n");
    let broken = refusal(&kit, USAGE, &with(&["--kubeconfig", &broken.display().to_string()]));
    assert!(!broken.contains("s3cr3t"), "{broken}");
    let missing = refusal(&kit, USAGE, &with(&["--kubeconfig", "nowhere.yaml"]));
    insta::assert_snapshot!(format!("{broken}\n{missing}"));
}

#[test]
fn a_ca_folder_that_others_may_read_or_nobody_may_write() {
    let Some(kit) = clusters() else { return };
    let folder = kit.ca_folder();
    std::fs::create_dir_all(&folder).unwrap();
    let mut said = Vec::new();
    for mode in [0o755, 0o500] {
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(mode)).unwrap();
        said.push(refusal(&kit, REFUSED, &EAST_WEST));
    }
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700)).unwrap();
    let in_the_way = kit.file("file", "");
    said.push(refusal(&kit, REFUSED, &with(&["--ca-dir", &in_the_way.join("below").display().to_string()])));
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn a_new_root_that_nobody_sees_made() {
    let Some(kit) = clusters() else { return };
    let began = Timestamp::now();
    let ended = run(&mut kit.product_alone(&EAST_WEST));
    assert_untouched(&kit, &ended, REFUSED, began);
    assert!(ended.stderr.contains("trust/root-kept-nowhere") && ended.stderr.contains("--ca-dir"), "{ended}");
    assert!(!kit.ca_folder().exists(), "{ended}");
}

#[test]
fn nobody_to_ask() {
    let Some(kit) = clusters() else { return };
    let said = refusal(&kit, REFUSED, &["join", "--contexts", "east,west"]);
    assert!(said.contains("cacerts"), "it does not show the plan first: {said}");
    let error = said.find("error:").map_or("", |at| &said[at..]);
    // How many changes a plan has is not told twice.
    insta::with_settings!({filters => vec![(r"\d+ changes", "N changes")]}, { insta::assert_snapshot!(error) });
}

#[test]
fn an_address_for_a_cluster_that_is_not_joined() {
    let Some(kit) = clusters() else { return };
    let said = [
        refusal(&kit, USAGE, &with(&["--api-server", "north=https://10.99.0.13:6443"])),
        refusal(&kit, USAGE, &with(&["--api-server", "east=10.99.0.11"])),
    ];
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn a_pull_secret_that_is_not_in_every_cluster() {
    let Some(kit) = clusters() else { return };
    make_namespace(&kit, "east", "sample");
    kit.kubectl("east", &["create", "secret", "generic", "pull", "-n", "sample"]).ok();
    insta::assert_snapshot!(refusal(&kit, REFUSED, &with(&["--image-pull-secret", "sample/pull"])));
}

#[test]
fn everything_that_is_refused_names_what_to_do() {
    let Some(kit) = clusters_named(&["east", "west", BARE]) else { return };
    for arguments in [
        &["join", "--contexts", "east,nowhere", "--yes"][..],
        &["join", "--contexts", "east,bare", "--yes"],
        &["join", "--contexts", "east,west"],
    ] {
        let said = refusal(&kit, if arguments[2].contains("nowhere") { USAGE } else { REFUSED }, arguments);
        assert!(said.contains("  do:    "), "{said}");
    }
}

fn make_namespace(kit: &Kit, cluster: &str, name: &str) {
    kit.apply(cluster, &[json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})]);
}

fn make_foreign_istiod(kit: &Kit, cluster: &str, namespace: &str) {
    make_namespace(kit, cluster, namespace);
    let labels = json!({"app": "istiod", "istio": "pilot"});
    let pod = json!({"metadata": {"labels": labels}, "spec": {"containers": [
        {"name": "discovery", "image": "docker.io/lab/pilot:1"},
    ]}});
    kit.apply(
        cluster,
        &[json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "istiod", "namespace": namespace, "labels": labels},
            "spec": {"replicas": 0, "selector": {"matchLabels": labels}, "template": pod},
        })],
    );
}

/// An Istio that nothing in this lab ever makes Ready, since its namespace is not there.
fn make_istio(kit: &Kit, cluster: &str, mesh: &str, network: &str) {
    let values = json!({"global": {
        "meshID": mesh, "network": network, "multiCluster": {"clusterName": cluster},
    }, "pilot": {"cni": {"enabled": true}}});
    kit.apply(
        cluster,
        &[json!({
            "apiVersion": "sailoperator.io/v1", "kind": "Istio", "metadata": {"name": "default"},
            "spec": {"namespace": "istio-system", "values": values},
        })],
    );
}

/// A root and an intermediate by openssl, put into a cluster; returns the root's fingerprint.
fn make_cacerts(kit: &Kit, cluster: &str, root: &str) -> String {
    make_namespace(kit, cluster, "istio-system");
    let folder = kit.home().join(format!("{root}-{cluster}"));
    std::fs::create_dir_all(&folder).unwrap();
    let file = |name: &str| folder.join(name).display().to_string();
    openssl_root(kit, &folder, root);
    openssl_intermediate(kit, &folder);
    let literal = |key: &str| format!("--from-file={key}={}", file(key));
    let files = ["ca-cert.pem", "ca-key.pem", "root-cert.pem", "cert-chain.pem"].map(literal);
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    kit.kubectl(cluster, &[&["create", "secret", "generic", "cacerts", "-n", "istio-system"], &files[..]].concat())
        .ok();
    kit.fingerprint(&folder.join("root-cert.pem"))
}

fn openssl_root(kit: &Kit, folder: &Path, name: &str) {
    let file = |name: &str| folder.join(name).display().to_string();
    let subject = format!("/O=Istio/CN=Root {name}");
    kit.openssl(&[
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "10",
        "-subj",
        &subject,
        "-keyout",
        &file("root-key.pem"),
        "-out",
        &file("root-cert.pem"),
        "-addext",
        "keyUsage=critical,keyCertSign,digitalSignature",
    ])
    .ok();
}

fn openssl_intermediate(kit: &Kit, folder: &Path) {
    let file = |name: &str| folder.join(name).display().to_string();
    let extensions = folder.join("extensions");
    std::fs::write(
        &extensions,
        "basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,digitalSignature\n\
         subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n",
    )
    .unwrap();
    kit.openssl(&[
        "req",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-subj",
        "/O=Istio/CN=Intermediate CA",
        "-keyout",
        &file("ca-key.pem"),
        "-out",
        &file("request.pem"),
    ])
    .ok();
    kit.openssl(&[
        "x509",
        "-req",
        "-in",
        &file("request.pem"),
        "-CA",
        &file("root-cert.pem"),
        "-CAkey",
        &file("root-key.pem"),
        "-CAcreateserial",
        "-days",
        "10",
        "-out",
        &file("ca-cert.pem"),
        "-extfile",
        &extensions.display().to_string(),
    ])
    .ok();
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    std::fs::write(folder.join("cert-chain.pem"), read("ca-cert.pem") + &read("root-cert.pem")).unwrap();
}

/// A CA folder in the product's own form, whose root has signed for one cluster.
fn make_ca_folder(kit: &Kit, folder: &Path, uid: &str) {
    std::fs::create_dir_all(folder).unwrap();
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700)).unwrap();
    openssl_root(kit, folder, "CA");
    for name in ["root-key.pem", "root-cert.pem"] {
        std::fs::set_permissions(folder.join(name), std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    let fingerprint = kit.fingerprint(&folder.join("root-cert.pem"));
    let hex = fingerprint.trim().rsplit('=').next().unwrap().to_lowercase();
    let record = json!({"clusters": [{"cluster": "south", "uid": uid, "intermediate": hex}]});
    std::fs::write(folder.join("clusters.json"), record.to_string()).unwrap();
    std::fs::set_permissions(folder.join("clusters.json"), std::fs::Permissions::from_mode(0o600)).unwrap();
}
