//! Who reads whom: the peers that a cluster reads, and how peers reach and read it.

use std::collections::BTreeMap;

use futures::try_join;
use serde_json::Value;

use super::{addresses, remote_secrets};
use crate::cluster::context::Cluster;
use crate::cluster::read::{list, optional};
use crate::cluster::request::Call;
use crate::model::istio::remote_secret::reader_token_name;
use crate::model::seen::access::RemoteAccess;
use crate::plugin::error::Result;

/// What the API server said.
pub(super) struct Answers {
    pub(super) service_accounts: Vec<Value>,
    endpoints: Vec<Value>,
    kube_root: Option<Value>,
}

pub(super) async fn ask(cluster: &Cluster, namespace: &str) -> Result<Answers> {
    let (service_accounts, endpoints, kube_root) = try_join!(
        list(cluster, format!("/api/v1/namespaces/{namespace}/serviceaccounts"), "v1", "ServiceAccount"),
        optional(
            cluster,
            "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices?labelSelector=kubernetes.io%2Fservice-name%3Dkubernetes"
                .into()
        ),
        cluster.if_allowed(Call::get("/api/v1/namespaces/default/configmaps/kube-root-ca.crt")),
    )?;
    Ok(Answers { service_accounts, endpoints, kube_root })
}

/// Who reads whom, by these answers, what the kubeconfig says of the API server, and the Secrets of the control plane's
/// namespace.
pub(super) fn assemble(
    answers: &Answers,
    server: &str,
    server_ca_pem: Option<&str>,
    secrets: &[Value],
) -> RemoteAccess {
    let secret = |name: &str| secrets.iter().find(|secret| secret["metadata"]["name"] == name);
    let reader_account = remote_secrets::reader_account(&answers.service_accounts);
    RemoteAccess {
        remote_secrets: secrets.iter().filter_map(remote_secrets::remote_secret).collect(),
        api_addresses: addresses::api(server, server_ca_pem, &answers.endpoints, answers.kube_root.as_ref()),
        authorities: addresses::authorities(server_ca_pem, answers.kube_root.as_ref()),
        reader_token: reader_account
            .as_deref()
            .and_then(|account| secret(&reader_token_name(account)))
            .and_then(remote_secrets::filled),
        token_answers: BTreeMap::new(),
        reader_account,
    }
}
