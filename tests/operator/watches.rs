//! Which event rings for which controller.

use std::{fmt::Debug, future::ready, sync::Arc, time::Duration};

use futures::StreamExt as _;
use k8s_openapi::api::{
    admissionregistration::v1::{MutatingWebhookConfiguration, ValidatingWebhookConfiguration},
    apps::v1::{DaemonSet, Deployment},
    core::v1::{ConfigMap, Namespace, Pod, Service, ServiceAccount},
    rbac::v1::{ClusterRole, ClusterRoleBinding},
};
use kube::{
    Api, Resource, ResourceExt as _,
    api::PartialObjectMeta,
    runtime::{
        WatchStreamExt as _,
        utils::Backoff,
        watcher::{self, Event, watcher},
    },
};
use serde::de::DeserializeOwned;
use tokio::task::JoinSet;

use crate::{
    dependencies::REVISION,
    helm::{MANAGED, RELEASE_LABEL},
    operator::Operator,
    sail::{Kind, Served},
};

/// Starts every watch of the operator.
pub(crate) fn start(operator: &Arc<Operator>, tasks: &mut JoinSet<()>) {
    watch_sail(operator, tasks, Kind::Istio, |operator| {
        operator.bells.istio.notify_one();
        operator.bells.tag.notify_one();
    });
    watch_sail(operator, tasks, Kind::IstioRevision, |operator| {
        operator.bells.istio.notify_one();
        operator.bells.revision.notify_one();
        operator.bells.tag.notify_one();
    });
    watch_sail(operator, tasks, Kind::IstioCni, |operator| {
        operator.bells.cni.notify_one();
        operator.bells.revision.notify_one();
    });
    if operator.sail.served == Served::V1 {
        watch_sail(operator, tasks, Kind::IstioRevisionTag, |operator| {
            operator.bells.tag.notify_one();
            operator.bells.revision.notify_one();
        });
    }
    watch::<Namespace>(operator, tasks, "", |operator, _| {
        operator.bells.revision.notify_one();
        operator.bells.cni.notify_one();
        operator.bells.tag.notify_one();
    });
    watch::<Pod>(operator, tasks, "", |operator, event| {
        let refers = subject(event).is_some_and(|pod| {
            pod.annotations().contains_key(REVISION)
                || pod.labels().contains_key(REVISION)
                || pod.labels().contains_key("sidecar.istio.io/inject")
        });
        if refers {
            operator.bells.revision.notify_one();
            operator.bells.tag.notify_one();
        }
    });
    watch::<Deployment>(operator, tasks, "app=istiod", |operator, _| operator.bells.revision.notify_one());
    watch::<DaemonSet>(operator, tasks, "k8s-app=istio-cni-node", |operator, _| operator.bells.cni.notify_one());
    watch::<ServiceAccount>(operator, tasks, MANAGED, restore);
    watch::<Service>(operator, tasks, MANAGED, restore);
    watch::<ConfigMap>(operator, tasks, MANAGED, restore);
    watch::<ClusterRole>(operator, tasks, MANAGED, restore);
    watch::<ClusterRoleBinding>(operator, tasks, MANAGED, restore);
    watch::<MutatingWebhookConfiguration>(operator, tasks, MANAGED, restore);
    watch::<ValidatingWebhookConfiguration>(operator, tasks, MANAGED, restore);
}

/// A broken watch is renewed soon: the API server is the lab's own, and while CRDs are new it breaks many.
struct Soon;

impl Iterator for Soon {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        Some(Duration::from_millis(100))
    }
}

impl Backoff for Soon {
    fn reset(&mut self) {}
}

type Metadata<K> = PartialObjectMeta<K>;

fn subject<K>(event: &Event<K>) -> Option<&K> {
    match event {
        Event::Apply(object) | Event::InitApply(object) | Event::Delete(object) => Some(object),
        Event::Init | Event::InitDone => None,
    }
}

/// An object of a chart that someone deleted comes back: its release is installed again.
fn restore<K: Resource<DynamicType = ()>>(operator: &Operator, event: &Event<Metadata<K>>) {
    let Event::Delete(object) = event else { return };
    if let Some(release) = object.labels().get(RELEASE_LABEL) {
        operator.helm.forget(release);
        operator.bells.revision.notify_one();
        operator.bells.cni.notify_one();
        operator.bells.tag.notify_one();
    }
}

/// Watches the metadata of a kind; that is all a bell needs.
fn watch<K>(operator: &Arc<Operator>, tasks: &mut JoinSet<()>, labels: &str, ring: fn(&Operator, &Event<Metadata<K>>))
where
    K: Resource<DynamicType = ()> + Clone + Debug + Send + Sync + 'static,
    Metadata<K>: DeserializeOwned,
{
    let api: Api<Metadata<K>> = Api::all(operator.client.clone());
    let config = watcher::Config::default().labels(labels);
    let operator = Arc::clone(operator);
    tasks.spawn(async move {
        watcher(api, config)
            .backoff(Soon)
            .for_each(|event| {
                match &event {
                    Ok(event) => ring(&operator, event),
                    Err(error) => tracing::warn!(kind = %K::kind(&()), %error, "a watch is renewed"),
                }
                ready(())
            })
            .await;
    });
}

fn watch_sail(operator: &Arc<Operator>, tasks: &mut JoinSet<()>, kind: Kind, ring: fn(&Operator)) {
    let api = operator.sail.api(kind);
    let operator = Arc::clone(operator);
    tasks.spawn(async move {
        watcher(api, watcher::Config::default())
            .backoff(Soon)
            .for_each(|event| {
                match event {
                    Ok(_) => ring(&operator),
                    Err(error) => tracing::warn!(kind = kind.name(), %error, "a watch is renewed"),
                }
                ready(())
            })
            .await;
    });
}
