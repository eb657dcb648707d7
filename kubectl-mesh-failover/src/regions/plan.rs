//! Which regions there are, what has none, and which labels would be set.

use std::collections::{BTreeMap, BTreeSet};

use mesh_shared::model::names::ClusterName;
use mesh_shared::model::seen::locality::Locality;
use mesh_shared::model::seen::observed_traffic::ObservedTraffic;
use mesh_shared::model::seen::services::PodSeen;
use mesh_shared::plugin::finding::Finding;
use mesh_shared::plugin::finding::codes::regions as codes;
use mesh_shared::plugin::text;
use serde::Serialize;

/// How many pods or nodes are named before the rest is counted.
const NAMED: usize = 5;

/// Regions of one cluster.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterRegions {
    /// The cluster.
    pub cluster: ClusterName,
    /// Every place with what is there; a region or zone that is not known is empty.
    pub places: Vec<Place>,
    /// Percentage of injected pods that have a region, rounded down; none if there is no such pod.
    pub coverage_percent: Option<usize>,
    /// Injected pods without a region, as `namespace/pod`.
    pub pods_without_region: Vec<String>,
    /// Nodes without a region.
    pub nodes_without_region: Vec<String>,
    /// Regions that other clusters have too: a failover from region to region does not tell these clusters apart.
    pub shared_with: BTreeMap<String, Vec<ClusterName>>,
    /// What is missing there and what that costs.
    pub findings: Vec<Finding>,
}

/// A region and zone of a cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Place {
    /// Its region.
    pub region: String,
    /// Its zone.
    pub zone: String,
    /// Nodes there.
    pub nodes: usize,
    /// Injected pods there.
    pub pods: usize,
    /// Those of them that are there by a label of their own.
    pub by_own_label: usize,
}

/// The regions of every cluster.
pub fn regions(seen: &[&ObservedTraffic]) -> Vec<ClusterRegions> {
    let mut all: Vec<ClusterRegions> = seen.iter().map(|cluster| of_cluster(cluster, seen)).collect();
    for index in 0..all.len() {
        all[index].findings = findings(&all[index], &all[..index]);
    }
    all
}

/// What is missing in a cluster. Of two clusters that share a region the earlier says it.
fn findings(cluster: &ClusterRegions, earlier: &[ClusterRegions]) -> Vec<Finding> {
    let (mut found, name) = (Vec::new(), &cluster.cluster);
    let set = || format!("kubectl mesh-failover regions set {name}=REGION");
    if !cluster.pods_without_region.is_empty() {
        let what = format!(
            "{name}: {} without a region ({}): as clients they know no near or far, as servers they count as far from everyone",
            text::count(cluster.pods_without_region.len(), "pod"),
            some(&cluster.pods_without_region)
        );
        found.push(
            codes::PODS_WITHOUT_REGION.found(what).cluster(name).fix("label their nodes, and restart them:").fix(set()),
        );
    }
    if !cluster.nodes_without_region.is_empty() {
        let what = format!(
            "{name}: {} without a region ({}); {}",
            text::count(cluster.nodes_without_region.len(), "node"),
            some(&cluster.nodes_without_region),
            set()
        );
        found.push(codes::NODES_WITHOUT_REGION.found(what).cluster(name).fix(set()));
    }
    for (region, others) in &cluster.shared_with {
        if !others.iter().any(|other| earlier.iter().any(|one| one.cluster == *other)) {
            let others: Vec<&str> = others.iter().map(ClusterName::as_str).collect();
            let what = format!(
                "{name} and {} are in one region, {region}: a failover from region to region treats them as one",
                text::list(&others)
            );
            found.push(codes::SHARED.found(what).cluster(name).as_documented());
        }
    }
    found
}

/// The first names, and how many more there are.
pub fn some(names: &[String]) -> String {
    let more = names.len().saturating_sub(NAMED);
    let shown = names.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    if more > 0 { format!("{shown} and {more} more") } else { shown }
}

fn of_cluster(cluster: &ObservedTraffic, seen: &[&ObservedTraffic]) -> ClusterRegions {
    let workloads: Vec<&PodSeen> = workloads(cluster).collect();
    let bare = workloads.iter().filter(|pod| pod.locality.region.is_empty());
    let without: Vec<String> = bare.map(|pod| format!("{}/{}", pod.namespace, pod.name)).collect();
    ClusterRegions {
        cluster: cluster.membership.name.clone(),
        places: places(cluster, &workloads),
        coverage_percent: ((workloads.len() - without.len()) * 100).checked_div(workloads.len()),
        pods_without_region: without,
        nodes_without_region: nodes_without_region(cluster).map(str::to_owned).collect(),
        shared_with: shared(cluster, seen),
        findings: Vec::new(),
    }
}

/// Pods with a sidecar beside containers of their own: not a gateway.
fn workloads(cluster: &ObservedTraffic) -> impl Iterator<Item = &PodSeen> {
    cluster.services.pods.iter().filter(|pod| pod.sidecar && !pod.containers.is_empty())
}

pub(super) fn nodes_without_region(cluster: &ObservedTraffic) -> impl Iterator<Item = &str> {
    cluster.services.nodes.iter().filter(|(_, locality)| locality.region.is_empty()).map(|(name, _)| name.as_str())
}

fn places(cluster: &ObservedTraffic, workloads: &[&PodSeen]) -> Vec<Place> {
    let mut found: BTreeMap<(String, String), Place> = BTreeMap::new();
    let mut count = |locality: &Locality, add: &dyn Fn(&mut Place)| {
        let key = (locality.region.clone(), locality.zone.clone());
        let fresh = Place { region: key.0.clone(), zone: key.1.clone(), ..Place::default() };
        add(found.entry(key).or_insert(fresh));
    };
    for locality in cluster.services.nodes.values() {
        count(locality, &|place| place.nodes += 1);
    }
    for pod in workloads {
        count(&pod.locality, &|place| {
            place.pods += 1;
            place.by_own_label += usize::from(pod.locality_of_its_own);
        });
    }
    found.into_values().collect()
}

fn shared(cluster: &ObservedTraffic, seen: &[&ObservedTraffic]) -> BTreeMap<String, Vec<ClusterName>> {
    let own = known_regions(cluster);
    let mut shared: BTreeMap<String, Vec<ClusterName>> = BTreeMap::new();
    for other in seen.iter().filter(|other| other.membership.name != cluster.membership.name) {
        for region in known_regions(other).intersection(&own) {
            shared.entry((*region).to_owned()).or_default().push(other.membership.name.clone());
        }
    }
    shared
}

fn known_regions(cluster: &ObservedTraffic) -> BTreeSet<&str> {
    let all = cluster.services.nodes.values().chain(workloads(cluster).map(|pod| &pod.locality));
    all.map(|locality| locality.region.as_str()).filter(|region| !region.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mesh::test_world::{cluster, region, with_service};

    #[test]
    fn coverage_counts_injected_pods_with_a_region_by_node_or_by_their_own_label() {
        let mut east = with_service(cluster("east"), "a.sample", "http", 3);
        east.services.nodes.insert("bare-node".into(), Locality::default());
        let workloads: Vec<usize> =
            (0..east.services.pods.len()).filter(|index| east.services.pods[*index].containers == ["app"]).collect();
        east.services.pods[workloads[0]].locality = Locality::default();
        east.services.pods[workloads[1]].locality = region("own");
        east.services.pods[workloads[1]].locality_of_its_own = true;
        let found = regions(&[&east]).remove(0);
        assert_eq!(found.coverage_percent, Some(66));
        assert_eq!(found.pods_without_region, ["sample/a-1"]);
        assert_eq!(found.nodes_without_region, ["bare-node"]);
        let places: Vec<_> =
            found.places.iter().map(|p| (p.region.as_str(), p.nodes, p.pods, p.by_own_label)).collect();
        assert_eq!(places, [("", 1, 1, 0), ("east-1", 1, 1, 0), ("own", 0, 1, 1)]);
    }

    #[test]
    fn without_a_workload_there_is_no_coverage() {
        assert_eq!(regions(&[&cluster("east")])[0].coverage_percent, None);
    }

    #[test]
    fn a_region_that_two_clusters_share_is_told() {
        let (east, mut west) = (cluster("east"), cluster("west"));
        west.services.nodes = east.services.nodes.clone();
        let found = regions(&[&east, &west]);
        assert_eq!(found[0].shared_with["east-1"], [ClusterName::new("west").unwrap()]);
        assert_eq!(found[1].shared_with["east-1"], [ClusterName::new("east").unwrap()]);
    }
}
