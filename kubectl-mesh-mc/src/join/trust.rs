//! Which root the mesh has, and which clusters still need an intermediate of it.

mod acceptance;
mod in_use;

use std::collections::BTreeSet;

use mesh_shared::model::names::{ClusterName, MeshId};
use mesh_shared::model::pki::chain::{Certificate, Fingerprint};
use mesh_shared::plugin::finding::codes::trust as codes;
use mesh_shared::plugin::finding::{Finding, Findings};
use serde::Serialize;

use super::members::Joining;
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
    /// The roots that members trust already, each once: a new `cacerts` trusts them beside the root that signs it.
    pub bundle: Vec<Certificate>,
}

/// Where the root comes from.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "from", rename_all = "kebab-case")]
pub enum RootSource {
    /// Every cluster has its intermediate already.
    Clusters {
        /// Fingerprints of the roots that they trust, more than one while a root is replaced.
        roots: Vec<Fingerprint>,
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
/// Findings: a cluster's root is not from `cacerts`, so it cannot be shared; `cacerts` is unusable, or is not what istiod
/// publishes; a cluster does not accept what another signs; a cluster needs an intermediate of the root in use, whose key
/// is not in the CA folder; the CA folder is broken or has signed only for clusters of another mesh.
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
        findings.extend(in_use::skipped(one, namespace));
        findings.extend(in_use::ends_soon(one, namespace));
        match in_use::unusable(one, namespace).or_else(|| in_use::not_published(one, namespace)) {
            Some(finding) => findings.push(finding),
            None => good.push(one),
        }
    }
    let refused = acceptance::accepted(&good, namespace);
    let accepted = refused.is_empty();
    findings.extend(refused);
    let needs_one = |one: &&&Joining<'_>| one.seen.trust.cacerts.is_none();
    let issue: Vec<ClusterName> = good.iter().filter(needs_one).map(|one| one.member.name.clone()).collect();
    let folder = folder?;
    let shown = folder.path.display().to_string();
    let bundle = union(&good);
    if issue.is_empty() {
        let roots = bundle.iter().map(|root| root.fingerprint).collect();
        let root = RootSource::Clusters { roots };
        return accepted.then_some(TrustPlan { root, issue, kept: Vec::new(), folder: shown, bundle });
    }
    if let Some(fault) = folder.unusable() {
        findings.push(fault);
        return None;
    }
    let uids: BTreeSet<&str> = joining.iter().map(|one| one.member.uid.as_str()).collect();
    findings.extend(mesh.and_then(|mesh| folder.foreign(mesh, &uids)));
    if !accepted {
        return None;
    }
    let root = findings.keep(root(&trusted_by_all(&good, &bundle), &bundle, folder, &shown, &issue))?;
    let kept = issue.iter().filter(|name| folder.intermediates.contains_key(name)).cloned().collect();
    Some(TrustPlan { root, issue, kept, folder: shown, bundle })
}

/// The roots that members trust already, each once, in the order in which they are met.
fn union(joining: &[&Joining<'_>]) -> Vec<Certificate> {
    let mut all: Vec<Certificate> = Vec::new();
    for root in joining.iter().flat_map(|one| one.seen.trust.roots()) {
        if !all.contains(root) {
            all.push(root.clone());
        }
    }
    all
}

/// Those of these roots that every member trusts that trusts any.
fn trusted_by_all(joining: &[&Joining<'_>], bundle: &[Certificate]) -> Vec<Fingerprint> {
    let bundles: Vec<&[Certificate]> =
        joining.iter().map(|one| one.seen.trust.roots()).filter(|roots| !roots.is_empty()).collect();
    let by_all = bundle.iter().filter(|root| bundles.iter().all(|bundle| bundle.contains(root)));
    by_all.map(|root| root.fingerprint).collect()
}

/// Where the root of new intermediates comes from: one that every member trusts that trusts any.
fn root(
    trusted: &[Fingerprint],
    bundle: &[Certificate],
    folder: &CaFolderState,
    shown: &str,
    issue: &[ClusterName],
) -> Result<RootSource, Finding> {
    let kept = folder.root.as_ref().filter(|root| root.has_key).map(|root| root.fingerprint);
    if bundle.is_empty() {
        return match kept {
            Some(kept) => Ok(RootSource::Folder { root: kept }),
            None if folder.root.is_some() => Err(codes::KEY_MISSING
                .found("the CA folder holds a root without its key")
                .place(shown)
                .because("nothing can be signed with it, and a second root beside it would be taken for it")
                .fix("put its root-key.pem back, or name another folder: --ca-dir DIR")),
            None => Ok(RootSource::New),
        };
    }
    if let Some(kept) = kept.filter(|kept| trusted.contains(kept)) {
        return Ok(RootSource::Folder { root: kept });
    }
    let why = match kept {
        None => format!("CA folder {shown} holds no root key"),
        Some(kept) if bundle.iter().any(|root| root.fingerprint == kept) => {
            format!("CA folder {shown} holds the key of root {kept}, which not every cluster trusts")
        }
        Some(kept) => format!("CA folder {shown} holds the key of another root, {kept}"),
    };
    let all: Vec<String> = trusted.iter().map(ToString::to_string).collect();
    let needing: Vec<String> = issue.iter().map(|name| format!("cluster {name} needs an intermediate")).collect();
    let what = match all.as_slice() {
        [] => "the key of a root that every cluster trusts is not here".to_owned(),
        [one] => format!("the key of root {one}, which is in use, is not here"),
        several => format!("the key of none of the roots {}, which are in use, is here", several.join(" and ")),
    };
    Err(codes::KEY_ELSEWHERE
        .found(what)
        .place(needing.join(", "))
        .because(why)
        .fix("name the folder that keeps that root: --ca-dir DIR"))
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
