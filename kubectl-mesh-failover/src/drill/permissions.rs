//! What a drill's user must be allowed to do. docs/drills.md lists the same.

use mesh_shared::cluster::access::Access;

use super::experiment::{Experiment, Fault};

/// The lock, in every cluster of the mesh.
pub fn locking(system_namespace: &str) -> Vec<Access> {
    let verbs = ["get", "create", "patch", "delete"];
    verbs.map(|verb| Access::new(verb, "coordination.k8s.io", "leases", system_namespace)).into()
}

/// The record and the fault, in the cluster that is failed.
pub fn failing(experiment: &Experiment) -> Vec<Access> {
    let namespace = experiment.service.namespace.as_str();
    let record = ["get", "create", "delete"].map(|verb| Access::new(verb, "", "configmaps", namespace));
    let mut all: Vec<Access> = record.into();
    match experiment.fault {
        Fault::ScaleToZero => all.extend(experiment.workloads.iter().flat_map(|workload| {
            let resource = if workload.starts_with("StatefulSet") { "statefulsets" } else { "deployments" };
            let of = |verb| Access::new(verb, "apps", resource, namespace);
            [of("get"), of("get").subresource("scale"), of("patch").subresource("scale")]
        })),
        Fault::UpstreamErrors { .. } => all.extend(
            ["get", "create", "delete"].map(|verb| Access::new(verb, "networking.istio.io", "envoyfilters", namespace)),
        ),
    }
    all
}

/// The requests and the counters, in the client's cluster.
pub fn asking(namespace: &str) -> Vec<Access> {
    let pods = |subresource| Access::new("create", "", "pods", namespace).subresource(subresource);
    vec![pods("exec"), pods("portforward")]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drill::measure::tests::stream;

    fn said(fault: Fault) -> Vec<String> {
        failing(&stream::experiment(fault)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn scaling_needs_the_scale_alone() {
        let all = said(Fault::ScaleToZero);
        assert!(all.contains(&"patch deployments.apps/scale in sample".to_owned()), "{all:?}");
        assert!(!all.iter().any(|access| access == "patch deployments.apps in sample"), "{all:?}");
    }

    #[test]
    fn errors_need_no_right_to_scale() {
        let all = said(Fault::UpstreamErrors { percent: 100 });
        assert!(all.contains(&"create envoyfilters.networking.istio.io in sample".to_owned()), "{all:?}");
        assert!(!all.iter().any(|access| access.contains("scale")), "{all:?}");
    }
}
