//! What stands in a cluster, by kubectl.

use std::collections::BTreeSet;
use std::net::ToSocketAddrs as _;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use meshlab::spec::BALANCED;
use serde_json::Value;

use super::Kit;

impl Kit {
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
            (None, Some(lab)) => {
                let cluster = lab.spec().cluster(cluster).expect("a cluster of the lab");
                let led_to = (1..=BALANCED).find(|number| ingress["hostname"] == cluster.balancer_host(*number));
                cluster.own_address(led_to.expect("a name of the lab's balancer")).to_string()
            }
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
