//! Clusters made bare again between tests, and the proof that they are.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use meshlab::user::GRANT;

use super::{Kit, granted, until};

/// Kinds whose objects come and go by themselves.
const PASSING: [&str; 4] = ["events", "events.events.k8s.io", "leases.coordination.k8s.io", "componentstatuses"];

/// Namespaces that no test makes.
const OF_THE_CLUSTER: [&str; 5] = ["default", "kube-node-lease", "kube-public", "kube-system", "sail-operator"];

impl Kit {
    /// The clusters as they came up: whatever a test before this one did is removed, and that is proved.
    #[track_caller]
    pub(crate) fn bare(&self) {
        for cluster in self.clusters() {
            let file = self.lab.kubeconfig().with_file_name(format!("bare-{cluster}"));
            if !file.exists() {
                let first = self.inventory(cluster);
                assert!(
                    !first.iter().any(|line| line.contains("istio-system")),
                    "{cluster} was not bare when its first test began: meshlab down, and up again"
                );
                fs::write(&file, first.into_iter().collect::<Vec<_>>().join("\n")).expect("the lab's folder");
            }
        }
        std::thread::scope(|scope| {
            for cluster in self.clusters() {
                scope.spawn(move || self.strip(cluster));
            }
        });
    }

    fn strip(&self, cluster: &str) {
        let file = self.lab.kubeconfig().with_file_name(format!("bare-{cluster}"));
        let wanted: BTreeSet<String> =
            fs::read_to_string(file).expect("the first inventory").lines().map(ToOwned::to_owned).collect();
        if self.inventory(cluster) == wanted {
            return;
        }
        let namespaces = self.kubectl(cluster, &["get", "namespaces", "-o", "name"]).ok();
        let mut strangers: Vec<&str> = namespaces
            .lines()
            .filter_map(|line| line.strip_prefix("namespace/"))
            .filter(|name| !OF_THE_CLUSTER.contains(name))
            .collect();
        // Workloads first: their sandboxes are taken down by the CNI plugin that goes next.
        strangers.sort_by_key(|name| name.starts_with("istio-"));
        let (istio, others): (Vec<&str>, Vec<&str>) =
            strangers.into_iter().partition(|name| name.starts_with("istio-"));
        self.delete_namespaces(cluster, &others);
        let sail = self.kubectl(cluster, &["api-resources", "--api-group=sailoperator.io", "-o", "name"]).ok();
        for kind in ["istios", "istiocnis"] {
            let kind = format!("{kind}.sailoperator.io");
            if sail.lines().any(|line| line == kind) {
                self.kubectl(cluster, &["delete", &kind, "--all", "--timeout=60s"]).ok();
            }
        }
        if sail.contains("istiorevisions.sailoperator.io") {
            until(&format!("{cluster}: no IstioRevision"), Duration::from_mins(1), || {
                let left = self.kubectl(cluster, &["get", "istiorevisions.sailoperator.io", "-o", "name"]).ok();
                if left.trim().is_empty() { Ok(()) } else { Err(left) }
            });
        }
        self.delete_namespaces(cluster, &istio);
        for grants in [format!("{GRANT}=true"), granted::LABEL.to_owned()] {
            self.kubectl(cluster, &["delete", "clusterrolebindings,clusterroles", "-l", &grants]).ok();
            self.kubectl(cluster, &["delete", "rolebindings,roles", "--all-namespaces", "-l", &grants]).ok();
        }
        // istiod writes these into every namespace, and nobody takes them back.
        for namespace in OF_THE_CLUSTER {
            let left = ["configmap/istio-ca-root-cert", "configmap/istio-ca-crl"];
            self.kubectl(cluster, &[&["delete", "--ignore-not-found", "-n", namespace], &left[..]].concat()).ok();
        }
        until(&format!("{cluster}: bare as it came up"), Duration::from_mins(1), || {
            let now = self.inventory(cluster);
            let more: Vec<&String> = now.difference(&wanted).collect();
            let less: Vec<&String> = wanted.difference(&now).collect();
            if more.is_empty() && less.is_empty() { Ok(()) } else { Err(format!("more: {more:?}, less: {less:?}")) }
        });
    }

    fn delete_namespaces(&self, cluster: &str, names: &[&str]) {
        if names.is_empty() {
            return;
        }
        let gone = [&["delete", "namespace", "--ignore-not-found", "--wait=false"], names].concat();
        self.kubectl(cluster, &gone).ok();
        for name in names {
            // Nothing in a test's namespace is worth the half minute that it may take to end.
            self.kubectl(cluster, &["delete", "pods", "--all", "-n", name, "--grace-period=1", "--wait=false"]);
        }
        for name in names {
            let namespace = format!("namespace/{name}");
            self.kubectl(cluster, &["wait", "--for=delete", &namespace, "--timeout=60s"]).ok();
        }
    }

    /// Every object of a cluster that does not come and go by itself, as `kind namespace/name`.
    pub(crate) fn inventory(&self, cluster: &str) -> BTreeSet<String> {
        let kinds = self.kubectl(cluster, &["api-resources", "--verbs=list", "-o", "name"]).ok();
        let kinds: Vec<&str> =
            kinds.lines().filter(|kind| !PASSING.contains(kind) && !kind.ends_with(".metrics.k8s.io")).collect();
        let line = "{range .items[*]}{.kind}{\" \"}{.metadata.namespace}{\"/\"}{.metadata.name}{\"\\n\"}{end}";
        let output = format!("jsonpath={line}");
        let all = self.kubectl(cluster, &["get", "-A", "--ignore-not-found", "-o", &output, &kinds.join(",")]).ok();
        all.lines().filter(|line| !line.is_empty()).map(ToOwned::to_owned).collect()
    }
}
