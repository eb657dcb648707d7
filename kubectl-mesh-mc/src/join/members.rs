//! The members of the mesh, their names and their networks.

use std::collections::BTreeMap;

use mesh_shared::model::istio::NETWORK_LABEL;
use mesh_shared::model::kube::object_key::ObjectKey;
use mesh_shared::model::names::{ClusterName, MeshId, NetworkName};
use mesh_shared::model::seen::control_plane::ObservedResource;
use mesh_shared::model::seen::observed_cluster::ObservedCluster;
use mesh_shared::plugin::error::Error;
use mesh_shared::plugin::finding::codes::mesh as codes;
use mesh_shared::plugin::finding::{Code, Finding, Findings};
use serde::Serialize;

use super::request::JoinRequest;

/// A cluster as a member of the mesh.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Member {
    /// The kubeconfig's context.
    pub context: String,
    /// Its name in the mesh.
    pub name: ClusterName,
    /// Its network.
    pub network: NetworkName,
    /// UID of its kube-system namespace.
    pub uid: String,
}

/// A member and what was seen of its cluster.
pub(super) struct Joining<'a> {
    pub(super) member: Member,
    pub(super) seen: &'a ObservedCluster,
}

/// The resource `Istio` that governs a namespace, if any.
///
/// # Errors
/// A finding if several do.
pub fn governing<'a>(observed: &'a ObservedCluster, namespace: &str) -> Result<Option<&'a ObservedResource>, Finding> {
    // The CRD's default of spec.namespace is istio-system.
    let governs = |istio: &&ObservedResource| istio.spec_text(&["namespace"]).unwrap_or("istio-system") == namespace;
    let found: Vec<&ObservedResource> = observed.control_planes.istios.iter().filter(governs).collect();
    match found.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some(one)),
        several => Err(codes::SEVERAL_ISTIOS
            .found(format!("{} resources Istio govern namespace {namespace}", several.len()))
            .context(&observed.identity.context)
            .because(several.iter().map(|istio| istio.name.as_str()).collect::<Vec<_>>().join(", "))
            .fix("leave one of them; a join would not know which to extend")),
    }
}

/// The mesh id of a join: the user's, else that of the existing control planes, else `mesh1`.
///
/// # Errors
/// A finding if control planes of two meshes exist, or if the id is unknown or invalid.
pub fn mesh_id(request: &JoinRequest, observed: &[ObservedCluster]) -> Result<MeshId, Finding> {
    if let Some(mesh) = &request.mesh {
        return Ok(mesh.clone());
    }
    let mut found: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for cluster in observed {
        if let Some(istio) = governing(cluster, &request.system_namespace)?
            && let Some(mesh) = istio.spec_text(&["values", "global", "meshID"])
        {
            found.entry(mesh.to_owned()).or_default().push(&cluster.identity.context);
        }
    }
    if found.len() > 1 {
        let all: Vec<String> =
            found.iter().map(|(mesh, contexts)| format!("{mesh}: {}", contexts.join(", "))).collect();
        return Err(codes::IDS_DIFFER
            .found("the control planes belong to different meshes")
            .because(all.join("; "))
            .fix("join clusters of one mesh, and clusters without a control plane"));
    }
    let mesh = found.into_keys().next().unwrap_or_else(|| "mesh1".into());
    MeshId::new(mesh).map_err(|error| codes::ID_INVALID.of_error(error))
}

/// The clusters whose name and network are known, each once. These are all of them unless a finding refuses the join.
pub(super) fn members<'a>(
    request: &JoinRequest,
    observed: &'a [ObservedCluster],
    findings: &mut Findings,
) -> Vec<Joining<'a>> {
    let contexts: Vec<&str> = observed.iter().map(|cluster| cluster.identity.context.as_str()).collect();
    for unknown in request.cluster_names.keys().filter(|context| !contexts.contains(&context.as_str())) {
        let draft = Error::usage(format!("--cluster-name names context {unknown:?}, which is not joined"))
            .because(format!("the contexts are {}", contexts.join(", ")))
            .meant(unknown, contexts.iter().copied());
        findings
            .push(codes::UNKNOWN_CONTEXT.of_error(draft.fix("name one of these, or join that one too: --contexts")));
    }
    let mut joining = Vec::new();
    for (index, cluster) in observed.iter().enumerate() {
        if let Some(twin) = observed[..index].iter().find(|earlier| earlier.identity.uid == cluster.identity.uid) {
            findings.push(one_cluster_twice(twin, cluster));
            continue;
        }
        let Some(name) = findings.keep(name(request, cluster)) else { continue };
        let Some(network) = findings.keep(network(request, cluster, &name)) else { continue };
        let member =
            Member { context: cluster.identity.context.clone(), name, network, uid: cluster.identity.uid.clone() };
        joining.push(Joining { member, seen: cluster });
    }
    if joining.len() == observed.len() {
        let named = |flag: &str, names: &mut dyn Iterator<Item = &String>| {
            let unknown = names.filter(|name| !joining.iter().any(|one| one.member.name.as_str() == *name));
            unknown.map(|name| not_joined(flag, name, &joining)).collect::<Vec<Finding>>()
        };
        findings.extend(named("--network", &mut request.networks.keys()));
        findings.extend(named("--api-server", &mut request.api_servers.keys()));
    }
    let twins =
        distinct(&joining, &codes::NAME_TAKEN, "cluster name", |one| one.name.as_str(), "--cluster-name CONTEXT=NAME");
    // A network that is not given is named after its cluster.
    if twins.is_empty() {
        findings.extend(distinct(
            &joining,
            &codes::NETWORK_TAKEN,
            "network",
            |one| one.network.as_str(),
            "--network NAME=NETWORK",
        ));
    }
    findings.extend(twins);
    joining
}

/// The finding for a flag that names a cluster that is not joined.
fn not_joined(flag: &str, unknown: &str, joining: &[Joining<'_>]) -> Finding {
    let names: Vec<&str> = joining.iter().map(|one| one.member.name.as_str()).collect();
    let draft = Error::usage(format!("{flag} names cluster {unknown:?}, which is not joined"))
        .because(format!("the clusters are {}", names.join(", ")))
        .meant(unknown, names);
    codes::UNKNOWN_CLUSTER.of_error(draft.fix("name one of these, or join that one too: --contexts"))
}

/// The name of a cluster: the user's, else its control plane's, else the context's name made a DNS label.
///
/// # Errors
/// A finding if several control planes govern the namespace, or no name can be made.
pub fn name(request: &JoinRequest, cluster: &ObservedCluster) -> Result<ClusterName, Finding> {
    if let Some(name) = request.cluster_names.get(&cluster.identity.context) {
        return Ok(name.clone());
    }
    let standing = governing(cluster, &request.system_namespace)?
        .and_then(|istio| istio.spec_text(&["values", "global", "multiCluster", "clusterName"]));
    let name = match standing {
        Some(name) => ClusterName::new(name),
        None => ClusterName::from_context(&cluster.identity.context),
    };
    name.map_err(|error| codes::NAME_INVALID.of_error(error))
}

fn network(request: &JoinRequest, cluster: &ObservedCluster, name: &ClusterName) -> Result<NetworkName, Finding> {
    let namespace = &request.system_namespace;
    let by_values = governing(cluster, namespace)?.and_then(|istio| istio.spec_text(&["values", "global", "network"]));
    let object = cluster.objects.get(&ObjectKey::new("Namespace", "", namespace));
    let by_label = object.and_then(|object| object["metadata"]["labels"][NETWORK_LABEL].as_str());
    if let (Some(values), Some(label)) = (by_values, by_label)
        && values != label
    {
        return Err(network_ambiguous(cluster, name, namespace, (values, label)));
    }
    let standing = by_values.or(by_label);
    match (request.networks.get(name.as_str()), standing) {
        (Some(wanted), Some(standing)) if wanted.as_str() != standing => Err(codes::NETWORK_DIFFERS
            .found(format!("cluster {name} is in network {standing:?}, not in \"{wanted}\""))
            .cluster(name)
            .context(&cluster.identity.context)
            .object(format!("namespace {namespace}"))
            .because("running workloads already know their network, and peers route traffic by it")
            .fix(format!("leave out --network {name}={wanted}"))),
        (Some(wanted), _) => Ok(wanted.clone()),
        (None, Some(standing)) => NetworkName::new(standing).map_err(|error| {
            codes::NETWORK_INVALID.of_error(error.at(format!("context {}", cluster.identity.context)))
        }),
        (None, None) => Ok(NetworkName::of_cluster(name)),
    }
}

/// istiod takes the label as the network of what has none of its own, and gives the value to sidecars (istio/istio
/// pilot/pkg/serviceregistry/kube/controller/network.go, `setNetworkFromNamespace`).
fn network_ambiguous(
    cluster: &ObservedCluster,
    name: &ClusterName,
    namespace: &str,
    (values, label): (&str, &str),
) -> Finding {
    let context = &cluster.identity.context;
    codes::NETWORK_AMBIGUOUS
        .found(format!(
            "cluster {name} is in network {values:?} by its control plane and in {label:?} by its namespace"
        ))
        .cluster(name)
        .context(context)
        .object(format!("Namespace {namespace}"))
        .field(format!(".metadata.labels.{NETWORK_LABEL}"))
        .because("peers would route traffic by one of them and its own workloads by the other")
        .fix("if the control plane is right:")
        .fix(format!("kubectl --context {context} label namespace {namespace} {NETWORK_LABEL}={values} --overwrite"))
        .fix("else set values.global.network of its Istio, and restart its workloads")
}

fn one_cluster_twice(twin: &ObservedCluster, cluster: &ObservedCluster) -> Finding {
    codes::ONE_CLUSTER_TWICE
        .found(format!("contexts {} and {} are one cluster", twin.identity.context, cluster.identity.context))
        .because(format!("namespace kube-system has the UID {} in both", cluster.identity.uid))
        .fix("name each cluster by one context")
}

fn distinct<'a>(
    joining: &'a [Joining<'_>],
    code: &'static Code,
    what: &str,
    of: impl Fn(&'a Member) -> &'a str,
    flag: &str,
) -> Vec<Finding> {
    let mut found = Vec::new();
    for (index, Joining { member, .. }) in joining.iter().enumerate() {
        if let Some(twin) = joining[..index].iter().find(|earlier| of(&earlier.member) == of(member)) {
            let (one, other) = (&twin.member.context, &member.context);
            found.push(
                code.found(format!("contexts {one} and {other} would have the same {what} {}", of(member)))
                    .because("istiod would take one for the other")
                    .fix(format!("give them different names: {flag}")),
            );
        }
    }
    found
}
