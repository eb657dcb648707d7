//! Everything that commands decide by, read from one cluster by facet: each file has the requests of one facet, and
//! builds its values from the answers. Nothing is written.
//!
//! Requests and the building of values are kept apart, so that the latter is tested without a cluster.

mod access;
mod addresses;
mod control_plane;
mod east_west;
mod endpoints;
mod gateways;
mod identity;
mod mesh_config;
mod narrowed;
mod nodes;
mod objects;
mod pods;
mod probes;
mod registered;
mod remote_secrets;
mod rules;
mod sail;
mod services;
mod trust;

use std::collections::BTreeSet;

use futures::try_join;
use jiff::Timestamp;
use serde_json::Value;

pub use self::identity::name;
pub use self::registered::registered;
pub use self::services::regions;
use super::context::Cluster;
use super::read::list;
use crate::model::istio::remote_secret::Token;
use crate::model::kube::object_key::ObjectKey;
use crate::model::names::service::ServiceName;
use crate::model::seen::known::Known;
use crate::model::seen::observed_cluster::ObservedCluster;
use crate::model::seen::observed_traffic::ObservedTraffic;
use crate::plugin::error::{Kind, Result};

/// What a join looks at.
#[derive(Debug, Clone)]
pub struct Scope {
    /// Namespace of the control plane.
    pub system_namespace: String,
    /// Objects whose live state is needed; Sail kinds are read at the served version.
    pub wanted: Vec<ObjectKey>,
}

impl Default for Scope {
    fn default() -> Self {
        Self { system_namespace: "istio-system".into(), wanted: Vec::new() }
    }
}

/// Everything about one cluster that a join decides by, with reads alone, and the tokens by which it reads others.
///
/// # Errors
/// If the API server cannot be reached or does not let us read what has to be known.
pub async fn observe(cluster: &Cluster, scope: &Scope) -> Result<(ObservedCluster, RemoteTokens)> {
    Box::pin(observe_cluster(cluster, scope)).await
}

async fn observe_cluster(cluster: &Cluster, scope: &Scope) -> Result<(ObservedCluster, RemoteTokens)> {
    let namespace = &scope.system_namespace;
    // Helm's own Secrets are large and hold nothing that is needed here.
    let secrets = format!("/api/v1/namespaces/{namespace}/secrets?fieldSelector=type%21%3Dhelm.sh%2Frelease.v1");
    let (identity, platform, control_planes, secrets, trust, access, gateways, probes, others) = try_join!(
        identity::identity(cluster),
        identity::platform(cluster),
        control_plane::ask(cluster),
        list(cluster, secrets, "v1", "Secret"),
        trust::ask(cluster, namespace),
        access::ask(cluster, namespace),
        facet(true, gateways::observe(cluster)),
        probes::observe(cluster),
        objects::ask(cluster, scope),
    )?;
    let trust = trust::follow(trust, cluster, &control_planes.istiods, namespace).await?;
    let read = [&control_planes.istios, &secrets, &access.service_accounts, &others].into_iter().flatten();
    let tokens = remote_secrets::tokens(&secrets);
    let seen = ObservedCluster {
        identity,
        platform,
        trust: trust::assemble(&trust, &secrets, &control_planes.istiods, namespace, Timestamp::now()),
        access: access::assemble(&access, &cluster.server, cluster.server_ca_pem.as_deref(), &secrets),
        gateways,
        probes,
        objects: objects::assemble(read.chain(&control_planes.cni), &scope.wanted),
        control_planes: control_plane::assemble(&control_planes),
    };
    Ok((seen, tokens))
}

/// The tokens by which a cluster reads others, by the name under which each is registered. They are kept apart from what
/// was observed, which may be shown, and have no `Debug` or `Serialize`.
pub struct RemoteTokens(pub Vec<(String, Token)>);

/// Which part of a cluster's traffic is read.
#[derive(Debug, Clone)]
pub struct TrafficScope {
    /// Namespace of istiod.
    pub system_namespace: String,
    /// The one service that a command is about: only the Services, EndpointSlices and pods of its namespace are read;
    /// none for those of all namespaces.
    pub service: Option<ServiceName>,
    /// Further namespaces whose pods are needed, such as the client's.
    pub namespaces: Vec<String>,
    /// Whether it matters how other networks enter.
    pub east_west: bool,
    /// Whether it matters which rules govern.
    pub rules: bool,
}

impl TrafficScope {
    /// The namespaces that matter to the service, if the user may not read all: istiod's, the service's, and those that
    /// were asked for; empty if all services are wanted.
    fn near(&self) -> BTreeSet<String> {
        let asked = self.pod_namespaces().into_iter().flatten();
        let mut near: BTreeSet<String> = asked.map(str::to_owned).collect();
        if !near.is_empty() {
            near.insert(self.system_namespace.clone());
        }
        near
    }

    /// The namespaces whose pods are read, each once; none for all namespaces.
    fn pod_namespaces(&self) -> Option<BTreeSet<&str>> {
        let service = self.service.as_ref()?;
        Some(self.namespaces.iter().chain([&service.namespace]).map(String::as_str).collect())
    }
}

/// What exposure, locality and drills decide by, of one cluster. A facet that is wanted and may not be read is unknown.
///
/// # Errors
/// A refusal if the cluster has no istiod in the namespace or does not serve Istio's networking API; any other if the
/// API server cannot be reached or does not let us read what every command has to know.
pub async fn traffic(cluster: &Cluster, scope: &TrafficScope) -> Result<ObservedTraffic> {
    Box::pin(observe_traffic(cluster, scope)).await
}

async fn observe_traffic(cluster: &Cluster, scope: &TrafficScope) -> Result<ObservedTraffic> {
    let (context, namespace) = (&cluster.context, &scope.system_namespace);
    let near = scope.near();
    let (services, (istiods, mesh_config), east_west, rules) = try_join!(
        services::ask(cluster, scope),
        mesh_config::ask(cluster, namespace),
        facet(scope.east_west, east_west::ask(cluster, &near)),
        facet(scope.rules, rules::observe(cluster, &near)),
    )?;
    let further = east_west.known().map(|answers| answers.pods.as_slice()).unwrap_or_default();
    let seen = services::assemble(&services, further);
    Ok(ObservedTraffic {
        identity: identity::identity_of(context, named(&services.namespaces, "kube-system"))?,
        membership: identity::membership(context, named(&services.namespaces, namespace), namespace, &istiods)?,
        mesh_config: mesh_config::read(mesh_config.as_ref(), control_plane::governing(&istiods), namespace)
            .map_err(|error| error.at(format!("context {context}, ConfigMap {namespace}/istio")))?,
        east_west: east_west.map(|answers| east_west::assemble(answers, &seen.pods)),
        rules,
        services: seen,
    })
}

/// A facet, if it is wanted. A missing permission makes it unknown.
async fn facet<T>(is_wanted: bool, asked: impl Future<Output = Result<T>>) -> Result<Known<T>> {
    if !is_wanted {
        return Ok(Known::NotAsked);
    }
    match asked.await {
        Ok(seen) => Ok(Known::Known(seen)),
        Err(error) if error.kind == Kind::Forbidden => Ok(Known::Unknown(Box::new(error))),
        Err(error) => Err(error),
    }
}

fn named<'a>(objects: &'a [Value], name: &str) -> &'a Value {
    objects.iter().find(|object| object["metadata"]["name"] == name).unwrap_or(&Value::Null)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::error::Error;

    #[test]
    fn pods_are_read_of_the_services_namespace_and_of_what_else_is_wanted() {
        let service = ServiceName { namespace: "sample".into(), name: "a".into() };
        let all = TrafficScope {
            system_namespace: "istio-system".into(),
            service: None,
            namespaces: Vec::new(),
            east_west: true,
            rules: true,
        };
        assert!(all.pod_namespaces().is_none());
        let narrow =
            TrafficScope { service: Some(service), namespaces: vec!["clients".into(), "sample".into()], ..all };
        assert_eq!(narrow.pod_namespaces().unwrap().into_iter().collect::<Vec<_>>(), ["clients", "sample"]);
    }

    #[tokio::test]
    async fn a_right_that_is_missing_makes_a_facet_unknown_and_any_other_failure_is_one() {
        let failed = |kind| async move { Err::<u8, _>(Error::of(kind, "no").fix("ask")) };
        assert!(matches!(facet(true, failed(Kind::Forbidden)).await, Ok(Known::Unknown(_))));
        assert!(facet(true, failed(Kind::Failed)).await.is_err());
        assert_eq!(facet(false, failed(Kind::Failed)).await, Ok(Known::NotAsked));
    }
}
