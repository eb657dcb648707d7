//! Labels for nodes that have no region.

use std::collections::BTreeMap;

use mesh_shared::engine::steps::Writes;
use mesh_shared::model::kube::node_labels::REGION_LABEL;
use mesh_shared::model::kube::object_key::ObjectKey;
use mesh_shared::model::kube::write::{Operation, Write, segment};
use mesh_shared::model::names::{ClusterName, LABEL_LENGTH};
use mesh_shared::model::seen::observed_traffic::ObservedTraffic;
use mesh_shared::model::seen::services::PodSeen;
use mesh_shared::plugin::error::{Error, Result};
use mesh_shared::plugin::finding::codes::regions as codes;
use mesh_shared::plugin::finding::{Findings, Verb};
use serde_json::{Value, json};

use super::plan::nodes_without_region;
use crate::mesh::selection::no_member;

/// A region for a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// Name of the cluster in the mesh.
    pub cluster: String,
    /// The region.
    pub region: String,
}

impl std::str::FromStr for Assignment {
    type Err = Error;

    /// Reads `CLUSTER=REGION`. The region is the value of a label.
    fn from_str(text: &str) -> Result<Self> {
        let wrong = |why: &str| Error::usage(format!("{text:?} gives no cluster a region")).because(why);
        let (cluster, region) =
            text.split_once('=').ok_or_else(|| wrong("it has no '='").fix("write it as CLUSTER=REGION"))?;
        let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        let fits = region.len() <= LABEL_LENGTH && region.chars().all(inner);
        if cluster.is_empty() || !fits || !ends(region.chars().next()) || !ends(region.chars().last()) {
            return Err(wrong("a region is the value of a label").fix(
                "write it in at most 63 letters, digits, '-', '_' and '.', the first and last a letter or digit",
            ));
        }
        Ok(Self { cluster: cluster.to_owned(), region: region.to_owned() })
    }
}

/// What is written, and what it leads to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SetPlan {
    /// A line per cluster that is named.
    pub clusters: Vec<SetInCluster>,
    /// The writes.
    pub changes: Writes,
    /// The nodes with the one label.
    pub manifests: Vec<(ClusterName, Value)>,
}

/// What is set in one cluster.
#[derive(Debug, Clone, PartialEq)]
pub struct SetInCluster {
    /// The cluster.
    pub cluster: ClusterName,
    /// Its context.
    pub context: String,
    /// The region.
    pub region: String,
    /// Nodes that get it.
    pub nodes: Vec<String>,
    /// How many nodes have another region, and keep it.
    pub others: BTreeMap<String, usize>,
    /// What has to be restarted before it takes effect: by namespace, as `kubectl rollout restart` takes it.
    pub restart: BTreeMap<String, Vec<String>>,
}

/// Adds the region to every node of the clusters that has none. A node that has one is left alone.
///
/// # Errors
/// A usage error with every cluster that is not in the mesh, or is named twice.
pub fn set(assignments: &[Assignment], seen: &[&ObservedTraffic]) -> Result<SetPlan> {
    let (mut plan, mut findings) = (SetPlan::default(), Findings::default());
    for (index, assignment) in assignments.iter().enumerate() {
        let Some(cluster) = seen.iter().find(|cluster| cluster.membership.name.as_str() == assignment.cluster) else {
            let given = format!("{}={}", assignment.cluster, assignment.region);
            findings.push(no_member(&given, &assignment.cluster, seen));
            continue;
        };
        if assignments[..index].iter().any(|earlier| earlier.cluster == assignment.cluster) {
            let what = format!("cluster {} is given two regions", assignment.cluster);
            let fix =
                "name it once; if its nodes are in several regions, its provider labels them, or you do node by node";
            findings.push(codes::CLUSTER_TWICE.found(what).cluster(&assignment.cluster).fix(fix));
            continue;
        }
        let nodes: Vec<String> = nodes_without_region(cluster).map(str::to_owned).collect();
        for node in &nodes {
            let why = format!("{node} has no region");
            plan.changes.write(&cluster.membership.name, label(node, &assignment.region), why);
            let manifest = json!({
                "apiVersion": "v1", "kind": "Node", "metadata": {"name": node, "labels": {REGION_LABEL: assignment.region}},
            });
            plan.manifests.push((cluster.membership.name.clone(), manifest));
        }
        plan.clusters.push(SetInCluster {
            cluster: cluster.membership.name.clone(),
            context: cluster.identity.context.clone(),
            region: assignment.region.clone(),
            others: others(cluster, &assignment.region),
            restart: restart(cluster, &nodes),
            nodes,
        });
    }
    findings.refuse(Verb::RegionsSet).map(|()| plan)
}

/// Adds the label, if the node still has none.
fn label(node: &str, region: &str) -> Write {
    let path = format!("/metadata/labels/{}", segment(REGION_LABEL));
    Write::Patch {
        api_version: "v1".into(),
        object: ObjectKey::new("Node", "", node),
        subresource: None,
        operations: vec![
            Operation::Test { path: path.clone(), value: Value::Null },
            Operation::Add { path, value: region.into() },
        ],
    }
}

fn others(cluster: &ObservedTraffic, region: &str) -> BTreeMap<String, usize> {
    let mut others = BTreeMap::new();
    for locality in
        cluster.services.nodes.values().filter(|locality| !locality.region.is_empty() && locality.region != region)
    {
        *others.entry(locality.region.clone()).or_insert(0) += 1;
    }
    others
}

/// The owners of the proxies on these nodes that have no locality of their own.
///
/// Rule: a proxy's locality is computed when it connects, and an endpoint's when its pod comes (istio/istio pilot/pkg/xds/ads.go,
/// pilot/pkg/serviceregistry/kube/controller/controller.go): a label that a node gets later reaches neither.
fn restart(cluster: &ObservedTraffic, nodes: &[String]) -> BTreeMap<String, Vec<String>> {
    let concerned = |pod: &&PodSeen| {
        let here = pod.node.as_ref().is_some_and(|node| nodes.contains(node));
        pod.sidecar && !pod.locality_of_its_own && here
    };
    let mut owners: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for pod in cluster.services.pods.iter().filter(concerned) {
        let known = owners.entry(pod.namespace.clone()).or_default();
        let owner = owner(pod);
        if !known.contains(&owner) {
            known.push(owner);
        }
    }
    owners
}

/// Such as `deployment/helloworld-v1`: a ReplicaSet is named by its Deployment and a hash, which its pods carry.
fn owner(pod: &PodSeen) -> String {
    let deployment = |name: &str| {
        let hash = pod.labels.get("pod-template-hash")?;
        Some(format!("deployment/{}", name.strip_suffix(hash.as_str())?.strip_suffix('-')?))
    };
    match &pod.owner {
        Some((kind, name)) if kind == "ReplicaSet" => deployment(name).unwrap_or_else(|| format!("replicaset/{name}")),
        Some((kind, name)) => format!("{}/{name}", kind.to_ascii_lowercase()),
        None => format!("pod/{}", pod.name),
    }
}

#[cfg(test)]
mod tests {
    use mesh_shared::model::seen::locality::Locality;

    use super::*;
    use crate::mesh::test_world::{cluster, region, with_service, writes};

    fn assignments(texts: &[&str]) -> Vec<Assignment> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    /// A cluster with a node that has no region beside one that has.
    fn half() -> ObservedTraffic {
        let mut east = cluster("east");
        east.services.nodes = [("n1".to_owned(), Locality::default()), ("n2".to_owned(), region("eu"))].into();
        with_service(east, "a.sample", "http", 2)
    }

    #[test]
    fn only_nodes_without_a_region_get_one_and_only_if_they_still_have_none() {
        let plan = set(&assignments(&["east=us"]), &[&half()]).unwrap();
        assert_eq!(plan.changes.len(), 1);
        let path = "/metadata/labels/topology.kubernetes.io~1region".to_owned();
        assert_eq!(
            *writes(&plan.changes)[0],
            Write::Patch {
                api_version: "v1".into(),
                object: ObjectKey::new("Node", "", "n1"),
                subresource: None,
                operations: vec![
                    Operation::Test { path: path.clone(), value: Value::Null },
                    Operation::Add { path, value: "us".into() },
                ],
            }
        );
        assert_eq!(plan.clusters[0].others, BTreeMap::from([("eu".to_owned(), 1)]));
    }

    #[test]
    fn what_runs_on_these_nodes_by_their_labels_has_to_restart() {
        let mut east = half();
        let plan = set(&assignments(&["east=us"]), &[&east]).unwrap();
        assert_eq!(plan.clusters[0].restart, BTreeMap::from([("sample".to_owned(), vec!["deployment/a".to_owned()])]));
        for pod in &mut east.services.pods {
            pod.locality_of_its_own = true;
        }
        assert!(set(&assignments(&["east=us"]), &[&east]).unwrap().clusters[0].restart.is_empty());
    }

    #[test]
    fn a_cluster_that_is_unknown_or_named_twice_is_a_fault_of_the_command_line() {
        for texts in [&["west=us"][..], &["east=us", "east=eu"]] {
            assert_eq!(set(&assignments(texts), &[&half()]).unwrap_err().exit_code(), 2, "{texts:?}");
        }
    }

    #[test]
    fn a_region_is_the_value_of_a_label() {
        for text in
            ["east", "east=", "=us", "east=us/west", "east=-us", "east=us ", &format!("east={}", "a".repeat(64))]
        {
            assert!(text.parse::<Assignment>().is_err(), "{text}");
        }
        assert!("east=eu-central-1".parse::<Assignment>().is_ok());
    }
}
