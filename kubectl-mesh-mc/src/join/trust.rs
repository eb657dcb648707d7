//! Which root the mesh has, and which clusters still need an intermediate of it.

use std::collections::BTreeSet;

use mesh_shared::machine::ca_folder::CaFolderState;
use mesh_shared::model::names::{ClusterName, MeshId};
use mesh_shared::model::pki::chain::Fingerprint;
use mesh_shared::model::seen::cluster::ObservedCluster;
use mesh_shared::model::seen::trust::TrustRoot;
use mesh_shared::plugin::error::{Error, Result};
use serde::Serialize;

use super::members::Member;
use super::request::JoinRequest;

/// Where the root comes from and who needs an intermediate.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrustPlan {
    /// Where the root comes from.
    pub root: RootSource,
    /// Clusters without `cacerts`, in the order of the members.
    pub issue: Vec<ClusterName>,
    /// Those of them whose intermediate the CA folder keeps already.
    pub kept: Vec<ClusterName>,
    /// The CA folder, as the plan shows it.
    pub folder: String,
}

/// Where the root comes from.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "from", rename_all = "kebab-case")]
pub enum RootSource {
    /// Every cluster has its intermediate already.
    Clusters {
        /// Of the root that they share.
        root: Fingerprint,
    },
    /// The CA folder holds it with its key.
    Folder {
        /// Of the root.
        root: Fingerprint,
    },
    /// There is none yet.
    New,
}

/// The root that the mesh will have: the one its clusters share, else the CA folder's, else a new one.
///
/// # Errors
/// Refusals: clusters trust different roots; a cluster's root is not from `cacerts`, so that it can not be shared; `cacerts`
/// is unusable; a root in use whose key is not in the CA folder while a cluster needs an intermediate; a CA folder that is
/// broken or signed only for clusters of another mesh.
///
/// Rule: istiod takes its root from `cacerts` where that Secret stands (istio/istio pilot/pkg/bootstrap/istio_ca.go).
pub(super) fn trust(
    request: &JoinRequest,
    mesh: &MeshId,
    members: &[Member],
    observed: &[ObservedCluster],
    folder: &CaFolderState,
) -> Result<TrustPlan> {
    let namespace = &request.system_namespace;
    for (member, cluster) in members.iter().zip(observed) {
        usable(member, &cluster.trust, namespace)?;
    }
    let in_use = shared_root(members, observed, namespace)?;
    let issue: Vec<ClusterName> = members
        .iter()
        .zip(observed)
        .filter(|(_, cluster)| !cluster.has_cacerts)
        .map(|(member, _)| member.name.clone())
        .collect();
    let shown = folder.path.display().to_string();
    if issue.is_empty() {
        let Some(root) = in_use else {
            return Err(Error::failed("every cluster has cacerts and none has a root").report());
        };
        return Ok(TrustPlan { root: RootSource::Clusters { root }, issue, kept: Vec::new(), folder: shown });
    }
    folder.refuse_faults()?;
    let uids: BTreeSet<&str> = members.iter().map(|member| member.uid.as_str()).collect();
    folder.refuse_foreign(mesh, &uids)?;
    let kept = folder.root.as_ref().filter(|root| root.has_key).map(|root| root.fingerprint);
    let root = match (in_use, kept) {
        (Some(used), Some(kept)) if used == kept => RootSource::Folder { root: used },
        (Some(used), kept) => {
            let why = kept.map_or_else(
                || format!("CA folder {shown} holds no root key"),
                |kept| format!("CA folder {shown} holds the key of another root, {kept}"),
            );
            return Err(Error::refused(format!("the key of root {used}, which is in use, is not here"))
                .at(issue
                    .iter()
                    .map(|name| format!("cluster {name} needs an intermediate"))
                    .collect::<Vec<_>>()
                    .join(", "))
                .because(why)
                .fix("name the folder in which that root is kept: --ca-dir DIR"));
        }
        (None, Some(kept)) => RootSource::Folder { root: kept },
        (None, None) if folder.root.is_some() => {
            return Err(Error::refused("the CA folder holds a root without its key")
                .at(shown)
                .because("nothing can be signed by it, and a second root beside it would be taken for it")
                .fix("put its root-key.pem back, or name another folder: --ca-dir DIR"));
        }
        (None, None) => RootSource::New,
    };
    let kept = issue.iter().filter(|name| folder.intermediates.contains_key(name)).cloned().collect();
    Ok(TrustPlan { root, issue, kept, folder: shown })
}

fn usable(member: &Member, trust: &TrustRoot, namespace: &str) -> Result<()> {
    match trust {
        TrustRoot::None | TrustRoot::Cacerts { .. } => Ok(()),
        TrustRoot::Unusable { fault } => {
            Err(Error::refused(format!("the certificates of {} can not be used", member.name))
                .at(format!("Secret {namespace}/cacerts, context {}", member.context))
                .because(fault.clone())
                .fix("mend or remove that Secret; a join never changes one that stands"))
        }
        TrustRoot::SelfSigned { root } | TrustRoot::Published { root } => Err(Error::refused(format!(
            "{} trusts root {root}, which nothing here can sign by",
            member.name
        ))
        .at(format!("context {}, namespace {namespace}", member.context))
        .because(match trust {
            TrustRoot::SelfSigned { .. } => "istiod made that root for itself, and other clusters can not share it",
            _ => "only ConfigMap istio-ca-root-cert tells it: another issuer, such as istio-csr, signs here",
        })
        .fix(
            "adopting such a control plane is not supported yet; join clusters without one, or with the Secret cacerts",
        )),
    }
}

fn shared_root(members: &[Member], observed: &[ObservedCluster], namespace: &str) -> Result<Option<Fingerprint>> {
    let roots: Vec<(&ClusterName, &Fingerprint)> = members
        .iter()
        .zip(observed)
        .filter_map(|(member, cluster)| Some((&member.name, cluster.trust.fingerprint()?)))
        .collect();
    let Some((_, first)) = roots.first() else { return Ok(None) };
    if roots.iter().all(|(_, root)| root == first) {
        return Ok(Some(**first));
    }
    let all: Vec<String> = roots.iter().map(|(name, root)| format!("{name} {root}")).collect();
    Err(Error::refused(format!("clusters trust different roots: {}", all.join(", ")))
        .at(format!("Secret cacerts in {namespace}"))
        .because("workloads of one would refuse the other's certificates")
        .fix("join only clusters of one root, or remove the control plane and cacerts of those that should take the other's"))
}
