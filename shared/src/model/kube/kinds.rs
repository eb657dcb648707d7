//! The path of every kind that we read or write. A fixed table instead of discovery: it costs no request, and a cluster
//! cannot mislead it.

use serde_json::Value;

use crate::model::kube::object_key::ObjectKey;
use crate::plugin::error::{Error, Result};

/// Kind, API version (for custom kinds the default one), plural, and whether it is namespaced.
const KINDS: &[(&str, &str, &str, bool)] = &[
    ("Namespace", "v1", "namespaces", false),
    ("Node", "v1", "nodes", false),
    ("Pod", "v1", "pods", true),
    ("Service", "v1", "services", true),
    ("ServiceAccount", "v1", "serviceaccounts", true),
    ("Secret", "v1", "secrets", true),
    ("ConfigMap", "v1", "configmaps", true),
    ("Event", "v1", "events", true),
    ("Deployment", "apps/v1", "deployments", true),
    ("DaemonSet", "apps/v1", "daemonsets", true),
    ("StatefulSet", "apps/v1", "statefulsets", true),
    ("ReplicaSet", "apps/v1", "replicasets", true),
    ("Role", "rbac.authorization.k8s.io/v1", "roles", true),
    ("RoleBinding", "rbac.authorization.k8s.io/v1", "rolebindings", true),
    ("ClusterRole", "rbac.authorization.k8s.io/v1", "clusterroles", false),
    ("ClusterRoleBinding", "rbac.authorization.k8s.io/v1", "clusterrolebindings", false),
    ("HorizontalPodAutoscaler", "autoscaling/v2", "horizontalpodautoscalers", true),
    ("PodDisruptionBudget", "policy/v1", "poddisruptionbudgets", true),
    ("EndpointSlice", "discovery.k8s.io/v1", "endpointslices", true),
    ("Lease", "coordination.k8s.io/v1", "leases", true),
    ("CustomResourceDefinition", "apiextensions.k8s.io/v1", "customresourcedefinitions", false),
    ("Gateway", "networking.istio.io/v1", "gateways", true),
    ("DestinationRule", "networking.istio.io/v1", "destinationrules", true),
    ("PeerAuthentication", "security.istio.io/v1", "peerauthentications", true),
    ("EnvoyFilter", "networking.istio.io/v1alpha3", "envoyfilters", true),
    ("Istio", "sailoperator.io/v1", "istios", false),
    ("IstioCNI", "sailoperator.io/v1", "istiocnis", false),
    ("IstioRevision", "sailoperator.io/v1", "istiorevisions", false),
    ("IstioRevisionTag", "sailoperator.io/v1", "istiorevisiontags", false),
    ("SelfSubjectAccessReview", "authorization.k8s.io/v1", "selfsubjectaccessreviews", false),
];

/// One object of a cluster: its API version and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Such as `apps/v1`.
    pub api_version: String,
    /// Kind, namespace and name.
    pub key: ObjectKey,
}

impl Target {
    /// An object of a kind in the table, at the table's API version.
    ///
    /// # Errors
    /// If the kind is not in the table.
    pub fn new(kind: &str, namespace: &str, name: &str) -> Result<Self> {
        let (_, api_version, ..) = row(kind)?;
        Ok(Self { api_version: (*api_version).to_owned(), key: ObjectKey::new(kind, namespace, name) })
    }

    /// The same object at another API version, such as `sailoperator.io/v1alpha1`.
    #[must_use]
    pub fn at(mut self, api_version: impl Into<String>) -> Self {
        self.api_version = api_version.into();
        self
    }

    /// The object that a manifest describes.
    pub fn of(manifest: &Value) -> Self {
        Self {
            api_version: manifest["apiVersion"].as_str().unwrap_or_default().to_owned(),
            key: ObjectKey::of(manifest),
        }
    }

    /// The path of the object itself.
    ///
    /// # Errors
    /// If the kind is not in the table, or a name is not valid in a path.
    pub fn path(&self) -> Result<String> {
        in_path(&self.key.name)?;
        Ok(format!("{}/{}", self.collection()?, self.key.name))
    }

    /// The path of the collection that the object is created in.
    ///
    /// # Errors
    /// As [`Target::path`].
    pub fn collection(&self) -> Result<String> {
        let (_, _, plural, namespaced) = row(&self.key.kind)?;
        if !namespaced {
            return Ok(format!("{}/{plural}", root(&self.api_version)));
        }
        if self.key.namespace.is_empty() {
            return Err(Error::failed(format!("{} has no namespace", self.key)).report());
        }
        in_path(&self.key.namespace)?;
        Ok(format!("{}/namespaces/{}/{plural}", root(&self.api_version), self.key.namespace))
    }

    /// API group, empty for the core one.
    pub fn group(&self) -> &str {
        self.api_version.split_once('/').map_or("", |(group, _)| group)
    }

    /// Plural of the kind, as a permission names it; the kind itself if it is not in the table.
    pub fn resource(&self) -> &str {
        row(&self.key.kind).map_or(self.key.kind.as_str(), |(_, _, plural, _)| plural)
    }
}

/// API version of a kind, and the path of its objects in a namespace, or in all of them if `namespace` is empty.
///
/// # Errors
/// If the kind is not in the table, or the namespace is not valid in a path.
pub(crate) fn list_path(kind: &str, namespace: &str) -> Result<(&'static str, String)> {
    let (_, api_version, plural, _) = row(kind)?;
    if namespace.is_empty() {
        return Ok((api_version, format!("{}/{plural}", root(api_version))));
    }
    in_path(namespace)?;
    Ok((api_version, format!("{}/namespaces/{namespace}/{plural}", root(api_version))))
}

/// `/api/v1` or `/apis/<group>/<version>`.
fn root(api_version: &str) -> String {
    if api_version.contains('/') { format!("/apis/{api_version}") } else { format!("/api/{api_version}") }
}

fn row(kind: &str) -> Result<&'static (&'static str, &'static str, &'static str, bool)> {
    KINDS
        .iter()
        .find(|(name, ..)| *name == kind)
        .ok_or_else(|| Error::failed(format!("kind {kind:?} is not known to this program")).report())
}

/// Names from a cluster become path segments: a name that could escape its segment is refused.
pub(crate) fn in_path(name: &str) -> Result<()> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | ':');
    if name.is_empty() || name == "." || name == ".." || !name.chars().all(fits) {
        return Err(Error::failed(format!("{name:?} cannot be the name of an object"))
            .fix("use only what Kubernetes allows: letters, digits, '-' and '.'"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(kind: &str, namespace: &str, name: &str) -> String {
        Target::new(kind, namespace, name).and_then(|target| target.path()).unwrap()
    }

    #[test]
    fn core_grouped_and_cluster_wide_kinds_have_their_paths() {
        assert_eq!(path("Secret", "istio-system", "cacerts"), "/api/v1/namespaces/istio-system/secrets/cacerts");
        assert_eq!(path("Deployment", "a", "b"), "/apis/apps/v1/namespaces/a/deployments/b");
        assert_eq!(path("Namespace", "", "istio-cni"), "/api/v1/namespaces/istio-cni");
    }

    #[test]
    fn a_manifest_says_its_own_version() {
        let manifest = serde_json::json!({"apiVersion": "sailoperator.io/v1alpha1", "kind": "Istio", "metadata": {"name": "default"}});
        assert_eq!(Target::of(&manifest).path().unwrap(), "/apis/sailoperator.io/v1alpha1/istios/default");
    }

    #[test]
    fn a_name_never_leaves_its_place_in_the_path() {
        for name in ["../x", "a/b", "a?b", "", "..", "a b", "a%2fb"] {
            assert!(Target::new("Secret", "ns", name).and_then(|t| t.path()).is_err(), "{name}");
        }
    }

    #[test]
    fn a_list_is_of_one_namespace_or_of_all() {
        assert_eq!(list_path("Pod", "sample").unwrap(), ("v1", "/api/v1/namespaces/sample/pods".into()));
        assert_eq!(list_path("Gateway", "").unwrap().1, "/apis/networking.istio.io/v1/gateways");
        assert!(list_path("Pod", "../x").is_err());
    }

    #[test]
    fn a_namespaced_object_without_namespace_is_refused() {
        assert!(Target::new("Secret", "", "x").and_then(|t| t.path()).is_err());
    }
}
