//! The operator and the control planes.

use crate::plugin::finding::{Code, Verb};

const JOIN: &[Verb] = &[Verb::Join];

codes! {
    NO_OPERATOR = Code::error("control-plane/no-operator", JOIN)
        .means("A cluster does not have the Sail operator.")
        .fix("Install it with OLM or Helm.");
    RESERVED_VALUE = Code::error("control-plane/reserved-value", JOIN)
        .means("A value for Istio is one that the join sets itself.")
        .fix("Leave it out, or use the flag for it: --mesh-id, --network or --cluster-name.");
    UNKNOWN_VERSION = Code::error("control-plane/unknown-version", JOIN)
        .means("The operator of a cluster does not know the version of --istio-version.")
        .fix("Choose one that it has, or leave the flag out for the operator's default.");
    DOES_NOT_FIT = Code::error("control-plane/does-not-fit", JOIN)
        .means("A control plane that exists has other values than the mesh needs. A join never changes one.")
        .fix("Change that Istio resource yourself, or leave out the flag that wants another value.");
    CNI_VERSION_DIFFERS = Code::error("control-plane/cni-version-differs", JOIN)
        .means("The IstioCNI of a cluster is at another version than --istio-version. A join does not upgrade.")
        .fix("Leave the flag out, or name the version that runs.");
    OTHER_NAMESPACE = Code::error("control-plane/other-namespace", JOIN)
        .means("The Istio resource of the name that a join would use governs another namespace.")
        .fix("Join another cluster: a control plane in another namespace is not supported yet.");
    NOT_BY_OPERATOR = Code::error("control-plane/not-by-operator", JOIN)
        .means("An istiod that the Sail operator did not make runs in the namespace of the control plane.")
        .fix("Remove it, or join another cluster: adopting it is not supported yet.");
    OVERLAPS = Code::error("control-plane/overlaps", JOIN)
        .means("Another control plane of the cluster writes its root into the same namespaces as the one that the join would create.")
        .fix("Give both discoverySelectors that never select the same namespace, or the new one a trustBundleName of its own.");
    SHARES_NAMESPACES = Code::warning("control-plane/shares-namespaces")
        .means("Two control planes of a cluster write their roots into the same namespaces and overwrite each other for ever.")
        .fix("Give both discoverySelectors that never select the same namespace.");
    SELECTORS_MISS_OWN_NAMESPACE = Code::error("control-plane/selectors-miss-own-namespace", JOIN)
        .means("The discoverySelectors of a new control plane leave out its own namespace: istiod would not publish its root there.")
        .fix("Create that namespace with a label that they select, or select it by its name.");
    VERSIONS_APART = Code::warning("control-plane/versions-apart")
        .means("The control planes of the mesh are more than one minor version apart, which Istio does not support for long.")
        .fix("Upgrade the older ones, one minor version after the other.");
    AMBIENT = Code::warning("control-plane/ambient")
        .means("A control plane is in ambient mode. Pods without a sidecar are not reached from other clusters by the gateway of a join.")
        .fix("Give the pods that other clusters should reach a sidecar.");
    ANOTHER_ISTIOD = Code::note("control-plane/another-istiod")
        .means("An istiod that the Sail operator did not make runs in another namespace. It stays as it is.");
    DRY_RUN_FAILED = Code::error("control-plane/dry-run-failed", JOIN)
        .means("The API server did not take a dry run of an Istio or IstioCNI resource that the join would create.")
        .fix("Correct the value that it names: --set, --set-string or --values.");
}
