//! The clusters' own time: the manifests of a join, made beforehand, each applied as early as the clusters can take it.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures::future::{try_join, try_join_all};
use k8s_openapi::api::core::v1::Secret;
use mesh_shared::cluster::context::{Cluster, Connection, connect};
use mesh_shared::cluster::istiod;
use mesh_shared::cluster::write::{apply, get};
use mesh_shared::machine::{clock, random};
use mesh_shared::model::istio::cacerts::cacerts;
use mesh_shared::model::istio::manifest::to_manifest;
use mesh_shared::model::istio::remote_secret::{
    ReaderCredential, reader_credential, reader_token_name, reader_token_secret, remote_secret,
};
use mesh_shared::model::kube::kinds::Target;
use mesh_shared::model::names::ClusterName;
use mesh_shared::model::pki::authority::Root;
use mesh_shared::model::pki::key::KeyAlgorithm;
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

const MANAGER: &str = "floor";
const SYSTEM: &str = "istio-system";
const READER: &str = "istio-reader-service-account";
const GATEWAY: &str = "istio-eastwestgateway";
/// Nothing here takes longer, or the figure would be worth nothing.
const PATIENCE: Duration = Duration::from_mins(2);
const PULSE: Duration = Duration::from_millis(25);

/// One cluster with everything that it will be given.
struct Place {
    name: ClusterName,
    server: String,
    cluster: Cluster,
    namespaces: Vec<Value>,
    early: Vec<Value>,
    gateway: Value,
    deadline: Instant,
}

/// The time from the first request until everything that a join waits for is there. `manifests` are a join's own
/// (`-o json`), `servers` the addresses at which peers reach each API server.
pub(crate) async fn floor(
    kubeconfig: &Path,
    servers: &BTreeMap<String, String>,
    manifests: &Value,
) -> Result<Duration> {
    let places = prepare(kubeconfig, servers, manifests).await?;
    let begun = Instant::now();
    let (tokens, _) = watch::channel(BTreeMap::new());
    try_join_all(places.iter().map(|place| place.bring_up(&tokens, &places))).await?;
    Ok(begun.elapsed())
}

async fn prepare(kubeconfig: &Path, servers: &BTreeMap<String, String>, manifests: &Value) -> Result<Vec<Place>> {
    let connection =
        Connection { kubeconfig: Some(kubeconfig.to_owned()), user_agent: "floor/1".into(), ..Connection::default() };
    let contexts: Vec<String> = servers.keys().cloned().collect();
    let clusters = connect(&connection, &contexts).await.map_err(anyhow::Error::msg)?;
    let root = root()?;
    let mut places = Vec::new();
    for (cluster, (name, server)) in clusters.into_iter().zip(servers) {
        let name = ClusterName::new(name.as_str())?;
        let mut own = of_cluster(manifests, name.as_str())?;
        own.push(intermediate(&root, &name)?);
        let (namespaces, others): (Vec<Value>, Vec<Value>) =
            own.into_iter().partition(|object| object["kind"] == "Namespace");
        let (gateway, early): (Vec<Value>, Vec<Value>) =
            others.into_iter().partition(|object| object["kind"] == "Deployment");
        let early =
            early.into_iter().filter(|object| object["metadata"]["name"] != reader_token_name(READER)).collect();
        let gateway = gateway.into_iter().next().context("a join has a gateway")?;
        let deadline = Instant::now() + PATIENCE;
        places.push(Place { name, server: server.clone(), cluster, namespaces, early, gateway, deadline });
    }
    Ok(places)
}

/// The manifests of one cluster: one cluster after the other, each cluster's beginning with its namespace.
fn of_cluster(manifests: &Value, name: &str) -> Result<Vec<Value>> {
    let items = manifests["items"].as_array().context("a List")?;
    let half = items.len() / 2;
    for part in [&items[..half], &items[half..]] {
        let named = |object: &Value| object["spec"]["values"]["global"]["multiCluster"]["clusterName"] == name;
        if part.iter().any(named) {
            return Ok(part.to_vec());
        }
    }
    anyhow::bail!("a join of two clusters has no Istio of {name}")
}

fn root() -> Result<Root> {
    Ok(Root::create(random::new_key(KeyAlgorithm::Rsa4096)?, random::new_serial()?, clock::now())?)
}

fn intermediate(root: &Root, name: &ClusterName) -> Result<Value> {
    let key = random::new_key(KeyAlgorithm::Rsa4096)?;
    let issued = root.issue(name, SYSTEM, key, random::new_serial()?, clock::now())?;
    Ok(to_manifest("v1", "Secret", &cacerts(&issued, &[], SYSTEM, MANAGER)))
}

type Tokens = watch::Sender<BTreeMap<String, String>>;

impl Place {
    async fn bring_up(&self, tokens: &Tokens, all: &[Self]) -> Result<()> {
        self.apply_all(&self.namespaces).await?;
        self.apply_all(&self.early).await?;
        try_join(try_join(self.access(tokens), self.read_peers(tokens, all)), try_join(self.gateway(), self.ready(all)))
            .await
            .map(drop)
    }

    async fn apply_all(&self, manifests: &[Value]) -> Result<()> {
        try_join_all(manifests.iter().map(|manifest| apply(&self.cluster, manifest, MANAGER))).await?;
        Ok(())
    }

    /// Makes the reader's token as soon as its account is there.
    async fn access(&self, tokens: &Tokens) -> Result<()> {
        self.until("ServiceAccount", "v1", SYSTEM, READER, |_| true).await?;
        let secret = to_manifest("v1", "Secret", &reader_token_secret(READER, SYSTEM, MANAGER));
        apply(&self.cluster, &secret, MANAGER).await?;
        let name = reader_token_name(READER);
        let filled = self.until("Secret", "v1", SYSTEM, &name, |secret| secret["data"]["token"].is_string()).await?;
        tokens.send_modify(|tokens| drop(tokens.insert(self.name.to_string(), filled.to_string())));
        Ok(())
    }

    /// Writes each peer's remote secret as soon as its token is there.
    async fn read_peers(&self, tokens: &Tokens, all: &[Self]) -> Result<()> {
        let peers = all.iter().filter(|peer| peer.name != self.name);
        try_join_all(peers.map(async |peer| {
            let mut tokens = tokens.subscribe();
            let filled = tokens.wait_for(|tokens| tokens.contains_key(peer.name.as_str())).await?;
            let secret: Secret = serde_json::from_str(&filled[peer.name.as_str()])?;
            drop(filled);
            let ReaderCredential { ca_pem, token } = reader_credential(&secret).context("a token")?;
            let secret = remote_secret(&peer.name, SYSTEM, &peer.server, &ca_pem, &token, MANAGER);
            apply(&self.cluster, &to_manifest("v1", "Secret", &secret), MANAGER).await?;
            anyhow::Ok(())
        }))
        .await
        .map(drop)
    }

    async fn gateway(&self) -> Result<()> {
        let available = |object: &Value| object["status"]["availableReplicas"].as_i64() >= Some(1);
        self.until("Deployment", "apps/v1", SYSTEM, "istiod", available).await?;
        apply(&self.cluster, &self.gateway, MANAGER).await?;
        self.until("Deployment", "apps/v1", SYSTEM, GATEWAY, available).await?;
        let address = |object: &Value| object["status"]["loadBalancer"]["ingress"].is_array();
        self.until("Service", "v1", SYSTEM, GATEWAY, address).await.map(drop)
    }

    /// Waits until the operator says so and istiod has synced every peer.
    async fn ready(&self, all: &[Self]) -> Result<()> {
        for kind in ["Istio", "IstioCNI"] {
            self.until(kind, "sailoperator.io/v1", "", "default", is_ready).await?;
        }
        loop {
            let replicas = istiod::replicas(&self.cluster, SYSTEM, self.deadline).await?;
            let sees = |peer: &Self| {
                let all = || replicas.iter().flat_map(|replica| &replica.clusters);
                all().any(|seen| seen.cluster == peer.name.as_str() && seen.state == "synced")
            };
            if all.iter().filter(|peer| peer.name != self.name).all(sees) {
                return Ok(());
            }
            ensure!(Instant::now() < self.deadline, "{} does not see its peers", self.name);
            sleep(PULSE).await;
        }
    }

    async fn until(
        &self,
        kind: &str,
        api_version: &str,
        namespace: &str,
        name: &str,
        there: impl Fn(&Value) -> bool,
    ) -> Result<Value> {
        let target = Target::new(kind, namespace, name)?.at(api_version);
        loop {
            match get(&self.cluster, &target).await? {
                Some(object) if there(&object) => return Ok(object),
                _ => {}
            }
            ensure!(Instant::now() < self.deadline, "{}: {kind} {name} is not there", self.name);
            sleep(PULSE).await;
        }
    }
}

fn is_ready(object: &Value) -> bool {
    let conditions = object["status"]["conditions"].as_array().map_or(&[][..], Vec::as_slice);
    conditions.iter().any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}
