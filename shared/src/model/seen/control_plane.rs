//! Control planes, whoever created them.

use serde::Serialize;
use serde_json::Value;

use super::known::Known;
use crate::model::istio::mesh_settings::MeshSettings;
use crate::model::istio::version::IstioVersion;

/// Where istiod publishes its roots unless it was given another name (istio/istio pilot/pkg/features/experimental.go).
pub const TRUST_BUNDLE: &str = "istio-ca-root-cert";

/// The control planes of a cluster.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ControlPlanes {
    /// The Sail operator's API, if it is served.
    pub sail: Option<SailApi>,
    /// Every resource `Istio`, whatever its name.
    pub istios: Vec<ObservedResource>,
    /// The resource `IstioCNI` named `default`, if it exists.
    pub cni: Option<ObservedResource>,
    /// Names of every `IstioRevisionTag`; not known where they may not be read or the operator is too old for them.
    pub tags: Known<Vec<String>>,
    /// Every Deployment of istiod (label `app: istiod`), whoever created it.
    pub istiods: Vec<Istiod>,
}

/// The served API of the Sail operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SailApi {
    /// `v1` or `v1alpha1`: the version whose resource list holds `istios`.
    pub version: String,
    /// The enum of `spec.version` in the CRD, newest first; empty if the CRD may not be read.
    pub istio_versions: Vec<String>,
    /// The CRD's default of `spec.version`, if it may be read.
    pub default_version: Option<String>,
}

/// A custom resource as it was read.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ObservedResource {
    /// `metadata.name`.
    pub name: String,
    /// The whole object.
    pub object: Value,
}

impl ObservedResource {
    /// The value at a path of `spec`, such as `["values", "global", "network"]`.
    pub fn spec(&self, path: &[&str]) -> Option<&Value> {
        path.iter().try_fold(self.object.get("spec")?, |value, key| value.get(key))
    }

    /// The text at a path of `spec`.
    pub fn spec_text(&self, path: &[&str]) -> Option<&str> {
        self.spec(path)?.as_str()
    }
}

/// A control plane's Deployment.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Istiod {
    /// Where it runs.
    pub namespace: String,
    /// The Deployment's name.
    pub name: String,
    /// Label `istio.io/rev`.
    pub revision: Option<String>,
    /// Whether it comes from an `IstioRevision` of the Sail operator.
    pub by_sail: bool,
    /// Environment variable `CLUSTER_ID`, if set.
    pub cluster_id: Option<String>,
    /// By the image's tag or the chart's label, if one of them is a version.
    pub version: Option<IstioVersion>,
    /// The ConfigMap in which it publishes its roots in every namespace that it selects (`PILOT_CA_CERT_CONFIGMAP`).
    pub trust_bundle: String,
    /// Whether its servers accept clients of every trust domain (`PILOT_SKIP_VALIDATE_TRUST_DOMAIN`).
    pub any_trust_domain: bool,
    /// Its mesh configuration; not known where it may not be read.
    pub settings: Known<MeshSettings>,
    /// The one namespace that it governs, if it was given one (`ISTIO_WATCH_NAMESPACE`).
    pub only_namespace: Option<String>,
}
