//! The namespaces that tests make and therefore may delete, on other people's clusters too.

/// Whether a namespace is one that tests make, and that therefore goes with them.
pub(crate) fn is_made_by_tests(namespace: &str) -> bool {
    ["istio-system", "istio-cni", "sample", "shop"].contains(&namespace) || namespace.starts_with("mesh-probe-")
}
