//! Clusters made bare again between tests, and the proof that they are.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use meshlab::user::GRANT;

use super::own_namespaces::is_made_by_tests;
use super::shell::run;
use super::{Kit, until};

/// Kinds whose objects come and go by themselves. What controllers make goes with what they make it for.
const PASSING: [&str; 11] = [
    "certificatesigningrequests.certificates.k8s.io",
    "componentstatuses",
    "controllerrevisions.apps",
    "endpoints",
    "endpointslices.discovery.k8s.io",
    "events",
    "events.events.k8s.io",
    "jobs.batch",
    "leases.coordination.k8s.io",
    "pods",
    "replicasets.apps",
];

impl Kit {
    /// The clusters as they were found: whatever a test before this one did is removed, and that is proved.
    #[track_caller]
    pub(crate) fn bare(&self) {
        std::thread::scope(|scope| {
            for cluster in self.clusters() {
                scope.spawn(move || match self.first_inventory(cluster) {
                    Some(wanted) => self.strip(cluster, &wanted),
                    None => self.remember(cluster),
                });
            }
        });
    }

    /// What was in a cluster before the first test; none where no test has looked yet.
    pub(crate) fn first_inventory(&self, cluster: &str) -> Option<BTreeSet<String>> {
        let text = fs::read_to_string(self.inventory_file(cluster)).ok()?;
        Some(text.lines().map(ToOwned::to_owned).collect())
    }

    fn inventory_file(&self, cluster: &str) -> PathBuf {
        self.ground.kubeconfig.with_file_name(format!("bare-{cluster}"))
    }

    fn remember(&self, cluster: &str) {
        let first = self.inventory(cluster);
        assert!(
            !first.iter().any(|line| line.contains("istio-system")),
            "{cluster} was not bare when its first test began (of a lab: meshlab down, and up again)"
        );
        if self.is_recorded(cluster) {
            self.keep_stored(cluster);
        }
        let lines = first.into_iter().collect::<Vec<_>>().join("\n");
        fs::write(self.inventory_file(cluster), lines).expect("the folder of the kubeconfig");
    }

    fn strip(&self, cluster: &str, wanted: &BTreeSet<String>) {
        if self.is_recorded(cluster) {
            return self.put_stored_back(cluster);
        }
        let has_kubelet = self
            .ground
            .lab
            .as_ref()
            .is_none_or(|lab| lab.spec().cluster(cluster).is_ok_and(meshlab::spec::Cluster::has_node));
        let namespaces = self.kubectl(cluster, &["get", "namespaces", "-o", "name"]).ok();
        let is_known = |line: &str| wanted.contains(&line.replacen("namespace/", "Namespace /", 1));
        // Nearly always it is a namespace that tells, and that is asked in no time.
        if namespaces.lines().all(is_known) && self.inventory(cluster) == *wanted {
            return;
        }
        if has_kubelet {
            self.strip_workloads(cluster, wanted, &namespaces);
        } else {
            self.strip_objects(cluster, wanted);
        }
        until(&format!("{cluster}: bare as it was found"), Duration::from_mins(1), || {
            let now = self.inventory(cluster);
            let more: BTreeSet<String> = now.difference(wanted).cloned().collect();
            let less: Vec<&String> = wanted.difference(&now).collect();
            if more.is_empty() && less.is_empty() {
                return Ok(());
            }
            self.delete_what_is_ours(cluster, &more);
            Err(format!("more: {more:?}, less: {less:?}"))
        });
    }

    /// Whatever is left, where the cluster is nobody else's; else what can be told to be of tests.
    fn delete_what_is_ours(&self, cluster: &str, left: &BTreeSet<String>) {
        if self.ground.lab.is_some() {
            return self.delete(cluster, left);
        }
        let grants = format!("{GRANT}=true");
        self.kubectl(cluster, &["delete", "clusterrolebindings,clusterroles", "-l", &grants]).ok();
        self.kubectl(cluster, &["delete", "rolebindings,roles", "--all-namespaces", "-l", &grants]).ok();
        self.delete(cluster, &what_istiod_left(left));
    }

    /// Where nothing runs all can go at once.
    fn strip_objects(&self, cluster: &str, wanted: &BTreeSet<String>) {
        let wide = self.inventory_of(cluster, &["--namespaced=false"]);
        let left: BTreeSet<String> = wide.difference(wanted).cloned().collect();
        let names: Vec<&str> = left.iter().filter_map(|line| line.strip_prefix("Namespace /")).collect();
        self.delete(cluster, &left.iter().filter(|line| !line.starts_with("Namespace ")).cloned().collect());
        if !names.is_empty() {
            // Nothing would ever report that a pod has ended.
            let pods = ["delete", "pods", "--all", "--all-namespaces", "--grace-period=0", "--force", "--wait=false"];
            self.kubectl(cluster, &pods);
            self.kubectl(
                cluster,
                &[&["delete", "namespace", "--ignore-not-found", "--timeout=60s"], &names[..]].concat(),
            )
            .ok();
        }
    }

    fn strip_workloads(&self, cluster: &str, wanted: &BTreeSet<String>, namespaces: &str) {
        let mut strangers: Vec<&str> = namespaces
            .lines()
            .filter_map(|line| line.strip_prefix("namespace/"))
            .filter(|name| is_made_by_tests(name) || self.is_of_the_lab_alone(wanted, &format!("Namespace /{name}")))
            .collect();
        // Workloads first: their sandboxes are taken down by the CNI plugin that goes next.
        strangers.sort_by_key(|name| name.starts_with("istio-"));
        let (istio, others): (Vec<&str>, Vec<&str>) =
            strangers.into_iter().partition(|name| name.starts_with("istio-"));
        self.delete_namespaces(cluster, &others);
        let sail = self.kubectl(cluster, &["api-resources", "--api-group=sailoperator.io", "-o", "name"]).ok();
        // Revisions go with their Istio, but where no operator is.
        for kind in ["istios", "istiorevisions", "istiocnis"] {
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
    }

    /// Whether something appeared since the first test began, on clusters that only the tests use.
    fn is_of_the_lab_alone(&self, wanted: &BTreeSet<String>, line: &str) -> bool {
        self.ground.lab.is_some() && !wanted.contains(line)
    }

    /// Deletes objects that an inventory has.
    fn delete(&self, cluster: &str, lines: &BTreeSet<String>) {
        let mut by_namespace: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for line in lines {
            let Some((kind, path)) = line.split_once(' ') else { continue };
            let Some((namespace, name)) = path.split_once('/') else { continue };
            by_namespace.entry(namespace).or_default().push(format!("{kind}/{name}"));
        }
        for (namespace, objects) in by_namespace {
            let mut command = self.kubectl_command(cluster);
            command.args(["delete", "--ignore-not-found", "--wait=false"]).args(objects);
            if !namespace.is_empty() {
                command.args(["--namespace", namespace]);
            }
            // Some went with others in the meantime, or are about to: the next look shows what is left.
            run(&mut command);
        }
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
        self.inventory_of(cluster, &[])
    }

    /// The same, of the kinds alone that flags of `kubectl api-resources` choose.
    fn inventory_of(&self, cluster: &str, flags: &[&str]) -> BTreeSet<String> {
        let kinds = [&["api-resources", "--verbs=list", "-o", "name"], flags].concat();
        let kinds = self.kubectl(cluster, &kinds).ok();
        let kinds: Vec<&str> =
            kinds.lines().filter(|kind| !PASSING.contains(kind) && !kind.ends_with(".metrics.k8s.io")).collect();
        let line = "{range .items[*]}{.kind}{\" \"}{.metadata.namespace}{\"/\"}{.metadata.name}{\"\\n\"}{end}";
        let output = format!("jsonpath={line}");
        let all = self.kubectl(cluster, &["get", "-A", "--ignore-not-found", "-o", &output, &kinds.join(",")]).ok();
        all.lines().filter(|line| !line.is_empty()).map(ToOwned::to_owned).collect()
    }
}

/// istiod writes these into every namespace, and nothing removes them.
fn what_istiod_left(lines: &BTreeSet<String>) -> BTreeSet<String> {
    let is = |line: &&String| {
        let path = line.strip_prefix("ConfigMap ").and_then(|path| path.split_once('/'));
        path.is_some_and(|(_, name)| ["istio-ca-root-cert", "istio-ca-crl"].contains(&name))
    };
    lines.iter().filter(is).cloned().collect()
}
