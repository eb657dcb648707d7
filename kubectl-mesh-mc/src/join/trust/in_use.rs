//! Whether a cluster can sign with its Secret `cacerts`, and whether it does.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use mesh_shared::model::istio::cacerts::CaSecret;
use mesh_shared::model::pki::chain::{Certificate, Fingerprint};
use mesh_shared::model::seen::trust::{Published, Signing};
use mesh_shared::plugin::finding::Finding;
use mesh_shared::plugin::finding::codes::trust as codes;
use mesh_shared::plugin::text;

use crate::join::members::Joining;

/// A root that ends sooner is to be replaced: that takes a restart of everything, twice.
const ROOT_DAYS: i64 = 365;

/// A signer that ends sooner is to be replaced: a new one of the same root is taken without a restart.
const SIGNER_DAYS: i64 = 90;

/// The finding for a cluster that signs with something that cannot be shared or used.
pub(super) fn unusable(Joining { member, seen }: &Joining<'_>, namespace: &str) -> Option<Finding> {
    let (code, roots, why) = match seen.trust.signing() {
        Signing::Nothing => return None,
        Signing::Own(secret) if secret.problems.is_empty() => (
            &codes::SELF_SIGNED,
            &secret.roots,
            "istiod made that root for itself, and other clusters cannot share it".to_owned(),
        ),
        Signing::Cacerts(secret) | Signing::Own(secret) => {
            if secret.problems.is_empty() {
                return None;
            }
            return Some(
                codes::CACERTS_UNUSABLE
                    .found(format!("the certificates of {} cannot be used", member.name))
                    .cluster(&member.name)
                    .context(&member.context)
                    .object(format!("Secret {namespace}/cacerts"))
                    .because(secret.problems.join("; "))
                    .fix("correct or remove that Secret; a join never changes one that exists"),
            );
        }
        Signing::Elsewhere(Published { config_map, roots: Ok(roots) }) => {
            let why = format!("only ConfigMap {config_map} holds it: another issuer, such as istio-csr, signs here");
            (&codes::OTHER_ISSUER, roots, why)
        }
        Signing::Elsewhere(Published { config_map, roots: Err(fault) }) => {
            return Some(
                codes::OTHER_ISSUER
                    .found(format!("what {} trusts cannot be read", member.name))
                    .cluster(&member.name)
                    .context(&member.context)
                    .object(format!("ConfigMap {namespace}/{config_map}"))
                    .because(fault.clone())
                    .as_documented(),
            );
        }
    };
    let found = code
        .found(format!("{} trusts root {}, which nothing here can sign with", member.name, listed(roots)))
        .cluster(&member.name)
        .context(&member.context)
        .object(format!("namespace {namespace}"))
        .because(why);
    Some(found.fix(
        "adopting such a control plane is not supported yet; join clusters without one, or with the Secret cacerts",
    ))
}

/// The finding for a cluster whose istiod publishes other roots than those of `cacerts`: it started before that Secret came
/// or changed, and signs by what was there (istio/istio pilot/pkg/bootstrap/istio_ca.go reads it at the start; of a
/// later change it takes a new intermediate of the same roots alone, `handleEvent`).
pub(super) fn not_published(Joining { member, seen }: &Joining<'_>, namespace: &str) -> Option<Finding> {
    let secret = seen.trust.cacerts.as_ref()?;
    let published = seen.trust.published.as_ref()?;
    let wanted = set(&secret.roots);
    let (shown, why) = match &published.roots {
        Ok(roots) if set(roots) == wanted => return None,
        Ok(roots) => (format!("root {}", listed(roots)), explained(roots, seen.trust.own.as_ref())),
        Err(fault) => ("roots that cannot be read".to_owned(), fault.clone()),
    };
    let mut finding = codes::NOT_IN_USE
        .found(format!(
            "istiod of {} publishes {shown}, not {} of its Secret cacerts",
            member.name,
            listed(&secret.roots)
        ))
        .cluster(&member.name)
        .context(&member.context)
        .object(format!("ConfigMap {namespace}/{}", published.config_map))
        .because(why)
        .fix("restart istiod, and then every workload: until that is done, old and new workloads refuse each other:");
    for istiod in seen.control_planes.istiods.iter().filter(|istiod| istiod.namespace == namespace) {
        finding = finding.fix(restart(&member.context, namespace, &istiod.name));
    }
    Some(finding)
}

/// The warning for certificates that istiod skips.
pub(super) fn skipped(Joining { member, seen }: &Joining<'_>, namespace: &str) -> Option<Finding> {
    let secret = seen.trust.cacerts.as_ref().filter(|secret| !secret.skipped.is_empty())?;
    Some(
        codes::PEM_SKIPPED
            .found(format!("istiod of {} skips {}", member.name, text::list(&secret.skipped)))
            .cluster(&member.name)
            .context(&member.context)
            .object(format!("Secret {namespace}/cacerts"))
            .as_documented(),
    )
}

/// The warning for certificates of a cluster that end soon.
pub(super) fn ends_soon(Joining { member, seen }: &Joining<'_>, namespace: &str) -> Option<Finding> {
    let secret = seen.trust.cacerts.as_ref().filter(|secret| secret.problems.is_empty())?;
    let ends_within = |certificate: &&Certificate, days: i64| {
        certificate.not_after.duration_since(seen.trust.at) < SignedDuration::from_hours(24 * days)
    };
    let signer = secret.signer.iter().filter(|signer| !secret.roots.contains(signer));
    let signer = signer.filter(|signer| ends_within(signer, SIGNER_DAYS)).map(|signer| ("signer", signer));
    let roots = secret.roots.iter().filter(|root| ends_within(root, ROOT_DAYS)).map(|root| ("root", root));
    let all: Vec<String> = signer
        .chain(roots)
        .map(|(what, certificate)| format!("its {what} {} at {}", certificate.fingerprint, certificate.not_after))
        .collect();
    if all.is_empty() {
        return None;
    }
    let found = codes::ENDS_SOON.found(format!("certificates of {} end soon: {}", member.name, all.join(", ")));
    Some(
        found
            .cluster(&member.name)
            .context(&member.context)
            .object(format!("Secret {namespace}/cacerts"))
            .as_documented(),
    )
}

/// The command that restarts an istiod.
pub(super) fn restart(context: &str, namespace: &str, istiod: &str) -> String {
    format!("kubectl --context {context} -n {namespace} rollout restart deployment/{istiod}")
}

fn explained(published: &[Certificate], own: Option<&CaSecret>) -> String {
    if own.is_some_and(|own| set(&own.roots) == set(published)) {
        "it still signs by the root that it made for itself before cacerts was there".into()
    } else {
        "it has not been restarted since cacerts changed".into()
    }
}

fn set(roots: &[Certificate]) -> BTreeSet<Fingerprint> {
    roots.iter().map(|root| root.fingerprint).collect()
}

/// The fingerprints of some roots, in words.
pub(super) fn listed(roots: &[Certificate]) -> String {
    text::list(&roots.iter().map(|root| root.fingerprint.to_string()).collect::<Vec<_>>())
}
