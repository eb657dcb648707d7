//! The address of a gateway, which a cloud or load balancer assigns in its own time.

use serde_json::Value;
use tokio::time::Instant;

use super::{late, pod_trouble};
use crate::cluster::context::Cluster;
use crate::cluster::watch::{Source, Verdict, until};
use crate::model::istio::cross_network_gateway::PORT;
use crate::model::istio::network_gateway::{GatewayAddress, named_service, service_port};
use crate::model::kube::kinds::Target;
use crate::plugin::error::Result;

/// Waits until a Service has an address from a load balancer, or an external one, in the order in which it says them.
///
/// # Errors
/// The deadline, with the reason why the address is pending: the Service's newest warning, or that nothing assigns one.
pub async fn gateway_address(
    cluster: &Cluster,
    namespace: &str,
    service: &str,
    deadline: Instant,
) -> Result<Vec<GatewayAddress>> {
    let since = Instant::now();
    let target = Target::new("Service", namespace, service)?;
    let place = target.key.to_string();
    let sources = [Source::one(&target.collection()?, service)];
    let found = until(
        cluster,
        &sources,
        deadline,
        |state| match state[0].values().next().map(reached_at) {
            Some(addresses) if !addresses.is_empty() => Verdict::Done(addresses),
            Some(_) => Verdict::Wait("the Service has no address yet".into()),
            None => Verdict::Wait("the Service does not exist yet".into()),
        },
        |last| late(cluster, "an address for the gateway", &place, since, last),
    )
    .await;
    match found {
        Ok(addresses) => Ok(addresses),
        Err(error) if error.why.as_deref() == Some("the Service has no address yet") => {
            let why = pod_trouble::last_warning(cluster, namespace, service).await;
            Err(error.because(why.unwrap_or_else(|| {
                "the Service has no address yet and no event says why: the cluster may have nothing that serves Services of type LoadBalancer".into()
            })))
        }
        Err(error) => Err(error),
    }
}

fn reached_at(service: &Value) -> Vec<GatewayAddress> {
    named_service("", service_port(service).unwrap_or(PORT), service, &[]).addresses
}
