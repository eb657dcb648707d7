//! What manuals say is typed on the lab as it stands there: Istio by helm and by istioctl, without an operator and without
//! a CNI plugin, its samples, and gateways side by side.
//!
//! Run: `meshlab with --clusters east,west --no-operator --external-ip=west --cluster-domain west=corp.example -- cargo test
//! -p mesh-tests --test lab_installs`

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod support;

use std::path::PathBuf;

use serde_json::{Value, json};
use support::shell::run;
use support::{Kit, kit};

/// Istio's page "Install with Helm", its gateway included, and the one on multi-network multicluster for the second gateway.
///
/// Source: istio.io (github.com/istio/istio.io, Apache-2.0), docs/setup/install/helm and
/// docs/setup/install/multicluster/multi-primary_multi-network, 1.31.
const HELM: [&str; 8] = [
    "helm repo add istio https://istio-release.storage.googleapis.com/charts",
    "helm repo update",
    "kubectl create namespace istio-system",
    "helm install istio-base istio/base -n istio-system --set defaultRevision=default",
    "helm install istiod istio/istiod -n istio-system --wait",
    "kubectl create namespace istio-ingress",
    "helm install istio-ingress istio/gateway -n istio-ingress --wait",
    "helm install istio-eastwestgateway istio/gateway -n istio-system \
     --set name=istio-eastwestgateway --set networkGateway=network1 --wait",
];

/// Istio's page "Install Multi-Primary on different networks", for a cluster with a domain of its own.
const ISTIO_OPERATOR: &str = "\
apiVersion: install.istio.io/v1alpha1
kind: IstioOperator
spec:
  values:
    global:
      meshID: mesh1
      multiCluster:
        clusterName: cluster2
      network: network2
      proxy:
        clusterDomain: corp.example
";

/// A cluster of a lab whose knobs are those at the top of this file.
fn cluster(name: &str) -> Option<Kit> {
    let kit = Kit::of(&["east", "west"])?;
    let lab = kit.lab("what the lab itself can do is tested on it alone")?;
    let clusters = lab.clusters();
    if clusters.iter().any(|cluster| cluster.sail.is_some()) || clusters[1].domain != "corp.example" {
        eprintln!("not run: the lab has other knobs than stand at the top of this file");
        return None;
    }
    assert!(kit.get(name, &["namespace", "istio-system"]).is_none(), "{name} is not bare");
    Some(kit)
}

/// Runs a line as typed by someone whose current context is a cluster.
#[track_caller]
fn typed(kit: &Kit, cluster: &str, line: &str) -> String {
    let text = std::fs::read_to_string(&kit.ground.kubeconfig).unwrap();
    let mut config: Value = serde_yaml::from_str(&text).unwrap();
    config["current-context"] = cluster.into();
    let kubeconfig = kit.file(&format!("{cluster}.kubeconfig"), &config.to_string());
    let mut shell = kit.command("bash");
    // Where a release of Istio was unpacked, as its pages have it.
    shell.current_dir(release()).env("KUBECONFIG", kubeconfig).args(["-euo", "pipefail", "-c", line]);
    run(&mut shell).ok()
}

fn release() -> PathBuf {
    std::env::var_os("MESHLAB_ISTIO").expect("meshlab with sets it").into()
}

/// The status that another cluster gets when it asks for a gateway's health.
fn health(kit: &Kit, from: &str, address: &str) -> String {
    let curl = ["curl", "-s", "-m", "5", "-o", "/dev/null", "-w", "%{http_code}"];
    let mut command = kit.command(kit::target_folder().join("meshlab"));
    command.args(["exec", from, "--"]).args(curl).arg(format!("http://{address}/healthz/ready"));
    run(&mut command).stdout
}

fn ingress(kit: &Kit, cluster: &str, namespace: &str, service: &str) -> Value {
    kit.get(cluster, &["service", "-n", namespace, service]).unwrap()["status"]["loadBalancer"]["ingress"].clone()
}

#[test]
fn what_helm_s_page_says_works_as_it_stands_and_each_gateway_has_an_address() {
    let Some(kit) = cluster("east") else { return };
    for line in HELM {
        typed(&kit, "east", line);
    }
    let listed = typed(&kit, "east", "helm list --all-namespaces --output json");
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let mut charts: Vec<&str> = listed.as_array().unwrap().iter().map(|one| one["chart"].as_str().unwrap()).collect();
    charts.sort_unstable();
    let version = typed(&kit, "east", "istioctl version --remote=false --output json");
    let version: Value = serde_json::from_str(&version).unwrap();
    let version = version["clientVersion"]["version"].as_str().unwrap();
    let release = version.split('-').next().unwrap();
    assert_eq!(charts, ["base", "gateway", "gateway", "istiod"].map(|name| format!("{name}-{release}")));
    // Another address of the same charts.
    let oci = "helm template istiod oci://gcr.io/istio-release/charts/istiod";
    assert!(typed(&kit, "east", oci).contains("kind: Deployment"));

    // What the lab lays under is no value of anybody's.
    assert_eq!(typed(&kit, "east", "helm get values istiod -n istio-system --output json").trim(), "null");
    let istiod = kit.get("east", &["deployment", "-n", "istio-system", "istiod"]).unwrap();
    let container = &istiod["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["image"], format!("registry.istio.io/release/pilot:{version}"));

    let first = ingress(&kit, "east", "istio-ingress", "istio-ingress");
    let second = ingress(&kit, "east", "istio-system", "istio-eastwestgateway");
    assert_eq!(
        (&first, &second),
        (&json!([{"ip": "10.99.1.1", "ipMode": "VIP"}]), &json!([{"ip": "10.99.1.2", "ipMode": "VIP"}]))
    );
    assert_eq!(["10.99.1.1:15021", "10.99.1.2:15021"].map(|door| health(&kit, "west", door)), ["200", "200"]);
    // Both have the port, and only one of them is scaled away.
    typed(&kit, "east", "kubectl scale deployment/istio-ingress -n istio-ingress --replicas 0");
    typed(&kit, "east", "kubectl wait pod -n istio-ingress --all --for=delete --timeout=60s");
    assert_eq!(["10.99.1.1:15021", "10.99.1.2:15021"].map(|door| health(&kit, "west", door)), ["000", "200"]);
}

#[test]
fn what_istioctl_s_page_says_works_without_a_cni_plugin_in_a_cluster_of_another_domain() {
    let Some(kit) = cluster("west") else { return };
    std::fs::write(kit.home().join("cluster2.yaml"), ISTIO_OPERATOR).unwrap();
    typed(&kit, "west", "istioctl install -y -f ~/cluster2.yaml");
    typed(&kit, "west", "samples/multicluster/gen-eastwest-gateway.sh --network network2 | istioctl install -y -f -");
    typed(&kit, "west", "kubectl create namespace sample");
    typed(&kit, "west", "kubectl label namespace sample istio-injection=enabled");
    typed(&kit, "west", "kubectl apply -n sample -f samples/helloworld/helloworld.yaml -l service=helloworld");
    typed(&kit, "west", "kubectl apply -n sample -f samples/helloworld/helloworld.yaml -l version=v2");
    typed(&kit, "west", "kubectl apply -n sample -f samples/curl/curl.yaml");
    typed(&kit, "west", "kubectl wait deployment -n sample --all --for=condition=Available --timeout=120s");

    assert_eq!(
        kit.kubectl("west", &["get", "daemonsets", "-A", "-o", "name"]).ok(),
        "",
        "there is a CNI plugin's agent"
    );
    let pods = kit.get("west", &["pods", "-n", "sample", "-l", "app=curl"]).unwrap();
    let first: Vec<&str> = names(&pods["items"][0]["spec"]["initContainers"]);
    assert!(first.contains(&"istio-init"), "{first:?}");
    // A sidecar on either side has seen the request, which the rules of its pod's network led there.
    let request = "kubectl exec -n sample deploy/curl -c curl -- \
                   curl -s -D - helloworld.sample.svc.corp.example:5000/hello";
    let answer = typed(&kit, "west", request);
    assert!(answer.contains("server: envoy") && answer.contains("Hello version: v2"), "{answer}");
    let stats = "kubectl exec -n sample deploy/helloworld-v2 -c istio-proxy -- pilot-agent request GET \
                 'stats?filter=listener.0.0.0.0_15006.ssl.handshake'";
    let handshakes = typed(&kit, "west", stats);
    assert!(handshakes.trim().rsplit(' ').next().is_some_and(|count| count != "0"), "{handshakes}");

    let nodes = kit.get("west", &["nodes"]).unwrap();
    let addresses = nodes["items"][0]["status"]["addresses"].as_array().unwrap();
    let external = addresses.iter().find(|address| address["type"] == "ExternalIP").expect("an external address");
    let gateway = kit.get("west", &["service", "-n", "istio-system", "istio-eastwestgateway"]).unwrap();
    let port =
        &gateway["spec"]["ports"].as_array().unwrap().iter().find(|port| port["port"] == 15021).unwrap()["nodePort"];
    assert_eq!(health(&kit, "east", &format!("{}:{port}", external["address"].as_str().unwrap())), "200");
}

fn names(containers: &Value) -> Vec<&str> {
    containers.as_array().into_iter().flatten().filter_map(|container| container["name"].as_str()).collect()
}
