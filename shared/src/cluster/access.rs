//! What the user may do, asked before anything is done.

use futures::future::try_join_all;
use http::Method;
use serde::Serialize;
use serde_json::{Value, json};

use super::context::Cluster;
use super::request::Call;
use crate::error::Result;

/// One permission.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Access {
    /// Such as `patch`.
    pub verb: String,
    /// API group, empty for the core one.
    pub group: String,
    /// Plural, such as `secrets`.
    pub resource: String,
    /// Such as `exec`, mostly empty.
    pub subresource: String,
    /// Empty for what has no namespace.
    pub namespace: String,
}

impl Access {
    /// A permission for a resource, in a namespace or (where that is empty) cluster-wide.
    pub fn new(verb: &str, group: &str, resource: &str, namespace: &str) -> Self {
        Self {
            verb: verb.into(),
            group: group.into(),
            resource: resource.into(),
            subresource: String::new(),
            namespace: namespace.into(),
        }
    }

    /// The same for a subresource.
    #[must_use]
    pub fn subresource(mut self, subresource: &str) -> Self {
        self.subresource = subresource.into();
        self
    }

    fn review(&self) -> Value {
        json!({
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {
                "verb": self.verb,
                "group": self.group,
                "resource": self.resource,
                "subresource": self.subresource,
                "namespace": self.namespace,
            }},
        })
    }
}

impl std::fmt::Display for Access {
    /// `patch deployments.apps in istio-system`, `create pods/exec in mesh-probe`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.verb, self.resource)?;
        if !self.group.is_empty() {
            write!(f, ".{}", self.group)?;
        }
        if !self.subresource.is_empty() {
            write!(f, "/{}", self.subresource)?;
        }
        if self.namespace.is_empty() { Ok(()) } else { write!(f, " in {}", self.namespace) }
    }
}

/// Those of the permissions that the user does not have, each asked once by a `SelfSubjectAccessReview`.
///
/// # Errors
/// Where the API server does not answer the question.
pub async fn missing(cluster: &Cluster, wanted: &[Access]) -> Result<Vec<Access>> {
    let mut wanted = wanted.to_vec();
    wanted.sort();
    wanted.dedup();
    let allowed = try_join_all(wanted.iter().map(|access| is_allowed(cluster, access))).await?;
    Ok(wanted.into_iter().zip(allowed).filter(|(_, allowed)| !allowed).map(|(access, _)| access).collect())
}

async fn is_allowed(cluster: &Cluster, access: &Access) -> Result<bool> {
    let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    let call = Call::new(Method::POST, path.into()).with("application/json", &access.review());
    // A review changes nothing, so that it may be sent again like a read.
    let answer = cluster.must(call).await?;
    Ok(answer["status"]["allowed"].as_bool().unwrap_or(false))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permission_reads_as_kubectl_would_ask_for_it() {
        assert_eq!(
            Access::new("patch", "apps", "deployments", "istio-system").to_string(),
            "patch deployments.apps in istio-system"
        );
        assert_eq!(Access::new("create", "", "pods", "a").subresource("exec").to_string(), "create pods/exec in a");
        assert_eq!(Access::new("create", "", "namespaces", "").to_string(), "create namespaces");
    }
}
