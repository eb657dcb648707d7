//! Two fresh clusters become one mesh by one command, and Istio's own tools say so.
//!
//! The gateway of east has a name, as on AWS, that of west an address.
//!
//! Run: `meshlab with --clusters east,west --balancer east=hostname -- cargo test -p mesh-tests --test join`

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use meshlab::spec::Balancer;
use serde_json::{Value, json};
use support::sample::{Answers, NAMESPACE, exposure};
use support::{Kit, ca_folder, until};

const CLUSTERS: [&str; 2] = ["east", "west"];

/// The home of the test that made the mesh, while the mesh exists.
static MESH: Mutex<Option<PathBuf>> = Mutex::new(None);

/// The mesh that the tests of this file look at; the first that needs it makes it.
fn mesh() -> Option<Kit> {
    let kit = Kit::of(&CLUSTERS)?;
    let mut mesh = MESH.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(home) = &*mesh {
        return Some(kit.at(home.clone()));
    }
    kit.bare();
    kit.kubectl_mesh_mc(&["join", "--contexts", "east,west", "--yes"]).ok();
    kit.run_applications("east", "v1");
    kit.run_applications("west", "v2");
    *mesh = Some(kit.home().to_owned());
    Some(kit)
}

#[test]
fn what_is_exposed_and_nothing_else_is_answered_from_the_other_cluster() {
    let Some(kit) = mesh() else { return };
    for cluster in CLUSTERS {
        kit.kubectl(cluster, &["delete", "gateway.networking.istio.io", "--all", "-n", "istio-system"]).ok();
    }
    assert_eq!(kit.call("east", 10, "before"), Answers { v1: 10, ..Answers::default() });
    assert_eq!(kit.call("west", 10, "before"), Answers { v2: 10, ..Answers::default() });

    for cluster in CLUSTERS {
        kit.apply(cluster, &[exposure()]);
    }
    kit.await_route("east", "west");
    kit.await_route("west", "east");
    for cluster in CLUSTERS {
        let answers = kit.call(cluster, 60, &format!("from-{cluster}"));
        assert!(answers.v1 > 0 && answers.v2 > 0 && answers.other.is_empty(), "{cluster}: {answers:?}");
    }
    for (server, version, client) in [("west", "v2", "from-east"), ("east", "v1", "from-west")] {
        let pod = format!("deploy/helloworld-{version}");
        let logged = until(&format!("{client} in the access log of {server}"), Duration::from_secs(30), || {
            let log = kit.kubectl(server, &["logs", "-n", NAMESPACE, &pod, "-c", "istio-proxy", "--tail=400"]).ok();
            let lines: Vec<String> =
                log.lines().filter(|line| line.contains(&format!(" as {client} "))).map(ToOwned::to_owned).collect();
            if lines.is_empty() { Err(log) } else { Ok(lines) }
        });
        let identity = " by spiffe://cluster.local/ns/sample/sa/curl ";
        assert!(logged.iter().all(|line| line.contains(identity)), "{server}: {logged:#?}");
    }
}

#[test]
fn a_gateway_that_has_a_name_is_known_to_peers_by_the_address_that_it_leads_to() {
    let Some(kit) = mesh() else { return };
    let Some(lab) = kit.lab("whether a balancer gives a name or an address is chosen on the lab alone") else { return };
    let east = lab.spec().cluster("east").unwrap();
    if east.balancer != Balancer::Hostname {
        eprintln!("not run: the lab's balancer in east gives addresses (meshlab with --balancer east=hostname)");
        return;
    }
    assert_eq!(kit.gateway_ingress("east"), json!({"hostname": east.balancer_host(1)}));
    kit.await_gateway("west", "east");
}

#[test]
fn istioctl_sees_a_whole_mesh() {
    let Some(kit) = mesh() else { return };
    kit.assert_everyone_sees_everyone(&CLUSTERS);
    for cluster in CLUSTERS {
        // The gateway, the server and the client.
        assert_eq!(kit.assert_proxies_synced(cluster), 3, "{cluster}");
        let Some(analysis) = kit.analyze(cluster, &["--all-namespaces", "--failure-threshold", "Error"]) else {
            return;
        };
        let found: Vec<&str> = analysis.lines().filter(|line| !line.starts_with("Info")).collect();
        let known = |line: &&str| {
            // An EnvoyFilter is there at all, for the test alone. Node ports, which nobody chose, differ between clusters.
            line.contains("IST0133") || line.contains("IST0170") && line.ends_with("service ports are inconsistent.")
        };
        assert!(found.iter().all(known), "{cluster}: {found:#?}");
    }
}

#[test]
fn openssl_accepts_every_chain() {
    let Some(kit) = mesh() else { return };
    let folder = kit.ca_folder();
    let root = kit.fingerprint(&folder.join("root-cert.pem"));
    for cluster in CLUSTERS {
        kit.assert_chain(&folder.join(cluster));
        let cacerts = kit.secret_files(cluster, "istio-system", "cacerts");
        kit.assert_chain(&cacerts);
        assert_eq!(kit.fingerprint(&cacerts.join("root-cert.pem")), root, "{cluster}");

        let client = format!("deploy/curl.{NAMESPACE}");
        let shown = kit.istioctl(cluster, &["proxy-config", "secret", &client, "-o", "json"]).json();
        let (chain, trusted) = workload_certificates(&shown);
        let (chain, trusted) = (kit.file("workload.pem", &chain), kit.file("trusted.pem", &trusted));
        assert_eq!(kit.fingerprint(&trusted), root, "{cluster}: what a workload trusts");
        let [chain, trusted] = [chain, trusted].map(|path| path.display().to_string());
        kit.openssl(&["verify", "-x509_strict", "-CAfile", &trusted, "-untrusted", &chain, &chain]).ok();
    }
    ca_folder::assert_private(&ca_folder::tree(&kit.data()));
}

/// A workload's own chain and its roots, from what `istioctl proxy-config secret` shows.
fn workload_certificates(shown: &Value) -> (String, String) {
    use base64::Engine as _;
    let secret = |name: &str| {
        let secrets = shown["dynamicActiveSecrets"].as_array().unwrap();
        secrets.iter().find(|secret| secret["name"] == name).unwrap()["secret"].clone()
    };
    let text = |value: &Value| {
        let bytes = base64::engine::general_purpose::STANDARD.decode(value.as_str().unwrap()).unwrap();
        String::from_utf8(bytes).unwrap()
    };
    (
        text(&secret("default")["tlsCertificate"]["certificateChain"]["inlineBytes"]),
        text(&secret("ROOTCA")["validationContext"]["trustedCa"]["inlineBytes"]),
    )
}

#[test]
fn the_certificates_have_the_profile_of_the_seed() {
    let Some(kit) = mesh() else { return };
    let folder = kit.ca_folder();
    insta::assert_snapshot!(profile(&kit, &folder.join("root-cert.pem")), @r"
    issuer=O = Istio, CN = Root CA
    subject=O = Istio, CN = Root CA
    X509v3 Key Usage: critical
        Digital Signature, Non Repudiation, Key Encipherment, Certificate Sign, CRL Sign
    X509v3 Basic Constraints: critical
        CA:TRUE
    Public-Key: (4096 bit)
    Signature Algorithm: sha256WithRSAEncryption
    days: 3650
    ");
    insta::assert_snapshot!(profile(&kit, &folder.join("east/ca-cert.pem")), @r"
    issuer=O = Istio, CN = Root CA
    subject=O = Istio, CN = Intermediate CA, L = east
    X509v3 Subject Alternative Name:
        DNS:istiod.istio-system.svc
    X509v3 Key Usage: critical
        Digital Signature, Non Repudiation, Key Encipherment, Certificate Sign, CRL Sign
    X509v3 Basic Constraints: critical
        CA:TRUE, pathlen:0
    Public-Key: (4096 bit)
    Signature Algorithm: sha256WithRSAEncryption
    days: 3650
    ");
}

/// What openssl says of a certificate, without what is different in every one.
fn profile(kit: &Kit, certificate: &Path) -> String {
    let path = certificate.display().to_string();
    let shown = |arguments: &[&str]| kit.openssl(&[&["x509", "-in", &path, "-noout"], arguments].concat()).ok();
    let names = shown(&["-issuer", "-subject", "-ext", "basicConstraints,keyUsage,subjectAltName"]);
    let names: Vec<&str> = names.lines().map(str::trim_end).filter(|line| !line.starts_with("No extensions")).collect();
    let text = shown(&["-text"]);
    let line =
        |start: &str| text.lines().map(str::trim).find(|line| line.starts_with(start)).unwrap_or_default().to_owned();
    let time = |name: &str| -> i64 {
        let value = shown(&["-dateopt", "iso_8601", name]);
        let value = value.split_once('=').unwrap().1.trim().replace(' ', "T");
        value.parse::<Timestamp>().unwrap().as_second()
    };
    // It begins some minutes before it was made, for clocks that go after.
    let days = (time("-enddate") - time("-startdate")) / 86_400;
    [&names.join("\n"), &line("Public-Key"), &line("Signature Algorithm"), &format!("days: {days}")]
        .map(String::as_str)
        .join("\n")
}

#[test]
fn a_remote_secret_is_the_one_that_istioctl_would_create() {
    let Some(kit) = mesh() else { return };
    for (reader, peer) in [("east", "west"), ("west", "east")] {
        let server = match kit.lab_in_part("only the lab's addresses are known beforehand") {
            Some(lab) => format!("https://{}:6443", lab.spec().cluster(peer).unwrap().address()),
            None => kit.registered_server(reader, peer),
        };
        let arguments = ["create-remote-secret", "--name", peer, "--server", &server, "--create-service-account=false"];
        let wanted = first_document(&kit.istioctl(peer, &arguments).ok());
        let name = format!("istio-remote-secret-{peer}");
        let found = kit.get(reader, &["secret", "-n", "istio-system", &name]).unwrap();

        let mut labels = found["metadata"]["labels"].clone();
        let ours = labels.as_object_mut().unwrap().shift_remove("app.kubernetes.io/managed-by");
        assert_eq!(ours, Some("kubectl-mesh-mc".into()));
        assert_eq!(labels, wanted["metadata"]["labels"]);
        assert_eq!(found["metadata"]["annotations"], wanted["metadata"]["annotations"]);
        assert_eq!(found["metadata"]["name"], wanted["metadata"]["name"]);
        assert_eq!(found["metadata"]["namespace"], wanted["metadata"]["namespace"]);
        assert_eq!(found["type"], wanted.get("type").cloned().unwrap_or(json!("Opaque")));
        assert_eq!(kubeconfigs(&found), kubeconfigs(&wanted), "{reader} reads {peer}");
    }
}

/// istioctl ends its one manifest with the beginning of another.
fn first_document(yaml: &str) -> Value {
    let documents = serde_yaml::Deserializer::from_str(yaml);
    let mut values = documents.map(|document| serde::Deserialize::deserialize(document).unwrap());
    values.find(|value: &Value| value.is_object()).unwrap()
}

/// The kubeconfigs in a Secret by their keys, whichever way it holds them.
fn kubeconfigs(secret: &Value) -> BTreeMap<String, Value> {
    use base64::Engine as _;
    let parse = |text: &str| serde_yaml::from_str::<Value>(text).unwrap();
    let decode =
        |value: &str| String::from_utf8(base64::engine::general_purpose::STANDARD.decode(value).unwrap()).unwrap();
    let of = |key: &str| secret[key].as_object().cloned().unwrap_or_default();
    let plain = of("stringData").into_iter().map(|(key, value)| (key, parse(value.as_str().unwrap())));
    let encoded = of("data").into_iter().map(|(key, value)| (key, parse(&decode(value.as_str().unwrap()))));
    plain.chain(encoded).collect()
}

#[test]
fn a_second_join_writes_nothing_and_starts_no_pod() {
    let Some(kit) = mesh() else { return };
    let pods = CLUSTERS.map(|cluster| kit.pods(cluster));
    let keys = ca_folder::tree(&kit.data());
    let began = kit.join("east,west");
    kit.assert_nothing_written(began);
    assert_eq!(CLUSTERS.map(|cluster| kit.pods(cluster)), pods);
    assert_eq!(ca_folder::tree(&kit.data()), keys);
    for cluster in CLUSTERS.into_iter().filter(|_| kit.is_audited()) {
        assert!(!kit.requests(cluster, began).is_empty(), "the audit log of {cluster} has nothing of the second join");
    }
}

#[test]
fn a_probe_is_removed_when_its_runs_time_is_over_and_not_before() {
    let Some(kit) = mesh() else { return };
    let namespace = |name: &str, seconds: &str| {
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {
            "name": name, "labels": {"mesh-probe": "true"}, "annotations": {"mesh-probe-run-seconds": seconds},
        }})
    };
    kit.apply("east", &[namespace("mesh-probe-beef", "600"), namespace("mesh-probe-dead", "0")]);
    let made = Timestamp::now();
    until("a second has passed", Duration::from_secs(5), || {
        if Timestamp::now().duration_since(made).as_secs() > 1 { Ok(()) } else { Err("not yet".into()) }
    });
    let began = kit.join("east,west");
    let is_going = |name: &str| {
        kit.get("east", &["namespace", name]).is_none_or(|found| !found["metadata"]["deletionTimestamp"].is_null())
    };
    assert!(is_going("mesh-probe-dead") && !is_going("mesh-probe-beef"));
    if kit.is_audited() {
        let writes = kit.writes("east", began);
        assert!(
            writes.len() == 1 && writes[0].starts_with("delete namespaces ") && writes[0].ends_with("/mesh-probe-dead"),
            "{writes:?}"
        );
        assert!(kit.writes("west", began).is_empty());
    }
    kit.kubectl("east", &["delete", "namespace", "mesh-probe-beef", "--wait=false"]).ok();
}

#[test]
fn no_key_or_token_is_said() {
    let Some(kit) = mesh() else { return };
    let keys: Vec<String> = ca_folder::tree(&kit.data())
        .into_values()
        .filter_map(|(_, content)| String::from_utf8(content).ok())
        .filter(|text| text.contains("PRIVATE KEY"))
        .filter_map(|text| text.lines().nth(3).map(ToOwned::to_owned))
        .collect();
    assert_eq!(keys.len(), 3, "the root's key and one of each cluster");
    for arguments in [&["--dry-run=client"][..], &["-o", "yaml"], &["-o", "json"], &["--yes"]] {
        let ended = kit.mesh_mc(&[&["join", "--contexts", "east,west"], arguments].concat());
        let said = format!("{}{}", ended.stdout, ended.stderr);
        assert_eq!(ended.code, 0, "{ended}");
        assert!(keys.iter().all(|key| !said.contains(key)) && !said.contains("PRIVATE KEY"), "{arguments:?}");
        assert!(!said.contains("eyJ"), "{arguments:?} says a token: {said}");
    }
}

#[test]
fn kubectl_reads_the_manifests_and_nothing_is_written_meanwhile() {
    let Some(kit) = Kit::of(&CLUSTERS) else { return };
    *MESH.lock().unwrap_or_else(PoisonError::into_inner) = None;
    kit.bare();
    let began = Timestamp::now();
    let plan = kit.mesh_mc(&["join", "--contexts", "east,west", "--dry-run=client"]).ok();
    assert!(plan.contains("Nothing was written"), "{plan}");
    let yaml = kit.mesh_mc(&["join", "--contexts", "east,west", "-o", "yaml"]).ok();
    let json = kit.mesh_mc(&["join", "--contexts", "east,west", "-o", "json"]).json();
    kit.assert_nothing_written(began);
    assert!(ca_folder::tree(&kit.data()).is_empty());
    // Applied without cacerts they would make a mesh of two roots.
    assert_eq!(
        yaml.matches("stage 1: apply once the Secret that is left out here exists").count(),
        CLUSTERS.len(),
        "{yaml}"
    );
    assert_eq!(yaml.matches("without it istiod makes a root of its own").count(), CLUSTERS.len(), "{yaml}");

    let mut kubectl = kit.kubectl_command("east");
    let arguments = ["create", "--dry-run=client", "-o", "json", "-f", "-"];
    let read = support::shell::run_with_input(kubectl.args(arguments), &yaml).ok();
    let read: Vec<Value> = serde_json::Deserializer::from_str(&read).into_iter().collect::<Result<_, _>>().unwrap();
    assert_eq!(read, *json["items"].as_array().unwrap());
    let mut kubectl = kit.kubectl_command("east");
    support::shell::run_with_input(kubectl.args(arguments), &json.to_string()).ok();
    let kinds: Vec<&str> =
        json["items"].as_array().unwrap().iter().map(|item| item["kind"].as_str().unwrap()).collect();
    assert!(!kinds.is_empty() && kinds.contains(&"Istio") && kinds.contains(&"Deployment"), "{kinds:?}");
    for kind in ["Namespace", "IstioCNI", "Istio", "ServiceAccount", "Service", "Deployment"] {
        let count = kinds.iter().filter(|known| **known == kind).count();
        assert!(count >= 2, "{kind}: {kinds:?}");
    }
}
