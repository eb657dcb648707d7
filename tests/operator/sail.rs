//! The Sail API as objects: its kinds at the version that is served, and what the operator writes to them.

use std::{fmt, path::Path};

use anyhow::Context as _;
use clap::ValueEnum;
use http::header::{HeaderValue, USER_AGENT};
use kube::{
    Api, Client, Config, ResourceExt as _,
    api::{DynamicObject, ListParams, Patch, PatchParams, PostParams},
    config::{KubeConfigOptions, Kubeconfig},
    core::{ApiResource, GroupVersionKind},
};
use serde_json::{Value, json};

use crate::status::Status;

pub(crate) const GROUP: &str = "sailoperator.io";
/// Field manager of all that the operator writes to Sail resources.
pub(crate) const MANAGER: &str = "sail-operator";
const FINALIZER: &str = "sailoperator.io/sail-operator";

/// The version at which the Sail API is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Served {
    /// Of today.
    V1,
    /// Of the technology previews of Service Mesh 3.
    V1alpha1,
}

impl fmt::Display for Served {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V1 => "v1",
            Self::V1alpha1 => "v1alpha1",
        })
    }
}

/// A kind of the Sail API that is reconciled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Istio,
    IstioRevision,
    IstioCni,
    IstioRevisionTag,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Istio => "Istio",
            Self::IstioRevision => "IstioRevision",
            Self::IstioCni => "IstioCNI",
            Self::IstioRevisionTag => "IstioRevisionTag",
        }
    }
}

/// The Sail resources of one cluster.
#[derive(Clone)]
pub(crate) struct Sail {
    client: Client,
    pub(crate) served: Served,
}

impl Sail {
    pub(crate) fn new(client: Client, served: Served) -> Self {
        Self { client, served }
    }

    pub(crate) fn api_version(&self) -> String {
        format!("{GROUP}/{}", self.served)
    }

    pub(crate) fn resource(&self, kind: Kind) -> ApiResource {
        ApiResource::from_gvk(&GroupVersionKind::gvk(GROUP, &self.served.to_string(), kind.name()))
    }

    pub(crate) fn api(&self, kind: Kind) -> Api<DynamicObject> {
        Api::all_with(self.client.clone(), &self.resource(kind))
    }

    pub(crate) async fn list(&self, kind: Kind) -> kube::Result<Vec<DynamicObject>> {
        Ok(self.api(kind).list(&ListParams::default()).await?.items)
    }

    /// All of a kind at this moment, one by one: a reconciliation takes long, so each is read when its turn comes.
    pub(crate) async fn names(&self, kind: Kind) -> kube::Result<Vec<String>> {
        let listed = self.api(kind).list_metadata(&ListParams::default()).await?;
        Ok(listed.items.iter().map(kube::ResourceExt::name_any).collect())
    }

    /// Writes the status and nothing else, and only where it differs.
    pub(crate) async fn write_status(&self, kind: Kind, object: &DynamicObject, status: &Status) -> kube::Result<()> {
        if Status::of(object) == *status {
            return Ok(());
        }
        let patch = Patch::Merge(json!({ "status": status }));
        match self.api(kind).patch_status(&object.name_any(), &manager(), &patch).await {
            Err(error) if not_found(&error) => Ok(()),
            other => other.map(|_| ()),
        }
    }

    pub(crate) async fn add_finalizer(&self, kind: Kind, mut object: DynamicObject) -> kube::Result<()> {
        object.finalizers_mut().push(FINALIZER.into());
        self.api(kind).replace(&object.name_any(), &post(), &object).await.map(|_| ())
    }

    pub(crate) async fn remove_finalizer(&self, kind: Kind, mut object: DynamicObject) -> kube::Result<()> {
        object.finalizers_mut().retain(|finalizer| finalizer != FINALIZER);
        match self.api(kind).replace(&object.name_any(), &post(), &object).await {
            Err(error) if not_found(&error) => Ok(()),
            other => other.map(|_| ()),
        }
    }
}

pub(crate) fn has_finalizer(object: &DynamicObject) -> bool {
    object.finalizers().iter().any(|finalizer| finalizer == FINALIZER)
}

pub(crate) fn is_deleting(object: &DynamicObject) -> bool {
    object.metadata.deletion_timestamp.is_some()
}

pub(crate) fn generation(object: &DynamicObject) -> i64 {
    object.metadata.generation.unwrap_or_default()
}

/// A text of the spec; empty where there is none.
pub(crate) fn spec_text<'a>(object: &'a DynamicObject, pointer: &str) -> &'a str {
    object.data.pointer(&format!("/spec{pointer}")).and_then(Value::as_str).unwrap_or_default()
}

pub(crate) fn spec_values(object: &DynamicObject) -> Value {
    object.data.pointer("/spec/values").cloned().unwrap_or_else(|| json!({}))
}

pub(crate) fn not_found(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 404)
}

pub(crate) fn post() -> PostParams {
    PostParams { field_manager: Some(MANAGER.into()), ..PostParams::default() }
}

fn manager() -> PatchParams {
    PatchParams { field_manager: Some(MANAGER.into()), ..PatchParams::default() }
}

/// A client that names itself, so that audit logs tell the stand-in from the product. With `patient` it waits
/// while a server starts; controllers had better retry by themselves.
pub(crate) async fn client(kubeconfig: &Path, patient: bool) -> anyhow::Result<Client> {
    let file = Kubeconfig::read_from(kubeconfig).with_context(|| format!("cannot read {}", kubeconfig.display()))?;
    let mut config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await?;
    config.default_retry = patient;
    config.headers.push((USER_AGENT, HeaderValue::from_static("sail-operator/stand-in")));
    Ok(Client::try_from(config)?)
}
