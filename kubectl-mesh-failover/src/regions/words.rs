//! Regions as a table or as data, and what setting them does.

use std::time::Duration;

use mesh_shared::model::names::ClusterName;
use mesh_shared::plugin::finding::Finding;
use mesh_shared::plugin::terminal::table;
use mesh_shared::plugin::text;
use mesh_shared::plugin::yaml;
use serde_json::{Value, json};

use crate::regions::plan::{ClusterRegions, Place, some};
use crate::regions::set::SetPlan;
use mesh_shared::plugin::arguments::TableFormat;

/// The regions in the format that is wanted.
pub fn render(clusters: &[ClusterRegions], format: TableFormat) -> String {
    let data = || -> Value { json!({ "clusters": clusters }) };
    match format {
        TableFormat::Json => format!("{:#}\n", data()),
        TableFormat::Yaml => yaml::document(&data()),
        TableFormat::Table => narrow(clusters) + "\n",
        TableFormat::Wide => wide(clusters) + "\n",
    }
}

fn narrow(clusters: &[ClusterRegions]) -> String {
    let rows = rows(clusters).map(|(cluster, place)| columns(cluster, place));
    table::render(["cluster", "region", "zone", "nodes", "pods", "covered"], rows)
}

fn wide(clusters: &[ClusterRegions]) -> String {
    let rows = rows(clusters).map(|(cluster, place)| {
        let [name, region, zone, nodes, pods, covered] = columns(cluster, place);
        let also = cluster
            .shared_with
            .get(&place.region)
            .map(|names| names.iter().map(ClusterName::as_str).collect::<Vec<_>>().join(","));
        [name, region, zone, nodes, pods, place.by_own_label.to_string(), covered, also.unwrap_or_default()]
    });
    table::render(["cluster", "region", "zone", "nodes", "pods", "by own label", "covered", "region also in"], rows)
}

fn rows(clusters: &[ClusterRegions]) -> impl Iterator<Item = (&ClusterRegions, &Place)> {
    clusters.iter().flat_map(|cluster| cluster.places.iter().map(move |place| (cluster, place)))
}

fn columns(cluster: &ClusterRegions, place: &Place) -> [String; 6] {
    let named = |text: &str| if text.is_empty() { "none".to_owned() } else { text.to_owned() };
    let covered = cluster.coverage_percent.map_or_else(|| "no pods".into(), |percent| format!("{percent} %"));
    [
        cluster.cluster.to_string(),
        named(&place.region),
        named(&place.zone),
        place.nodes.to_string(),
        place.pods.to_string(),
        covered,
    ]
}

/// What is missing and what that costs; none if nothing is.
pub fn advice(clusters: &[ClusterRegions]) -> Option<String> {
    let lines: Vec<String> = clusters.iter().flat_map(|cluster| &cluster.findings).map(Finding::line).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// What will be labelled, and what must then restart, in one screen.
pub fn overview(plan: &SetPlan) -> String {
    let rows = plan.clusters.iter().map(|cluster| {
        let others = cluster.others.iter().map(|(region, count)| format!("{count} in {region}"));
        let others = others.collect::<Vec<_>>().join(", ");
        let kept = if others.is_empty() { "none".into() } else { others };
        let nodes = if cluster.nodes.is_empty() { "none: all have a region".into() } else { some(&cluster.nodes) };
        [cluster.cluster.to_string(), cluster.region.clone(), nodes, kept]
    });
    let mut lines = vec![table::render(["cluster", "region", "nodes that get it", "nodes that keep another"], rows)];
    let restart = restart(plan);
    if !restart.is_empty() {
        lines.push(String::new());
        lines.push(
            "It takes effect once these are restarted: neither running clients nor their endpoints see it before."
                .into(),
        );
        lines.extend(restart);
    }
    lines.join("\n")
}

/// The result. What must restart was said before.
pub fn set(plan: &SetPlan, took: Duration) -> String {
    let took = text::duration(took);
    if plan.changes.is_empty() {
        return format!("All nodes have a region. Nothing to change. {took}");
    }
    let labelled = format!("{} labelled", text::count(plan.changes.len(), "node"));
    if restart(plan).is_empty() {
        return format!("{labelled}. {took}");
    }
    format!("{labelled}; it takes effect once the workloads above are restarted. {took}")
}

fn restart(plan: &SetPlan) -> Vec<String> {
    let commands = plan.clusters.iter().flat_map(|cluster| {
        cluster.restart.iter().map(move |(namespace, owners)| {
            format!("  kubectl --context {} -n {namespace} rollout restart {}", cluster.context, owners.join(" "))
        })
    });
    commands.collect()
}

#[cfg(test)]
mod tests {
    use mesh_shared::model::seen::locality::Locality;

    use super::*;
    use crate::mesh::test_world::{cluster, region, with_service};
    use crate::regions::plan::regions;
    use crate::regions::set::set as plan_set;

    fn mesh() -> [mesh_shared::model::seen::observed_traffic::ObservedTraffic; 2] {
        let mut west = cluster("west");
        west.services.nodes = [("n1".to_owned(), Locality::default()), ("n2".to_owned(), region("east-1"))].into();
        [with_service(cluster("east"), "a.sample", "http", 2), with_service(west, "a.sample", "http", 1)]
    }

    #[test]
    fn regions_are_shown_with_what_has_none() {
        let [east, west] = mesh();
        insta::assert_snapshot!(render(&regions(&[&east, &west]), TableFormat::Table), @r"
        CLUSTER  REGION  ZONE  NODES  PODS  COVERED
        east     east-1  none  1      2     100 %
        west     none    none  1      1     0 %
        west     east-1  none  1      0     0 %
        ");
        insta::assert_snapshot!(render(&regions(&[&east, &west]), TableFormat::Wide), @r"
        CLUSTER  REGION  ZONE  NODES  PODS  BY OWN LABEL  COVERED  REGION ALSO IN
        east     east-1  none  1      2     0             100 %    west
        west     none    none  1      1     0             0 %
        west     east-1  none  1      0     0             0 %      east
        ");
        insta::assert_snapshot!(advice(&regions(&[&east, &west])).unwrap(), @r"
        note  east and west are in one region, east-1: a failover from region to region treats them as one [regions/shared]
        warning  west: 1 pod without a region (sample/a-1): as clients they know no near or far, as servers they count as far from everyone [regions/pods-without-region]
        warning  west: 1 node without a region (n1); kubectl mesh-failover regions set west=REGION [regions/nodes-without-region]
        ");
    }

    #[test]
    fn data_has_the_same() {
        let [east, west] = mesh();
        insta::assert_snapshot!(render(&regions(&[&east, &west]), TableFormat::Yaml), @r#"
        clusters:
        - cluster: east
          places:
          - region: east-1
            zone: ""
            nodes: 1
            pods: 2
            byOwnLabel: 0
          coveragePercent: 100
          podsWithoutRegion: []
          nodesWithoutRegion: []
          sharedWith:
            east-1:
            - west
          findings:
          - code: regions/shared
            severity: note
            subject:
              cluster: east
            what: "east and west are in one region, east-1: a failover from region to region treats them as one"
        - cluster: west
          places:
          - region: ""
            zone: ""
            nodes: 1
            pods: 1
            byOwnLabel: 0
          - region: east-1
            zone: ""
            nodes: 1
            pods: 0
            byOwnLabel: 0
          coveragePercent: 0
          podsWithoutRegion:
          - sample/a-1
          nodesWithoutRegion:
          - n1
          sharedWith:
            east-1:
            - east
          findings:
          - code: regions/pods-without-region
            severity: warning
            subject:
              cluster: west
            what: "west: 1 pod without a region (sample/a-1): as clients they know no near or far, as servers they count as far from everyone"
            fix:
            - "label their nodes, and restart them:"
            - "kubectl mesh-failover regions set west=REGION"
          - code: regions/nodes-without-region
            severity: warning
            subject:
              cluster: west
            what: "west: 1 node without a region (n1); kubectl mesh-failover regions set west=REGION"
            fix:
            - "kubectl mesh-failover regions set west=REGION"
        "#);
    }

    #[test]
    fn setting_says_what_is_labelled_and_what_must_restart() {
        let [east, west] = mesh();
        let plan = plan_set(&["west=eu".parse().unwrap(), "east=us".parse().unwrap()], &[&east, &west]).unwrap();
        insta::assert_snapshot!(overview(&plan), @r"
        CLUSTER  REGION  NODES THAT GET IT        NODES THAT KEEP ANOTHER
        west     eu      n1                       1 in east-1
        east     us      none: all have a region  1 in east-1

        It takes effect once these are restarted: neither running clients nor their endpoints see it before.
          kubectl --context ctx-west -n sample rollout restart deployment/a
        ");
        insta::assert_snapshot!(set(&plan, Duration::from_millis(420)), @"1 node labelled; it takes effect once the workloads above are restarted. 0.4 s");
    }
}
