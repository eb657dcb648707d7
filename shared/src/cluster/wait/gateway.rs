//! The address of a gateway, which a cloud or load balancer assigns in its own time.

use serde_json::Value;
use tokio::time::Instant;

use super::{late, pod_trouble};
use crate::cluster::context::Cluster;
use crate::cluster::watch::{Source, Verdict, until};
use crate::model::kube::kinds::Target;
use crate::plugin::error::Result;

/// Waits until a Service of type LoadBalancer has an address: IPs and host names in the order of its status.
///
/// # Errors
/// The deadline, with the reason why the address is pending: the Service's newest warning, or that nothing assigns one.
pub async fn gateway_address(
    cluster: &Cluster,
    namespace: &str,
    service: &str,
    deadline: Instant,
) -> Result<Vec<String>> {
    let since = Instant::now();
    let target = Target::new("Service", namespace, service)?;
    let place = target.key.to_string();
    let sources = [Source::one(&target.collection()?, service)];
    let found = until(
        cluster,
        &sources,
        deadline,
        |state| match state[0].values().next().map(addresses) {
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

/// IPs and host names in a Service's status. Addresses that peers must not use (`ipMode: Proxy` has one all the same)
/// are not told apart here.
pub(crate) fn addresses(service: &Value) -> Vec<String> {
    let ingress = service["status"]["loadBalancer"]["ingress"].as_array().map(Vec::as_slice).unwrap_or_default();
    ingress.iter().filter_map(|entry| entry["ip"].as_str().or(entry["hostname"].as_str()).map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ips_and_host_names_are_addresses() {
        let service =
            json!({"status": {"loadBalancer": {"ingress": [{"ip": "10.0.0.1"}, {"hostname": "lb.example.com"}]}}});
        assert_eq!(addresses(&service), ["10.0.0.1", "lb.example.com"]);
        assert!(addresses(&json!({"status": {"loadBalancer": {}}})).is_empty());
    }
}
