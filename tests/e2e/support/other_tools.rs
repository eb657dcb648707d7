//! What istioctl and openssl say of a mesh.

use std::path::Path;
use std::time::Duration;

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
}
