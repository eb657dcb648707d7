//! The operator: what its controllers share, and the loop of each.

use std::{collections::HashMap, sync::Arc, time::Duration};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, Client,
    api::{Patch, PatchParams},
};
use serde_json::json;
use tokio::{sync::Notify, task::JoinSet};

use crate::{
    cni,
    fault::Fault,
    helm::Helm,
    istio, lock, revision,
    sail::{Kind, MANAGER, Sail, Served},
    tag,
    traps::Traps,
    watches,
};

/// The operator's own namespace, in which the base chart's release is kept.
pub(crate) const OPERATOR_NAMESPACE: &str = "sail-operator";

/// What every controller has.
pub(crate) struct Operator {
    pub(crate) client: Client,
    pub(crate) sail: Sail,
    pub(crate) helm: Helm,
    pub(crate) traps: Traps,
    pub(crate) bells: Bells,
}

/// One bell per controller. Ringing one that is working makes it look once more.
#[derive(Debug, Default)]
pub(crate) struct Bells {
    pub(crate) istio: Notify,
    pub(crate) revision: Notify,
    pub(crate) cni: Notify,
    pub(crate) tag: Notify,
}

impl Operator {
    pub(crate) fn new(client: Client, served: Served, helm: Helm, traps: Traps) -> Arc<Self> {
        let sail = Sail::new(client.clone(), served);
        Arc::new(Self { client, sail, helm, traps, bells: Bells::default() })
    }

    /// Makes the namespace in which the real operator would run.
    pub(crate) async fn prepare_namespace(client: Client) -> kube::Result<()> {
        let namespace = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": OPERATOR_NAMESPACE } });
        let apply = PatchParams::apply(MANAGER).force();
        let namespaces: Api<Namespace> = Api::all(client);
        namespaces.patch(OPERATOR_NAMESPACE, &apply, &Patch::Apply(namespace)).await.map(|_| ())
    }

    /// Watches and reconciles until something that must never end ends.
    pub(crate) async fn work(self: Arc<Self>) -> anyhow::Result<()> {
        let mut tasks = JoinSet::new();
        watches::start(&self, &mut tasks);
        tasks.spawn(lock::hold(self.client.clone()));
        let this = Arc::clone(&self);
        tasks.spawn(async move { this.reconcile(Kind::Istio, &this.bells.istio, istio::reconcile).await });
        let this = Arc::clone(&self);
        tasks
            .spawn(async move { this.reconcile(Kind::IstioRevision, &this.bells.revision, revision::reconcile).await });
        let this = Arc::clone(&self);
        tasks.spawn(async move { this.reconcile(Kind::IstioCni, &this.bells.cni, cni::reconcile).await });
        if self.sail.served == Served::V1 {
            let this = Arc::clone(&self);
            tasks.spawn(async move { this.reconcile(Kind::IstioRevisionTag, &this.bells.tag, tag::reconcile).await });
        }
        match tasks.join_next().await {
            Some(Err(error)) => Err(error.into()),
            _ => anyhow::bail!("a controller ended"),
        }
    }

    /// One worker, as the real operator has one for each kind: every object of the kind, one after the other, whenever
    /// the bell rings or a fault is due to be tried again.
    async fn reconcile<F>(&self, kind: Kind, bell: &Notify, reconcile: F)
    where
        F: AsyncFn(&Self, &str) -> Result<Option<Duration>, Fault>,
    {
        let mut failures: HashMap<String, u32> = HashMap::new();
        loop {
            let mut next: Option<Duration> = None;
            let names = self.sail.names(kind).await.unwrap_or_else(|error| {
                tracing::warn!(kind = kind.name(), %error, "cannot list");
                next = Some(Duration::from_millis(200));
                Vec::new()
            });
            for name in names {
                let again = match reconcile(self, &name).await {
                    Ok(again) => {
                        failures.remove(&name);
                        again
                    }
                    Err(fault) => {
                        tracing::warn!(kind = kind.name(), name, %fault, "not reconciled");
                        let count = failures.entry(name).or_default();
                        *count += 1;
                        fault.retry_after(*count - 1)
                    }
                };
                next = [next, again].into_iter().flatten().min();
            }
            match next {
                None => bell.notified().await,
                Some(wait) => drop(tokio::time::timeout(wait, bell.notified()).await),
            }
        }
    }

    /// Whether resources of this API version know of their dependencies.
    pub(crate) fn has_dependencies(&self) -> bool {
        self.sail.served == Served::V1
    }
}

/// This second, as conditions have it.
pub(crate) fn now() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Whether charts may be installed into a namespace.
pub(crate) async fn target_namespace(client: &Client, name: &str) -> Result<(), Fault> {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    match namespaces.get_metadata_opt(name).await? {
        None => Err(Fault::Validation(format!("namespace \"{name}\" doesn't exist"))),
        Some(namespace) if namespace.metadata.deletion_timestamp.is_some() => {
            Err(Fault::Validation(format!("namespace \"{name}\" is being deleted")))
        }
        Some(_) => Ok(()),
    }
}
