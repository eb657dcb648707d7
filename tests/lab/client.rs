//! The lab's own client of its API servers.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use http::header::USER_AGENT;
use http::{HeaderValue, Method, Request};
use kube::Client;
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::Value;

/// What the lab calls itself, in audit logs and as the owner of fields.
pub(crate) const NAME: &str = "meshlab";

/// A client for one context of a kubeconfig, or for its current one.
pub(crate) async fn connect(kubeconfig: &Path, context: Option<&str>) -> Result<Client> {
    let config = Kubeconfig::read_from(kubeconfig).with_context(|| format!("{}", kubeconfig.display()))?;
    let proxy = proxy_of(&config, context);
    let options = KubeConfigOptions { context: context.map(str::to_owned), ..KubeConfigOptions::default() };
    let mut config = kube::Config::from_custom_kubeconfig(config, &options).await?;
    config.connect_timeout = Some(Duration::from_secs(5));
    // By the kubeconfig alone: the environment's settings are not for the lab.
    config.proxy_url = proxy;
    // Callers that wait ask again by themselves, and sooner.
    config.default_retry = false;
    config.headers.push((USER_AGENT, HeaderValue::from_static(NAME)));
    Ok(Client::try_from(config)?)
}

/// The proxy that a kubeconfig names for a context, or for its current one.
fn proxy_of(config: &Kubeconfig, context: Option<&str>) -> Option<http::Uri> {
    let name = context.or(config.current_context.as_deref())?;
    let context = config.contexts.iter().find(|context| context.name == name)?.context.as_ref()?;
    let cluster = config.clusters.iter().find(|cluster| cluster.name == context.cluster)?;
    cluster.cluster.as_ref()?.proxy_url.as_ref()?.parse().ok()
}

/// Reads the object at a path; none where there is none.
pub(crate) async fn get(client: &Client, path: &str) -> Result<Option<Value>> {
    let request = Request::builder().method(Method::GET).uri(path).body(Vec::new())?;
    match client.request::<Value>(request).await {
        Ok(value) => Ok(Some(value)),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
        Err(error) => Err(error).with_context(|| format!("get {path}")),
    }
}

/// Applies an object as ours.
pub(crate) async fn apply(client: &Client, object: &Value) -> Result<()> {
    let path = format!("{}?fieldManager={NAME}&force=true", path_of(object)?);
    let request = Request::builder()
        .method(Method::PATCH)
        .uri(&path)
        .header("content-type", "application/apply-patch+yaml")
        .body(serde_json::to_vec(object)?)?;
    client.request::<Value>(request).await.with_context(|| format!("apply {path}"))?;
    Ok(())
}

/// The path of an object of the few kinds that the lab itself creates.
fn path_of(object: &Value) -> Result<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (version, kind, name) = (text(&object["apiVersion"]), text(&object["kind"]), text(&object["metadata"]["name"]));
    ensure!(!version.is_empty() && !kind.is_empty() && !name.is_empty(), "an object without version, kind or name");
    let prefix = if version.contains('/') { "apis" } else { "api" };
    let plural = format!("{}s", kind.to_ascii_lowercase());
    Ok(match object["metadata"]["namespace"].as_str() {
        Some(namespace) => format!("/{prefix}/{version}/namespaces/{namespace}/{plural}/{name}"),
        None => format!("/{prefix}/{version}/{plural}/{name}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_object_s_path_follows_its_version_kind_and_namespace() {
        let role =
            json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "a"}});
        assert_eq!(path_of(&role).unwrap(), "/apis/rbac.authorization.k8s.io/v1/clusterroles/a");
        let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "b"}});
        assert_eq!(path_of(&map).unwrap(), "/api/v1/namespaces/b/configmaps/a");
    }
}
