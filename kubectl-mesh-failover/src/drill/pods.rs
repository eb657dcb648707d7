//! Which pods serve a service, and what else they serve.

use mesh_shared::model::names::service::ServiceName;
use mesh_shared::model::seen::observed_traffic::ObservedTraffic;
use mesh_shared::model::seen::services::{PodSeen, ServiceSeen};

/// Pods behind a service in a cluster, by its endpoints.
pub fn behind<'a>(at: &'a ObservedTraffic, service: &ServiceName) -> Vec<&'a PodSeen> {
    let endpoints = at.services.by_name.get(service).map(|seen| seen.endpoints.as_slice()).unwrap_or_default();
    endpoints.iter().filter_map(|endpoint| at.pod(&service.namespace, endpoint.pod.as_deref()?)).collect()
}

/// Other services of the namespace that some of these pods serve, by selector or by an EndpointSlice that someone else
/// manages, ordered by name.
pub fn also_served(at: &ObservedTraffic, service: &ServiceName, pods: &[&PodSeen]) -> Vec<ServiceName> {
    let serves = |seen: &ServiceSeen| {
        pods.iter().any(|pod| {
            let is_endpoint = seen.endpoints.iter().any(|endpoint| {
                endpoint.pod.as_ref() == Some(&pod.name) || pod.address.as_ref() == Some(&endpoint.address)
            });
            is_endpoint || pod.is_selected_by(&seen.selector)
        })
    };
    let others = at.services.by_name.iter().filter(|(name, _)| name.namespace == service.namespace && *name != service);
    others.filter(|(_, seen)| serves(seen)).map(|(name, _)| name.clone()).collect()
}

#[cfg(test)]
mod tests;
