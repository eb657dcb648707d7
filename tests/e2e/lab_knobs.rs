//! Clusters as others have them, without their nodes: behind a TLS front, behind a proxy, rebuilt behind an old address, and
//! such that hold what was recorded elsewhere.
//!
//! Run: `meshlab with --clusters plain,recorded,front,proxied --api-only --no-operator=plain --recorded=recorded
//! --tls-front=front --connect-proxy=proxied -- cargo test -p mesh-tests --test lab_knobs`

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod support;

use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use meshlab::spec::Extent;
use serde_json::{Value, json};
use support::shell::{run, run_with_input};
use support::{Kit, kit, until};

/// Clusters of a lab whose knobs are those at the top of this file.
fn clusters() -> Option<Kit> {
    let kit = Kit::of(&["plain", "recorded", "front", "proxied"])?;
    let lab = kit.lab("what the lab itself can do is tested on it alone")?;
    let has = |cluster, knob: fn(&meshlab::spec::Cluster) -> bool| knob(lab.spec().cluster(cluster).unwrap());
    if !(has("recorded", |of| of.extent == Extent::Recorded)
        && has("front", |of| of.tls_front)
        && has("proxied", |of| of.connect_proxy))
    {
        eprintln!("not run: the lab has other knobs than stand at the top of this file");
        return None;
    }
    Some(kit)
}

/// The entry of a cluster in a kubeconfig.
fn entry(kubeconfig: &Path, cluster: &str) -> Value {
    let config: Value = serde_yaml::from_str(&std::fs::read_to_string(kubeconfig).unwrap()).unwrap();
    let entries = config["clusters"].as_array().unwrap();
    entries.iter().find(|entry| entry["name"] == format!("{cluster}-api")).unwrap()["cluster"].clone()
}

fn uid(kit: &Kit, cluster: &str) -> String {
    kit.kubectl(cluster, &["get", "namespace", "kube-system", "-o", "jsonpath={.metadata.uid}"]).ok()
}

/// A certificate's line of openssl.
fn openssl(kit: &Kit, of: &Value, line: &str) -> String {
    let pem = STANDARD.decode(of["certificate-authority-data"].as_str().unwrap()).unwrap();
    let mut command = kit.command("openssl");
    run_with_input(command.args(["x509", "-noout", line]), &String::from_utf8(pem).unwrap()).ok()
}

fn meshlab(kit: &Kit, arguments: &[&str]) -> String {
    let mut command = kit.command(kit::target_folder().join("meshlab"));
    run(command.args(arguments)).ok()
}

#[test]
fn a_cluster_that_is_rebuilt_is_another_behind_the_same_address() {
    let Some(kit) = clusters() else { return };
    let kubeconfig = kit.ground.kubeconfig.clone();
    let old = kit.file("old.kubeconfig", &std::fs::read_to_string(&kubeconfig).unwrap());
    let before = (uid(&kit, "plain"), entry(&kubeconfig, "plain"));
    let other = uid(&kit, "recorded");
    kit.kubectl("plain", &["create", "namespace", "of-before"]).ok();

    meshlab(&kit, &["rebuild", "plain"]);

    let after = (uid(&kit, "plain"), entry(&kubeconfig, "plain"));
    assert_ne!(after.0, before.0);
    assert_eq!(after.1["server"], before.1["server"]);
    let fingerprint = |of: &Value| openssl(&kit, of, "-fingerprint");
    assert_ne!(fingerprint(&after.1), fingerprint(&before.1));
    assert!(kit.get("plain", &["namespace", "of-before"]).is_none());
    assert_eq!(uid(&kit, "recorded"), other, "another cluster was touched");
    let mut with_old = kit.command("kubectl");
    let refused = run(with_old.env("KUBECONFIG", &old).args(["--context", "plain", "get", "namespaces"]));
    assert!(refused.stderr.contains("certificate signed by unknown authority"), "{refused}");
}

#[test]
fn a_tls_front_shows_a_certificate_that_is_not_the_cluster_s_and_takes_tokens() {
    let Some(kit) = clusters() else { return };
    let seen = entry(&kit.ground.kubeconfig, "front");
    assert!(openssl(&kit, &seen, "-issuer").contains("public-ca"));
    let of_cluster = kit.get("front", &["configmap", "-n", "default", "kube-root-ca.crt"]).unwrap();
    let of_cluster =
        json!({"certificate-authority-data": STANDARD.encode(of_cluster["data"]["ca.crt"].as_str().unwrap())});
    assert!(openssl(&kit, &of_cluster, "-issuer").contains("front-ca"));
    let me = kit.kubectl("front", &["auth", "whoami", "-o", "json"]).json();
    assert_eq!(me["status"]["userInfo"]["username"], "admin");
    // A watch goes through it as any other request.
    let watched = ["get", "namespaces", "--watch", "--request-timeout=2s", "-o", "name"];
    assert!(kit.kubectl("front", &watched).stdout.contains("namespace/default"));
    // Other clusters come to the API server itself as before.
    let direct = ["exec", "plain", "--", "curl", "-sk", "-m", "5", "https://10.99.0.13:6443/version"];
    assert!(meshlab(&kit, &direct).contains("gitVersion"));
}

#[test]
fn a_proxy_is_the_only_way_to_an_api_server_that_is_reached_by_it() {
    let Some(kit) = clusters() else { return };
    let seen = entry(&kit.ground.kubeconfig, "proxied");
    assert_eq!(seen["server"], "https://10.99.0.14:6443");
    assert!(seen["proxy-url"].as_str().unwrap().starts_with("http://127.0.0.1:"));
    assert!(!uid(&kit, "proxied").is_empty());
    let text = std::fs::read_to_string(&kit.ground.kubeconfig).unwrap();
    let without: Vec<&str> = text.lines().filter(|line| !line.contains("proxy-url")).collect();
    let without = kit.file(
        "without.kubeconfig",
        &without.join(
            "
",
        ),
    );
    let mut command = kit.command("kubectl");
    let refused =
        run(command.env("KUBECONFIG", without).args(["--context", "proxied", "--request-timeout=3s", "get", "nodes"]));
    assert_ne!(refused.code, 0, "{refused}");
}

/// What a live cluster left: nothing of it is true here, and all of it is to stay.
fn recording() -> [Value; 7] {
    let labels = json!({"app": "istiod"});
    let template = json!({"metadata": {"labels": labels}, "spec": {"containers": [{"name": "a", "image": "a"}]}});
    let elsewhere = json!([{
        "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "istiod-1", "uid": "00000000-0000-0000-0000-000000000001",
    }]);
    let condition = |kind: &str, status: &str| json!({"type": kind, "status": status, "lastHeartbeatTime": "2026-01-01T00:00:00Z", "reason": "Recorded"});
    [
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "istio-system"}}),
        json!({
            "apiVersion": "v1", "kind": "Node", "metadata": {"name": "far-away"},
            "status": {"conditions": [condition("Ready", "True")]},
        }),
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "istiod", "namespace": "istio-system"},
            "spec": {"selector": {"matchLabels": labels}, "template": template},
            "status": {"observedGeneration": 1, "replicas": 1, "readyReplicas": 1, "availableReplicas": 1},
        }),
        json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "istiod-1-a", "namespace": "istio-system", "labels": labels, "ownerReferences": elsewhere},
            "spec": {"nodeName": "far-away", "containers": [{"name": "a", "image": "a"}]},
            "status": {"phase": "Running", "podIP": "10.1.2.3"},
        }),
        json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": "istiod", "namespace": "istio-system"},
            "spec": {"type": "LoadBalancer", "selector": labels, "ports": [{"port": 15012}]},
            "status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.7"}]}},
        }),
        json!({
            "apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "few", "namespace": "istio-system"},
            "spec": {"hard": {"pods": "7"}}, "status": {"hard": {"pods": "7"}, "used": {"pods": "6"}},
        }),
        json!({
            "apiVersion": "sailoperator.io/v1", "kind": "Istio", "metadata": {"name": "default"},
            "spec": {"namespace": "istio-system", "version": "v1.31.0-beta.1"},
            "status": {"state": "Healthy", "activeRevisionName": "default", "observedGeneration": 1},
        }),
    ]
}

#[test]
fn what_was_recorded_elsewhere_stays_as_it_is_laid_down() {
    let Some(kit) = clusters() else { return };
    let objects = recording();
    lay(&kit, &objects, &[]);
    let with_status: Vec<Value> = objects.iter().filter(|object| object["status"].is_object()).cloned().collect();
    lay(&kit, &with_status, &["--subresource=status"]);
    let laid = versions(&kit);
    assert_eq!(laid.len(), with_status.len());

    // A namespace comes and goes, and its account and a token of it: those controllers work.
    kit.kubectl("recorded", &["create", "namespace", "passing"]).ok();
    let account = ["serviceaccount", "-n", "passing", "default"];
    until("the account is there", Duration::from_secs(10), || kit.get("recorded", &account).ok_or("none".to_owned()));
    let token = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token",
        "metadata": {"name": "t", "namespace": "passing", "annotations": {"kubernetes.io/service-account.name": "default"}},
    });
    kit.apply("recorded", &[token]);
    until("the token is there", Duration::from_secs(10), || {
        let secret = kit.get("recorded", &["secret", "-n", "passing", "t"]).ok_or("none")?;
        if secret["data"]["token"].is_string() { Ok(()) } else { Err("no token".to_owned()) }
    });
    kit.kubectl("recorded", &["delete", "namespace", "passing", "--timeout=30s"]).ok();

    assert_eq!(versions(&kit), laid);
    for kind in ["replicasets", "endpointslices", "istiorevisions.sailoperator.io"] {
        let made = kit.kubectl("recorded", &["get", kind, "-A", "-o", "name"]).ok();
        let made: Vec<&str> = made.lines().filter(|name| !name.ends_with("/kubernetes")).collect();
        assert!(made.is_empty(), "{kind} were made: {made:?}");
    }
    // Those are not running who look at nodes and owners once in a minute, and would not have been seen yet.
    let log = meshlab(&kit, &["logs", "recorded", "kube-controller-manager"]);
    for name in ["garbage-collector", "pod-garbage-collector", "node-lifecycle", "taint-eviction", "resourcequota"] {
        let disabled = format!("\"Warning: controller is disabled\" controller=\"{name}-controller\"");
        assert!(log.contains(&disabled), "{name}\n{log}");
    }
}

#[track_caller]
fn lay(kit: &Kit, objects: &[Value], more: &[&str]) {
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
    let mut command = kit.kubectl_command("recorded");
    let apply = ["apply", "--server-side", "--field-manager=recording", "-f", "-"];
    run_with_input(command.args(apply).args(more), &list.to_string()).ok();
}

/// What was laid down, with the version of each.
fn versions(kit: &Kit) -> Vec<String> {
    let kinds = "nodes,istios.sailoperator.io";
    let mut found = Vec::new();
    for arguments in [&[kinds][..], &["deployments,pods,services,resourcequotas", "-n", "istio-system"]] {
        let list = kit.get("recorded", arguments).unwrap();
        found.extend(list["items"].as_array().unwrap().iter().map(|item| {
            let metadata = &item["metadata"];
            format!("{} {} {} {}", item["kind"], metadata["name"], metadata["resourceVersion"], item["status"])
        }));
    }
    found
}
