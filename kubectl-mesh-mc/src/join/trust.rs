//! Which root the mesh has, and which clusters still need an intermediate of it.

use std::collections::BTreeSet;

use mesh_shared::model::names::{ClusterName, MeshId};
use mesh_shared::model::pki::chain::Fingerprint;
use mesh_shared::model::seen::trust::TrustRoot;
use mesh_shared::plugin::finding::codes::trust as codes;
use mesh_shared::plugin::finding::{Finding, Findings};
use serde::Serialize;

use super::members::{Joining, Member};
use super::request::JoinRequest;
use crate::keep::ca_folder::CaFolderState;

/// Where the root comes from and which clusters need an intermediate.
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
        /// Fingerprint of the root that they share.
        root: Fingerprint,
    },
    /// The CA folder holds it with its key.
    Folder {
        /// Fingerprint of the root.
        root: Fingerprint,
    },
    /// There is none yet.
    New,
}

/// The root that the mesh will have: the one its clusters share, else the CA folder's, else a new one. None if a
/// finding refuses the join, or a cluster or the folder is unknown.
///
/// Findings: clusters trust different roots; a cluster's root is not from `cacerts`, so it cannot be shared; `cacerts`
/// is unusable; a cluster needs an intermediate of the root in use, whose key is not in the CA folder; the CA folder is
/// broken or has signed only for clusters of another mesh.
///
/// Rule: istiod takes its root from `cacerts` if that Secret exists (istio/istio pilot/pkg/bootstrap/istio_ca.go).
pub(super) fn trust(
    request: &JoinRequest,
    mesh: Option<&MeshId>,
    joining: &[Joining<'_>],
    folder: Option<&CaFolderState>,
    findings: &mut Findings,
) -> Option<TrustPlan> {
    let namespace = &request.system_namespace;
    // A cluster with an unusable root is not judged any further.
    let mut good = Vec::new();
    for one in joining {
        match unusable(&one.member, &one.seen.trust.root, namespace) {
            Some(finding) => findings.push(finding),
            None => good.push(one),
        }
    }
    let in_use = findings.keep(shared_root(&good, namespace));
    let issue: Vec<ClusterName> =
        good.iter().filter(|one| !one.seen.trust.has_cacerts).map(|one| one.member.name.clone()).collect();
    let folder = folder?;
    let shown = folder.path.display().to_string();
    if issue.is_empty() {
        return Some(TrustPlan {
            root: RootSource::Clusters { root: in_use?? },
            issue,
            kept: Vec::new(),
            folder: shown,
        });
    }
    if let Some(fault) = folder.unusable() {
        findings.push(fault);
        return None;
    }
    let uids: BTreeSet<&str> = joining.iter().map(|one| one.member.uid.as_str()).collect();
    findings.extend(mesh.and_then(|mesh| folder.foreign(mesh, &uids)));
    let root = findings.keep(root(in_use?, folder, &shown, &issue))?;
    let kept = issue.iter().filter(|name| folder.intermediates.contains_key(name)).cloned().collect();
    Some(TrustPlan { root, issue, kept, folder: shown })
}

/// Where the root of new intermediates comes from.
fn root(
    in_use: Option<Fingerprint>,
    folder: &CaFolderState,
    shown: &str,
    issue: &[ClusterName],
) -> Result<RootSource, Finding> {
    let kept = folder.root.as_ref().filter(|root| root.has_key).map(|root| root.fingerprint);
    match (in_use, kept) {
        (Some(used), Some(kept)) if used == kept => Ok(RootSource::Folder { root: used }),
        (Some(used), kept) => {
            let why = kept.map_or_else(
                || format!("CA folder {shown} holds no root key"),
                |kept| format!("CA folder {shown} holds the key of another root, {kept}"),
            );
            let needing: Vec<String> =
                issue.iter().map(|name| format!("cluster {name} needs an intermediate")).collect();
            Err(codes::KEY_ELSEWHERE
                .found(format!("the key of root {used}, which is in use, is not here"))
                .place(needing.join(", "))
                .because(why)
                .fix("name the folder that keeps that root: --ca-dir DIR"))
        }
        (None, Some(kept)) => Ok(RootSource::Folder { root: kept }),
        (None, None) if folder.root.is_some() => Err(codes::KEY_MISSING
            .found("the CA folder holds a root without its key")
            .place(shown)
            .because("nothing can be signed with it, and a second root beside it would be taken for it")
            .fix("put its root-key.pem back, or name another folder: --ca-dir DIR")),
        (None, None) => Ok(RootSource::New),
    }
}

fn unusable(member: &Member, trust: &TrustRoot, namespace: &str) -> Option<Finding> {
    let (code, root, why) = match trust {
        TrustRoot::None | TrustRoot::Cacerts { .. } => return None,
        TrustRoot::Unusable { fault } => {
            return Some(
                codes::CACERTS_UNUSABLE
                    .found(format!("the certificates of {} cannot be used", member.name))
                    .cluster(&member.name)
                    .context(&member.context)
                    .object(format!("Secret {namespace}/cacerts"))
                    .because(fault.clone())
                    .fix("correct or remove that Secret; a join never changes one that exists"),
            );
        }
        TrustRoot::SelfSigned { root } => {
            (&codes::SELF_SIGNED, root, "istiod made that root for itself, and other clusters cannot share it")
        }
        TrustRoot::Published { root } => (
            &codes::OTHER_ISSUER,
            root,
            "only ConfigMap istio-ca-root-cert holds it: another issuer, such as istio-csr, signs here",
        ),
    };
    let found = code
        .found(format!("{} trusts root {root}, which nothing here can sign with", member.name))
        .cluster(&member.name)
        .context(&member.context)
        .object(format!("namespace {namespace}"))
        .because(why);
    Some(found.fix(
        "adopting such a control plane is not supported yet; join clusters without one, or with the Secret cacerts",
    ))
}

fn shared_root(joining: &[&Joining<'_>], namespace: &str) -> Result<Option<Fingerprint>, Finding> {
    let roots: Vec<(&ClusterName, &Fingerprint)> =
        joining.iter().filter_map(|one| Some((&one.member.name, one.seen.trust.root.fingerprint()?))).collect();
    let Some((_, first)) = roots.first() else { return Ok(None) };
    if roots.iter().all(|(_, root)| root == first) {
        return Ok(Some(**first));
    }
    let all: Vec<String> = roots.iter().map(|(name, root)| format!("{name} {root}")).collect();
    Err(codes::ROOTS_DIFFER
        .found(format!("clusters trust different roots: {}", all.join(", ")))
        .place(format!("Secret cacerts in {namespace}"))
        .because("workloads of one would refuse the other's certificates")
        .fix("join only clusters of one root, or remove the control plane and cacerts of those that should take the other's"))
}

/// Whether a new root would be kept where nobody looks, such as the home folder of a container that goes away: without
/// its key no further cluster can join. `asks` says whether somebody is at a terminal.
pub(super) fn kept_nowhere(trust: &TrustPlan, ca_folder_given: bool, asks: bool) -> Option<Finding> {
    let nowhere = matches!(trust.root, RootSource::New) && !ca_folder_given && !asks;
    nowhere.then(|| {
        codes::ROOT_KEPT_NOWHERE
            .found("a new root needs a folder that keeps its key")
            .place(trust.folder.clone())
            .because("no terminal and no --ca-dir: by default its key is kept in the home folder of this user")
            .fix("name a folder on a disk that stays, since the next cluster needs the key: --ca-dir DIR")
    })
}
