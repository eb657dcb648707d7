//! Which of the mesh's clusters and services a command is about.

use std::collections::BTreeSet;

use mesh_shared::model::names::service::ServiceName;
use mesh_shared::model::seen::observed_traffic::ObservedTraffic;
use mesh_shared::plugin::did_you_mean::near;
use mesh_shared::plugin::error::Error;
use mesh_shared::plugin::finding::codes::mesh as codes;
use mesh_shared::plugin::finding::{Finding, Findings};

/// The clusters of these names in the order of the mesh, or all of them if none is named.
///
/// # Errors
/// Every name that is not a cluster of the mesh.
pub fn chosen<'a>(names: &[String], seen: &[&'a ObservedTraffic]) -> Result<Vec<&'a ObservedTraffic>, Findings> {
    let is_member = |name: &&String| seen.iter().any(|cluster| cluster.membership.name.as_str() == **name);
    let unknown: Findings =
        names.iter().filter(|name| !is_member(name)).map(|name| no_member("--clusters", name, seen)).collect();
    if !unknown.is_empty() {
        return Err(unknown);
    }
    let is_chosen = |cluster: &&&ObservedTraffic| {
        names.is_empty() || names.iter().any(|name| name == cluster.membership.name.as_str())
    };
    Ok(seen.iter().filter(is_chosen).copied().collect())
}

/// A name that is not a cluster of the mesh, with those that are.
pub fn no_member(what: &str, name: &str, seen: &[&ObservedTraffic]) -> Finding {
    let all: Vec<&str> = seen.iter().map(|cluster| cluster.membership.name.as_str()).collect();
    let draft = Error::usage(format!("{what} names cluster {name:?}, which is not in the mesh"))
        .because(format!("the clusters are {}", all.join(", ")))
        .meant(name, all);
    codes::UNKNOWN_CLUSTER.of_error(draft.fix("name clusters as the mesh does, not by their contexts"))
}

/// A service that no cluster has: with what its namespace has and similar names there, or else the namespaces that have one of
/// this name.
pub fn no_service(service: &ServiceName, seen: &[&ObservedTraffic]) -> Finding {
    let all: BTreeSet<&ServiceName> = seen.iter().flat_map(|cluster| cluster.services.by_name.keys()).collect();
    let there: Vec<&str> =
        all.iter().filter(|known| known.namespace == service.namespace).map(|known| known.name.as_str()).collect();
    let contexts: Vec<&str> = seen.iter().map(|cluster| cluster.identity.context.as_str()).collect();
    let why = if there.is_empty() {
        format!("namespace {} has no Service in any cluster", service.namespace)
    } else {
        format!("namespace {} has {}", service.namespace, there.join(", "))
    };
    let mut meant: Vec<String> =
        near(&service.name, there).into_iter().map(|name| format!("{name}.{}", service.namespace)).collect();
    if meant.is_empty() {
        let namespaces: BTreeSet<&str> =
            seen.iter().flat_map(|cluster| &cluster.services.namesakes).map(String::as_str).collect();
        meant = namespaces.into_iter().take(3).map(|namespace| format!("{}.{namespace}", service.name)).collect();
    }
    let draft = Error::refused(format!("no cluster has a Service {service}"))
        .at(format!("context {}", contexts.join(", ")))
        .because(why)
        .asking(&meant);
    codes::NO_SERVICE.of_error(draft.fix("see what there is: kubectl mesh-failover list"))
}

/// The ports that a service has in any cluster, each once, in their order.
pub fn ports(service: &ServiceName, observed: &[&ObservedTraffic]) -> Vec<u16> {
    let ports: BTreeSet<u16> = observed
        .iter()
        .filter_map(|seen| seen.services.by_name.get(service))
        .flat_map(|service| service.ports.iter().map(|port| port.port))
        .collect();
    ports.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mesh::test_world::{cluster, with_service};

    fn missing(name: &str, namesakes: &[&str]) -> Vec<String> {
        let mut east = with_service(cluster("east"), "helloworld.sample", "http", 1);
        east.services.namesakes = namesakes.iter().map(ToString::to_string).collect();
        no_service(&ServiceName::parse(name, None).unwrap(), &[&east]).fix
    }

    #[test]
    fn a_service_that_is_misspelt_is_told_its_near_names() {
        assert_eq!(missing("helloword.sample", &[])[0], "did you mean helloworld.sample?");
        assert_eq!(missing("curl.sample", &[]), ["see what there is: kubectl mesh-failover list"]);
    }

    #[test]
    fn a_service_of_another_namespace_is_told() {
        assert_eq!(missing("frontend.sample", &["shop", "web"])[0], "did you mean frontend.shop or frontend.web?");
    }

    #[test]
    fn a_cluster_that_is_misspelt_is_told_its_near_name() {
        let (east, west) = (cluster("east"), cluster("west"));
        let names = ["esat", "west", "nort"].map(ToOwned::to_owned);
        let findings = chosen(&names, &[&east, &west]).unwrap_err();
        let first: Vec<&str> = findings.iter().map(|finding| finding.fix[0].as_str()).collect();
        assert_eq!(first, ["did you mean east?", "name clusters as the mesh does, not by their contexts"]);
    }
}
