//! Makes the certificates of a mesh, keeps them, and hands each cluster its own.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use mesh_shared::cluster::write;
use mesh_shared::cluster::write::Created;
use mesh_shared::machine::{clock, random};
use mesh_shared::model::istio::cacerts;
use mesh_shared::model::istio::cacerts::CaSecret;
use mesh_shared::model::istio::manifest::to_manifest;
use mesh_shared::model::kube::kinds::Target;
use mesh_shared::model::names::ClusterName;
use mesh_shared::model::pki::acceptance::accepts;
use mesh_shared::model::pki::authority::{Issued, Root};
use mesh_shared::model::pki::chain::{Certificate, Fingerprint};
use mesh_shared::model::pki::go_pem;
use mesh_shared::model::pki::key::{KeyAlgorithm, PrivateKey};
use mesh_shared::plugin::error::{Error, Result};

use super::environment::{Environment, MemberCluster};
use super::opened_ca_folder::{KeptCertificates, blocking};

/// Makes a key beforehand.
pub(super) async fn make_key(algorithm: KeyAlgorithm) -> Result<PrivateKey> {
    blocking(move || random::new_key(algorithm)).await
}

/// Makes and keeps the root, or takes the one that is kept by now. Also returns whether it is new.
pub(super) async fn make_root(
    kept: &KeptCertificates,
    key: Option<PrivateKey>,
    algorithm: KeyAlgorithm,
) -> Result<(Root, bool)> {
    let folder = kept.folder().await?;
    blocking(move || {
        let now = clock::now();
        if let Some(kept) = folder.load_root(now)? {
            return Ok((kept, false));
        }
        let root = Root::create(key.map_or_else(|| random::new_key(algorithm), Ok)?, random::new_serial()?, now)?;
        Ok((folder.store_root(root, now)?, true))
    })
    .await
}

/// A certificate that is wanted for a cluster.
pub(super) struct WantedIntermediate<'a> {
    pub(super) cluster: &'a ClusterName,
    pub(super) uid: &'a str,
    /// Where istiod runs.
    pub(super) namespace: &'a str,
    pub(super) algorithm: KeyAlgorithm,
}

/// Makes and keeps a cluster's intermediate, or takes the one that is kept by now. Also returns whether it is new.
/// Without a root, the CA folder's signs; without a key, one is made.
pub(super) async fn issue_intermediate(
    kept: &KeptCertificates,
    wanted: WantedIntermediate<'_>,
    root: Option<Arc<Root>>,
    key: Option<PrivateKey>,
) -> Result<(Issued, bool)> {
    let folder = kept.folder().await?;
    let root = match root {
        Some(root) => root,
        None => kept.root().await?,
    };
    let algorithm = wanted.algorithm;
    let (name, uid, namespace) = (wanted.cluster.clone(), wanted.uid.to_owned(), wanted.namespace.to_owned());
    blocking(move || {
        let now = clock::now();
        if let Some(kept) = folder.load_intermediate(&name, &uid, now)? {
            return Ok((kept, false));
        }
        let key = key.map_or_else(|| random::new_key(algorithm), Ok)?;
        let issued = root.issue(&name, &namespace, key, random::new_serial()?, now)?;
        Ok((folder.store_intermediate(&name, &uid, issued, now)?, true))
    })
    .await
}

/// Creates the Secret `cacerts`, whose workloads trust `beside` as well. One created in the meantime is left alone, but must be
/// as good. Returns whether it is new.
pub(super) async fn create_cacerts(
    environment: &Environment,
    name: &ClusterName,
    member: &MemberCluster,
    namespace: &str,
    issued: &Issued,
    beside: &[Certificate],
) -> Result<bool> {
    let manifest = to_manifest("v1", "Secret", &cacerts::cacerts(issued, beside, namespace, &environment.manager));
    match write::create(&member.cluster, &manifest, &environment.manager).await? {
        Created::New(_) => Ok(true),
        Created::Exists => {
            let standing = write::get(&member.cluster, &Target::of(&manifest)).await?.unwrap_or_default();
            let standing = serde_json::from_value(standing).map_err(|error| {
                Error::failed("Secret cacerts cannot be parsed")
                    .at(format!("context {}, namespace {namespace}", member.cluster.context))
                    .because(error.to_string())
                    .fix("find out who made it; run the join again to see what differs")
            })?;
            let now = clock::now();
            as_good(&cacerts::read(&standing, now), issued, beside, now).map(|()| false).map_err(|why| {
                Error::failed(format!("someone else created Secret cacerts in {name} in the meantime"))
                    .at(format!("context {}, namespace {namespace}", member.cluster.context))
                    .because(why)
                    .fix("find out who did; run the join again to see what differs")
            })
        }
    }
}

/// The pause before the published roots are read again.
const PAUSE: Duration = Duration::from_millis(200);

/// Waits until istiod publishes these roots and no others: a new one does so a moment after it is ready.
///
/// # Errors
/// If it still publishes others at the deadline.
pub(super) async fn verify_root(
    environment: &Environment,
    name: &ClusterName,
    member: &MemberCluster,
    config_map: &str,
    roots: &[Certificate],
    progress: &(dyn Fn(String) + Send + Sync),
) -> Result<()> {
    let namespace = &environment.system_namespace;
    let target = Target::new("ConfigMap", namespace, config_map)?;
    loop {
        let found = write::get(&member.cluster, &target).await?;
        let Some(differs) = other_roots(found.as_ref(), roots) else { return Ok(()) };
        progress(differs.clone());
        if tokio::time::Instant::now() + PAUSE > environment.deadline {
            return Err(Error::failed(format!("workloads of {name} do not trust the mesh's root"))
                .at(format!("context {}, ConfigMap {namespace}/{config_map}", member.cluster.context))
                .because(differs)
                .fix("see why istiod does not publish it; if it runs on what it started with, restart it:")
                .fix(format!(
                    "kubectl --context {} -n {namespace} rollout restart deployment -l app=istiod",
                    member.cluster.context
                )));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// What is wrong with the published roots; none if they are these.
fn other_roots(config_map: Option<&serde_json::Value>, wanted: &[Certificate]) -> Option<String> {
    let Some(bundle) = config_map.and_then(|map| map["data"]["root-cert.pem"].as_str()) else {
        return Some("istiod has published no root yet".into());
    };
    let set = |roots: &[Certificate]| roots.iter().map(|root| root.fingerprint).collect::<BTreeSet<Fingerprint>>();
    let listed = |roots: &[Certificate]| set(roots).iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ");
    match go_pem::certificates(bundle.as_bytes()) {
        Ok(found) if set(&found.certificates) == set(wanted) => None,
        Ok(found) => Some(format!("istiod publishes root {}, not {}", listed(&found.certificates), listed(wanted))),
        Err(fault) => Some(format!("root-cert.pem: {fault}")),
    }
}

/// Whether a `cacerts` that someone else made does as well as the intended one: istiod can use it, and clusters that trust
/// the same as the intended one accept each other's certificates both ways.
fn as_good(
    found: &CaSecret,
    issued: &Issued,
    beside: &[Certificate],
    at: Timestamp,
) -> std::result::Result<(), String> {
    if let Some(problem) = found.problems.first() {
        return Err(problem.clone());
    }
    let signer = found.signer.as_ref().ok_or("it signs with nothing")?;
    let wanted: Vec<Certificate> = std::iter::once(&issued.root).chain(beside).cloned().collect();
    let chain = [issued.certificate.clone(), issued.root.clone()];
    accepts(&wanted, signer, &found.on_the_wire, at)
        .map_err(|fault| format!("the mesh would not accept what it signs: {fault}"))?;
    accepts(&found.roots, &issued.certificate, &chain, at)
        .map_err(|fault| format!("it would not accept what the mesh signs: {fault}"))
}

#[cfg(test)]
mod tests {
    use mesh_shared::model::pki::chain::bundle;

    use super::*;

    fn root() -> Root {
        let key = random::new_key(KeyAlgorithm::EcdsaP256).unwrap();
        Root::create(key, random::new_serial().unwrap(), clock::now()).unwrap()
    }

    fn issued(root: &Root) -> Issued {
        let key = random::new_key(KeyAlgorithm::EcdsaP256).unwrap();
        let name = ClusterName::new("east").unwrap();
        root.issue(&name, "istio-system", key, random::new_serial().unwrap(), clock::now()).unwrap()
    }

    fn found(issued: &Issued, beside: &[Certificate]) -> CaSecret {
        cacerts::read(&cacerts::cacerts(issued, beside, "istio-system", "test"), clock::now())
    }

    #[test]
    fn only_exactly_the_wanted_roots_are_right() {
        let (one, other) = (root().certificate, root().certificate);
        let publishing =
            |roots: &[&Certificate]| serde_json::json!({"data": {"root-cert.pem": bundle(roots.iter().copied())}});
        let wanted = [one.clone(), other.clone()];
        assert_eq!(other_roots(Some(&publishing(&[&other, &one])), &wanted), None);
        let text = other_roots(Some(&publishing(&[&other])), &wanted[..1]).unwrap();
        assert_eq!(text, format!("istiod publishes root {}, not {}", other.fingerprint, one.fingerprint));
        assert!(other_roots(Some(&publishing(&[&one])), &wanted).is_some());
        assert_eq!(other_roots(None, &wanted).as_deref(), Some("istiod has published no root yet"));
    }

    #[test]
    fn another_intermediate_of_the_same_root_is_as_good() {
        let root = root();
        assert_eq!(as_good(&found(&issued(&root), &[]), &issued(&root), &[], clock::now()), Ok(()));
    }

    #[test]
    fn a_bundle_that_holds_the_root_is_not_enough_if_another_root_signs() {
        let (ours, other) = (root(), root());
        let both = found(&issued(&other), std::slice::from_ref(&ours.certificate));
        let why = as_good(&both, &issued(&ours), &[], clock::now()).unwrap_err();
        assert!(why.starts_with("the mesh would not accept what it signs"), "{why}");
        assert_eq!(as_good(&both, &issued(&ours), &[other.certificate], clock::now()), Ok(()));
    }

    #[test]
    fn one_that_does_not_trust_the_root_is_not() {
        let (ours, other) = (root(), root());
        let why = as_good(
            &found(&issued(&other), &[]),
            &issued(&ours),
            std::slice::from_ref(&other.certificate),
            clock::now(),
        );
        assert!(why.unwrap_err().starts_with("it would not accept what the mesh signs"));
    }

    #[test]
    fn one_that_istiod_cannot_use_is_not() {
        let root = root();
        let mut broken = found(&issued(&root), &[]);
        broken.problems.push("ca-key.pem is missing".into());
        assert_eq!(as_good(&broken, &issued(&root), &[], clock::now()), Err("ca-key.pem is missing".into()));
    }
}
