//! What is reachable from where, as a table or as data.

use mesh_shared::plugin::terminal::table;
use mesh_shared::plugin::text;
use mesh_shared::plugin::yaml;
use serde_json::{Value, json};

use crate::list::plan::{ListedCluster, ListedService};
use mesh_shared::plugin::arguments::TableFormat;

/// The services in the format that is wanted.
pub fn render(services: &[ListedService], format: TableFormat) -> String {
    let data = || -> Value { json!({ "services": services }) };
    match format {
        TableFormat::Json => format!("{:#}\n", data()),
        TableFormat::Yaml => yaml::document(&data()),
        TableFormat::Table => narrow(services) + "\n",
        TableFormat::Wide => wide(services) + "\n",
    }
}

/// A column: its heading, and its cells.
type Column = (&'static str, fn(&ListedService, &ListedCluster) -> String);

const SERVICE: Column = ("service", |service, _| service.service.to_string());
const CLUSTER: Column = ("cluster", |_, cluster| cluster.cluster.to_string());
const ENDPOINTS: Column = ("endpoints", |_, cluster| format!("{}/{}", cluster.ready, cluster.total));
const REGIONS: Column = ("regions", |_, cluster| regions(cluster));
const PORTS: Column = ("ports", |_, cluster| cluster.ports.join(","));
const EXPOSED: Column = ("exposed", |_, cluster| exposed(cluster));
const GATEWAY: Column = ("gateway", |_, cluster| gateways(cluster));
const RESOLVES: Column = ("resolves", |_, cluster| if cluster.resolves { "yes" } else { "no" }.into());
const REMARK: Column = ("remark", |_, cluster| remark(cluster));
const REMARK_WITH_CODES: Column = ("remark", |_, cluster| remark_with_codes(cluster));

fn narrow(services: &[ListedService]) -> String {
    columns(&[SERVICE, CLUSTER, ENDPOINTS, EXPOSED, RESOLVES, REMARK], services)
}

fn wide(services: &[ListedService]) -> String {
    columns(&[SERVICE, CLUSTER, ENDPOINTS, REGIONS, PORTS, EXPOSED, GATEWAY, RESOLVES, REMARK_WITH_CODES], services)
}

fn columns<const N: usize>(columns: &[Column; N], services: &[ListedService]) -> String {
    let rows = services.iter().flat_map(|service| service.clusters.iter().map(move |cluster| (service, cluster)));
    table::render(
        columns.map(|(heading, _)| heading),
        rows.map(|(service, cluster)| columns.map(|(_, cell)| cell(service, cluster))),
    )
}

fn regions(cluster: &ListedCluster) -> String {
    let regions = cluster
        .regions
        .iter()
        .map(|(region, count)| format!("{}={count}", if region.is_empty() { "none" } else { region }));
    regions.collect::<Vec<_>>().join(",")
}

fn gateways(cluster: &ListedCluster) -> String {
    let gateways = cluster.exposed_by.iter().map(|by| format!("{}/{}", by.gateway.namespace, by.gateway.name));
    gateways.collect::<Vec<_>>().join(",")
}

fn exposed(cluster: &ListedCluster) -> String {
    match cluster.exposed_by.first() {
        None => "no".to_owned(),
        Some(opening) if opening.ours => "yes".to_owned(),
        Some(opening) => format!("by {}", opening.host),
    }
}

fn remark(cluster: &ListedCluster) -> String {
    cluster.findings.iter().map(|found| found.what.as_str()).collect::<Vec<_>>().join("; ")
}

/// The same with the codes for scripts.
fn remark_with_codes(cluster: &ListedCluster) -> String {
    cluster.findings.iter().map(|found| format!("{found} [{}]", found.code)).collect::<Vec<_>>().join("; ")
}

/// What to do about services that are discovered and not exposed; none if there is nothing to do.
pub fn advice(services: &[ListedService]) -> Option<String> {
    let refused = |service: &&ListedService| service.clusters.iter().any(|cluster| !cluster.refused_from.is_empty());
    let all: Vec<String> = services.iter().filter(refused).map(|service| service.service.to_string()).collect();
    let first = all.first()?;
    let verb = if all.len() == 1 { "is" } else { "are" };
    Some(format!(
        "{} {verb} discovered by other clusters and not exposed, so that a share of the connections is refused.\nExpose: kubectl mesh-failover expose {first}\nOr keep at home: meshConfig.serviceSettings with clusterLocal: true (docs/expose.md)",
        text::count(all.len(), "service"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::list::plan::{ListRequest, list};
    use crate::mesh::test_world::{cluster, gateway, our_gateway, with_service};

    fn services() -> Vec<ListedService> {
        let serving = |name, protocol| with_service(cluster(name), "helloworld.sample", protocol, 1);
        let mut east = with_service(serving("east", "http"), "db.sample", "tcp", 2);
        east.east_west.known_mut().unwrap().gateway_rules.push(our_gateway(&["helloworld.sample.svc.cluster.local"]));
        east.east_west.known_mut().unwrap().gateway_rules.push(gateway(
            "users",
            "somebody",
            &["helloworld.sample.svc.cluster.local"],
        ));
        let mut west = with_service(serving("west", "http"), "db.sample", "tcp", 0);
        west.east_west.known_mut().unwrap().gateway_rules.push(gateway("all", "somebody", &["*.local"]));
        list(&ListRequest::default(), &[&east, &west])
    }

    #[test]
    fn a_row_says_what_is_exposed_and_what_breaks() {
        insta::assert_snapshot!(render(&services(), TableFormat::Table), @r"
        SERVICE            CLUSTER  ENDPOINTS  EXPOSED     RESOLVES  REMARK
        db.sample          east     2/2        no          yes       discovered by west, not exposed: connections to 5000 break
        db.sample          west     0/0        by *.local  yes
        helloworld.sample  east     1/1        yes         yes       opened again by Gateway istio-system/users: istiod drops one of them, or Envoy refuses both
        helloworld.sample  west     1/1        by *.local  yes
        ");
    }

    #[test]
    fn wide_has_regions_ports_and_gateways() {
        insta::assert_snapshot!(render(&services(), TableFormat::Wide), @r"
        SERVICE            CLUSTER  ENDPOINTS  REGIONS   PORTS      EXPOSED     GATEWAY                                                RESOLVES  REMARK
        db.sample          east     2/2        east-1=2  5000/tcp   no                                                                 yes       discovered by west, not exposed: connections to 5000 break [exposure/not-exposed]
        db.sample          west     0/0                  5000/tcp   by *.local  istio-system/all                                       yes
        helloworld.sample  east     1/1        east-1=1  5000/http  yes         istio-system/cross-network-gateway,istio-system/users  yes       opened again by Gateway istio-system/users: istiod drops one of them, or Envoy refuses both [exposure/opened-twice]
        helloworld.sample  west     1/1        west-1=1  5000/http  by *.local  istio-system/all                                       yes
        ");
    }

    #[test]
    fn data_has_the_same_and_more() {
        insta::assert_snapshot!(render(&services()[..1], TableFormat::Yaml), @r#"
        services:
        - service: db.sample
          host: db.sample.svc.cluster.local
          headless: false
          clusters:
          - cluster: east
            ready: 2
            total: 2
            withoutSidecar: 0
            resolves: true
            exposedBy: []
            refusedFrom:
            - west
            regions:
              east-1: 2
            ports:
            - "5000/tcp"
            unretriedPorts:
            - 5000
            findings:
            - code: exposure/not-exposed
              severity: warning
              subject:
                cluster: east
              what: "discovered by west, not exposed: connections to 5000 break"
              fix:
              - "kubectl mesh-failover expose db.sample"
          - cluster: west
            ready: 0
            total: 0
            withoutSidecar: 0
            resolves: true
            exposedBy:
            - gateway: istio-system/all
              host: "*.local"
              ours: false
            refusedFrom: []
            regions: {}
            ports:
            - "5000/tcp"
            unretriedPorts:
            - 5000
            findings: []
        "#);
    }

    #[test]
    fn advice_names_the_first_service_that_breaks() {
        insta::assert_snapshot!(advice(&services()).unwrap(), @r"
        1 service is discovered by other clusters and not exposed, so that a share of the connections is refused.
        Expose: kubectl mesh-failover expose db.sample
        Or keep at home: meshConfig.serviceSettings with clusterLocal: true (docs/expose.md)
        ");
    }
}
