//! Who is a member of the mesh, under which name and in which network.

use std::collections::BTreeMap;

use mesh_shared::model::istio::NETWORK_LABEL;
use mesh_shared::model::kube::object::ObjectKey;
use mesh_shared::model::names::{ClusterName, MeshId, NetworkName};
use mesh_shared::model::seen::cluster::{ObservedCluster, ObservedResource};
use mesh_shared::plugin::error::{Error, Result};
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

/// The resource `Istio` that governs a namespace, where one does.
///
/// # Errors
/// A refusal where several do.
pub fn governing<'a>(observed: &'a ObservedCluster, namespace: &str) -> Result<Option<&'a ObservedResource>> {
    // The CRD's default of spec.namespace is istio-system.
    let governs = |istio: &&ObservedResource| istio.spec_text(&["namespace"]).unwrap_or("istio-system") == namespace;
    let found: Vec<&ObservedResource> = observed.istios.iter().filter(governs).collect();
    match found.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some(one)),
        several => Err(Error::refused(format!("{} resources Istio govern namespace {namespace}", several.len()))
            .at(format!("context {}", observed.context))
            .because(several.iter().map(|istio| istio.name.as_str()).collect::<Vec<_>>().join(", "))
            .fix("leave one of them; a join would not know which to extend")),
    }
}

pub(super) fn mesh_id(request: &JoinRequest, observed: &[ObservedCluster]) -> Result<MeshId> {
    let mut found: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for cluster in observed {
        if let Some(istio) = governing(cluster, &request.system_namespace)?
            && let Some(mesh) = istio.spec_text(&["values", "global", "meshID"])
        {
            found.entry(mesh.to_owned()).or_default().push(&cluster.context);
        }
    }
    if let Some(mesh) = &request.mesh {
        return Ok(mesh.clone());
    }
    match found.len() {
        0 => MeshId::new("mesh1"),
        1 => MeshId::new(found.into_keys().next().unwrap_or_default()),
        _ => Err(Error::refused("the control planes belong to different meshes")
            .because(
                found
                    .iter()
                    .map(|(mesh, contexts)| format!("{mesh}: {}", contexts.join(", ")))
                    .collect::<Vec<_>>()
                    .join("; "),
            )
            .fix("join clusters of one mesh, and clusters without a control plane")),
    }
}

pub(super) fn members(request: &JoinRequest, observed: &[ObservedCluster]) -> Result<Vec<Member>> {
    one_cluster_once(observed)?;
    let contexts: Vec<&str> = observed.iter().map(|cluster| cluster.context.as_str()).collect();
    if let Some(unknown) = request.cluster_names.keys().find(|context| !contexts.contains(&context.as_str())) {
        return Err(Error::usage(format!("--cluster-name names context {unknown:?}, which is not joined"))
            .because(format!("the contexts are {}", contexts.join(", ")))
            .meant(unknown, contexts)
            .fix("name one of these, or join that one too: --contexts"));
    }
    let mut members = Vec::new();
    for cluster in observed {
        let name = name(request, cluster)?;
        let network = network(request, cluster, &name)?;
        members.push(Member { context: cluster.context.clone(), name, network, uid: cluster.uid.clone() });
    }
    if let Some(unknown) =
        request.networks.keys().find(|name| !members.iter().any(|member| member.name.as_str() == *name))
    {
        return Err(not_joined("--network", unknown, members.iter().map(|member| &member.name)));
    }
    distinct(&members, "cluster name", |member| member.name.as_str(), "--cluster-name CONTEXT=NAME")?;
    distinct(&members, "network", |member| member.network.as_str(), "--network NAME=NETWORK")?;
    Ok(members)
}

/// The error of a flag that names a cluster which is none of these members.
pub fn not_joined<'a>(flag: &str, unknown: &str, members: impl Iterator<Item = &'a ClusterName>) -> Error {
    let names: Vec<&str> = members.map(ClusterName::as_str).collect();
    Error::usage(format!("{flag} names cluster {unknown:?}, which is not joined"))
        .because(format!("the clusters are {}", names.join(", ")))
        .meant(unknown, names)
        .fix("name one of these, or join that one too: --contexts")
}

/// The name of a cluster: what the user says, else what its control plane says, else the context's name made a label.
///
/// # Errors
/// Where several control planes govern the namespace, or no name can be made.
pub fn name(request: &JoinRequest, cluster: &ObservedCluster) -> Result<ClusterName> {
    if let Some(name) = request.cluster_names.get(&cluster.context) {
        return Ok(name.clone());
    }
    let standing = governing(cluster, &request.system_namespace)?
        .and_then(|istio| istio.spec_text(&["values", "global", "multiCluster", "clusterName"]));
    match standing {
        Some(name) => ClusterName::new(name),
        None => ClusterName::from_context(&cluster.context),
    }
}

fn network(request: &JoinRequest, cluster: &ObservedCluster, name: &ClusterName) -> Result<NetworkName> {
    let namespace = &request.system_namespace;
    let standing = governing(cluster, namespace)?
        .and_then(|istio| istio.spec_text(&["values", "global", "network"]))
        .or_else(|| {
            let object = cluster.objects.get(&ObjectKey::new("Namespace", "", namespace))?;
            object["metadata"]["labels"][NETWORK_LABEL].as_str()
        });
    match (request.networks.get(name.as_str()), standing) {
        (Some(wanted), Some(standing)) if wanted.as_str() != standing => {
            Err(Error::refused(format!("cluster {name} is in network {standing:?}, not in {wanted:?}"))
                .at(format!("context {}, namespace {namespace}", cluster.context))
                .because("workloads that run know their network already, and peers send traffic by it")
                .fix(format!("leave out --network {name}={wanted}")))
        }
        (Some(wanted), _) => Ok(wanted.clone()),
        (None, Some(standing)) => NetworkName::new(standing),
        (None, None) => Ok(NetworkName::of_cluster(name)),
    }
}

fn one_cluster_once(observed: &[ObservedCluster]) -> Result<()> {
    for (index, cluster) in observed.iter().enumerate() {
        if let Some(twin) = observed[..index].iter().find(|earlier| earlier.uid == cluster.uid) {
            return Err(Error::refused(format!("contexts {} and {} are one cluster", twin.context, cluster.context))
                .because(format!("namespace kube-system has the UID {} in both", cluster.uid))
                .fix("name each cluster by one context"));
        }
    }
    Ok(())
}

fn distinct<'a>(members: &'a [Member], what: &str, of: impl Fn(&'a Member) -> &'a str, flag: &str) -> Result<()> {
    for (index, member) in members.iter().enumerate() {
        if let Some(twin) = members[..index].iter().find(|earlier| of(earlier) == of(member)) {
            return Err(Error::refused(format!(
                "contexts {} and {} would have the same {what} {}",
                twin.context,
                member.context,
                of(member)
            ))
            .because("istiod would take one for the other")
            .fix(format!("tell them apart: {flag}")));
        }
    }
    Ok(())
}
