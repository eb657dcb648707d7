//! What istioctl and openssl say of a mesh.

use std::collections::BTreeSet;
use std::net::ToSocketAddrs as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::sample::{HOST, NAMESPACE};
use super::{Kit, until};

impl Kit {
    /// Asserts that istiod of every cluster has synced every other, by `istioctl remote-clusters`.
    #[track_caller]
    pub(crate) fn assert_everyone_sees_everyone(&self, clusters: &[&str]) {
        for cluster in clusters {
            let table = self.istioctl(cluster, &["remote-clusters"]).ok();
            for peer in clusters.iter().filter(|peer| *peer != cluster) {
                let row = table.lines().find(|line| line.split_whitespace().next() == Some(peer));
                let row = row.unwrap_or_else(|| panic!("{cluster} does not know {peer}:\n{table}"));
                assert!(row.split_whitespace().any(|word| word == "synced"), "{cluster}:\n{table}");
            }
        }
    }

    /// Asserts that every proxy that istiod of a cluster knows has all its configuration, and returns how many those are.
    #[track_caller]
    pub(crate) fn assert_proxies_synced(&self, cluster: &str) -> usize {
        let table = self.istioctl(cluster, &["proxy-status"]).ok();
        assert!(!table.contains("STALE") && !table.contains("NOT SENT ("), "{cluster}:\n{table}");
        table.lines().skip(1).filter(|line| !line.trim().is_empty()).count()
    }

    /// Waits until the client of a cluster knows the servers of its own and, by its address, the gateway of its peer.
    #[track_caller]
    pub(crate) fn await_gateway(&self, cluster: &str, peer: &str) {
        let gateway = self.gateway_address(peer);
        let name = format!("outbound|5000||{HOST}");
        until(&format!("the client of {cluster} knows {gateway}"), Duration::from_mins(1), || {
            let client = format!("deploy/curl.{NAMESPACE}");
            let table = self.istioctl(cluster, &["proxy-config", "endpoints", &client, "--cluster", &name]).ok();
            let healthy = table.lines().filter(|line| line.contains("HEALTHY")).count();
            if healthy >= 2 && table.contains(&format!("{gateway}:15443")) { Ok(()) } else { Err(table) }
        });
    }

    /// Waits until the client of a cluster knows the gateway of its peer, and that serves the host.
    #[track_caller]
    pub(crate) fn await_route(&self, cluster: &str, peer: &str) {
        self.await_gateway(cluster, peer);
        until(&format!("the gateway of {peer} serves {HOST}"), Duration::from_mins(1), || {
            let gateway = "deploy/istio-eastwestgateway.istio-system";
            let table = self.istioctl(peer, &["proxy-config", "listeners", gateway, "--port", "15443"]).ok();
            if table.contains(HOST) { Ok(()) } else { Err(table) }
        });
    }

    /// What the load balancer gave to a cluster's gateway: an address, or a name.
    #[track_caller]
    pub(crate) fn gateway_ingress(&self, cluster: &str) -> Value {
        let service =
            self.get(cluster, &["service", "-n", "istio-system", "istio-eastwestgateway"]).expect("a gateway");
        service["status"]["loadBalancer"]["ingress"][0].clone()
    }

    /// The address at which a cluster's gateway is, or to which its name leads.
    #[track_caller]
    pub(crate) fn gateway_address(&self, cluster: &str) -> String {
        let ingress = self.gateway_ingress(cluster);
        match (ingress["ip"].as_str(), &self.ground.lab) {
            (Some(address), _) => address.to_owned(),
            (None, Some(lab)) => lab.spec().cluster(cluster).expect("a cluster of the lab").address().to_string(),
            (None, None) => {
                let host = ingress["hostname"].as_str().expect("an address or a name");
                let mut addresses = (host, 15443).to_socket_addrs().expect("the gateway's name leads somewhere");
                addresses.next().expect("an address").ip().to_string()
            }
        }
    }

    /// The address of a peer's API server that a cluster's remote secret has.
    #[track_caller]
    pub(crate) fn registered_server(&self, cluster: &str, peer: &str) -> String {
        let folder = self.secret_files(cluster, "istio-system", &format!("istio-remote-secret-{peer}"));
        let kubeconfig = std::fs::read_to_string(folder.join(peer)).expect("a kubeconfig by the peer's name");
        let kubeconfig: Value = serde_yaml::from_str(&kubeconfig).expect("YAML");
        kubeconfig["clusters"][0]["cluster"]["server"].as_str().expect("an address").to_owned()
    }

    /// The region of a cluster, by the label of its nodes.
    #[track_caller]
    pub(crate) fn region(&self, cluster: &str) -> String {
        let regions = self.regions(cluster);
        assert_eq!(regions.len(), 1, "{cluster} has the regions {regions:?}");
        regions.into_iter().next().expect("one")
    }

    /// Whether each cluster is a region of its own, without which no traffic can fail over from one to the other. Where
    /// one is not, it says that the test is not run.
    pub(crate) fn are_regions(&self, clusters: &[&str]) -> bool {
        let all: Vec<BTreeSet<String>> = clusters.iter().map(|cluster| self.regions(cluster)).collect();
        let distinct: BTreeSet<&String> = all.iter().flatten().collect();
        let are = all.iter().all(|regions| regions.len() == 1) && distinct.len() == clusters.len();
        if !are {
            eprintln!("not run: {clusters:?} are in the regions {all:?}, and each has to be one of its own");
        }
        are
    }

    fn regions(&self, cluster: &str) -> BTreeSet<String> {
        let nodes = self.get(cluster, &["nodes"]).expect("nodes");
        let nodes = nodes["items"].as_array().expect("items").iter();
        let region =
            |node: &Value| node["metadata"]["labels"]["topology.kubernetes.io/region"].as_str().map(str::to_owned);
        nodes.filter_map(region).collect()
    }

    /// The data of a Secret, each key as a file in a folder of the test's own.
    #[track_caller]
    pub(crate) fn secret_files(&self, cluster: &str, namespace: &str, name: &str) -> PathBuf {
        let secret = self.get(cluster, &["secret", "-n", namespace, name]).expect("the Secret is there");
        let folder = self.home().join(format!("{cluster}-{name}"));
        std::fs::create_dir_all(&folder).expect("a folder");
        for (key, value) in secret["data"].as_object().expect("data") {
            let value = STANDARD.decode(value.as_str().expect("base64")).expect("base64");
            std::fs::write(folder.join(key), value).expect("a file");
        }
        folder
    }

    /// Asserts by openssl that a folder as of `cacerts` holds one chain, and that its key is the certificate's.
    #[track_caller]
    pub(crate) fn assert_chain(&self, folder: &Path) {
        let file = |name: &str| folder.join(name).display().to_string();
        let (root, ca, key, chain) =
            (file("root-cert.pem"), file("ca-cert.pem"), file("ca-key.pem"), file("cert-chain.pem"));
        self.openssl(&["verify", "-x509_strict", "-CAfile", &root, &ca]).ok();
        let of_certificate = self.openssl(&["x509", "-in", &ca, "-noout", "-pubkey"]).ok();
        let of_key = self.openssl(&["pkey", "-in", &key, "-pubout"]).ok();
        assert_eq!(of_certificate, of_key, "{ca} and {key}");
        let read = |path: &str| std::fs::read_to_string(path).expect("a PEM file");
        assert_eq!(read(&chain).trim_end(), format!("{}\n{}", read(&ca).trim_end(), read(&root).trim_end()), "{chain}");
    }

    /// SHA-256 of a certificate, by openssl.
    #[track_caller]
    pub(crate) fn fingerprint(&self, certificate: &Path) -> String {
        let path = certificate.display().to_string();
        self.openssl(&["x509", "-in", &path, "-noout", "-fingerprint", "-sha256"]).ok()
    }

    /// The root in a cluster's `cacerts`.
    #[track_caller]
    pub(crate) fn root_of(&self, cluster: &str) -> String {
        self.fingerprint(&self.secret_files(cluster, "istio-system", "cacerts").join("root-cert.pem"))
    }

    /// UID of every pod of a cluster that is not on its way out, by name: a probe's goes in its own time after a join.
    #[track_caller]
    pub(crate) fn pods(&self, cluster: &str) -> Vec<(String, String)> {
        let list = self.kubectl(cluster, &["get", "pods", "-A", "-o", "json"]).json();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let items = list["items"].as_array().expect("items").iter();
        let stays = items.filter(|pod| pod["metadata"]["deletionTimestamp"].is_null());
        stays.map(|pod| (text(&pod["metadata"]["name"]), text(&pod["metadata"]["uid"]))).collect()
    }
}
