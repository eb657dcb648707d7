//! What faults have in common that an EnvoyFilter injects in the servers' own proxies.

use mesh_shared::model::names::service::ServiceName;
use mesh_shared::model::seen::observed_traffic::ObservedTraffic;
use mesh_shared::model::seen::services::PodSeen;
use mesh_shared::plugin::finding::codes::drill::NOT_FAILABLE;
use mesh_shared::plugin::finding::{Claim, Findings};
use mesh_shared::plugin::text::{count, list};
use serde_json::{Value, json};

use super::fault_kind::{Planned, Scene};
use crate::drill::changed::Changed;
use crate::drill::changed::filter::Filter;
use crate::drill::object_names;

/// How many pods are named; the others are counted.
const PODS: usize = 10;

/// The pods that a filter for a service applies to. An EnvoyFilter applies to every workload of its namespace with the
/// labels of its selector, and in the root namespace to those of all namespaces; without labels it applies to all
/// (istio/istio pilot/pkg/model/envoyfilter.go and policyattachment.go, `ShouldAttachPolicy`).
///
/// # Errors
/// Every reason why a filter for the service's pods would apply to others too, or to none.
pub fn pods<'a>(at: &'a ObservedTraffic, service: &ServiceName) -> Result<Vec<&'a PodSeen>, Findings> {
    let selector = at.services.by_name.get(service).map(|seen| seen.selector.clone()).unwrap_or_default();
    let found = |what: String| -> Claim {
        let claim = NOT_FAILABLE.found(what).cluster(&at.membership.name).context(&at.identity.context);
        claim.place(format!("namespace {}", service.namespace))
    };
    let mut findings = Findings::default();
    if selector.is_empty() {
        findings.push(
            found(format!("{service} has no selector: an EnvoyFilter cannot be limited to its pods"))
                .because(format!(
                    "without labels to select by, every workload of namespace {} would fail",
                    service.namespace
                ))
                .fix("drill the service that selects these pods"),
        );
    }
    if service.namespace == at.mesh_config.root_namespace {
        findings.push(
            found(format!("{service} is in the root namespace of the mesh"))
                .because("an EnvoyFilter there is for workloads of all namespaces")
                .fix("use another fault: --fault scale-to-zero"),
        );
    }
    let matched: Vec<&PodSeen> = at
        .services
        .pods
        .iter()
        .filter(|pod| pod.namespace == service.namespace && pod.is_selected_by(&selector))
        .collect();
    if !selector.is_empty() && !matched.iter().any(|pod| pod.sidecar) {
        findings.push(
            found(format!("the selector of {service} selects no pod with a sidecar in {}", at.membership.name))
                .because("an EnvoyFilter changes only sidecars, so nothing would fail")
                .fix("use another fault: --fault scale-to-zero"),
        );
    }
    if findings.is_empty() { Ok(matched) } else { Err(findings) }
}

/// An EnvoyFilter that inserts an HTTP filter before the router, for all requests to the service's pods. For inbound
/// traffic `portNumber` is the pods' own port: the filter chain of the virtual inbound listener is matched by its
/// destination port (istio/istio pilot/pkg/networking/core/envoyfilter/listener_patch.go, `filterChainMatch`).
pub fn before_the_application(scene: &Scene<'_>, http_filter: &Value) -> Changed {
    let key = object_names::filter(scene.service);
    let spec = json!({
        "workloadSelector": {"labels": scene.selector},
        "configPatches": [{
            "applyTo": "HTTP_FILTER",
            "match": {
                "context": "SIDECAR_INBOUND",
                "listener": {
                    "portNumber": scene.port,
                    "filterChain": {"filter": {
                        "name": "envoy.filters.network.http_connection_manager",
                        "subFilter": {"name": "envoy.filters.http.router"},
                    }},
                },
            },
            "patch": {"operation": "INSERT_BEFORE", "value": http_filter},
        }],
    });
    Changed::Filter(Filter { namespace: key.namespace, name: key.name, spec })
}

/// Envoy's own fault filter, with what it does to requests: `abort` or `delay`.
pub fn http_fault(what: &str, does: &Value) -> Value {
    json!({
        "name": "envoy.filters.http.fault",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault",
            what: does,
        },
    })
}

/// The pods that the filter applies to, and what they serve.
pub fn applies_to(planned: &Planned<'_>) -> String {
    let pods = planned.pods;
    let mut names: Vec<String> = pods.iter().take(PODS).cloned().collect();
    if pods.len() > PODS {
        names.push(format!("{} more", pods.len() - PODS));
    }
    let served: Vec<String> = [planned.service].into_iter().chain(planned.also).map(ToString::to_string).collect();
    let serve = if pods.len() == 1 { "It serves" } else { "They serve" };
    format!("The filter applies to {}: {}. {serve} {}.", count(pods.len(), "pod"), list(&names), list(&served))
}

#[cfg(test)]
mod tests;
