//! Whether every cluster accepts what every other signs.

use mesh_shared::model::istio::cacerts::{CaForm, CaSecret};
use mesh_shared::model::pki::acceptance::accepts;
use mesh_shared::model::pki::chain::Certificate;
use mesh_shared::model::pki::verify::anchor;
use mesh_shared::plugin::finding::Finding;
use mesh_shared::plugin::finding::codes::trust as codes;

use super::in_use::{listed, restart};
use crate::join::members::Joining;

/// A cluster that signs with a Secret `cacerts`.
struct Signer<'a> {
    one: &'a Joining<'a>,
    secret: &'a CaSecret,
    certificate: &'a Certificate,
}

/// A finding for every ordered pair of which the second does not accept what the first signs; a single one if two clusters
/// have no root in common at all.
pub(super) fn accepted(joining: &[&Joining<'_>], namespace: &str) -> Vec<Finding> {
    let signers: Vec<Signer<'_>> = joining
        .iter()
        .filter_map(|one| {
            let secret = one.seen.trust.cacerts.as_ref()?;
            Some(Signer { one, secret, certificate: secret.signer.as_ref()? })
        })
        .collect();
    let mut refused = Vec::new();
    for signer in &signers {
        for other in signers.iter().filter(|other| other.one.member.name != signer.one.member.name) {
            let trust = &other.one.seen.trust;
            if let Err(fault) = accepts(trust.roots(), signer.certificate, &signer.secret.on_the_wire, trust.at) {
                refused.push((signer, other, fault));
            }
        }
    }
    let is_disjoint = |one: &Signer<'_>, other: &Signer<'_>| {
        !one.one.seen.trust.roots().iter().any(|root| other.one.seen.trust.roots().contains(root))
    };
    if let Some((one, other, _)) = refused.iter().find(|(one, other, _)| is_disjoint(one, other)) {
        return vec![roots_differ(&signers, one, other, namespace)];
    }
    refused.into_iter().map(|(one, other, fault)| not_accepted(one, other, &fault.to_string(), namespace)).collect()
}

fn roots_differ(signers: &[Signer<'_>], one: &Signer<'_>, other: &Signer<'_>, namespace: &str) -> Finding {
    let all: Vec<String> = signers
        .iter()
        .map(|signer| format!("{} {}", signer.one.member.name, listed(signer.one.seen.trust.roots())))
        .collect();
    let found = codes::ROOTS_DIFFER
        .found(format!("clusters trust different roots: {}", all.join(", ")))
        .place(format!("Secret cacerts in {namespace}"))
        .because("workloads of one would refuse the other's certificates")
        .fix("join only clusters that have a root in common, or let each trust the other's roots beside its own, and keep what is there:");
    let found = trusting(found, other, one, namespace);
    trusting(found, one, other, namespace).fix(AFTERWARDS)
}

fn not_accepted(signer: &Signer<'_>, other: &Signer<'_>, fault: &str, namespace: &str) -> Finding {
    let chain: Vec<Certificate> =
        std::iter::once(signer.certificate).chain(&signer.secret.on_the_wire).cloned().collect();
    let root = anchor(&chain, &signer.secret.roots, signer.one.seen.trust.at).ok();
    let why = match root.filter(|root| !other.one.seen.trust.roots().contains(root)) {
        Some(root) => format!(
            "{} signs by root {}, which {} does not trust",
            signer.one.member.name, root.fingerprint, other.one.member.name
        ),
        None => fault.to_owned(),
    };
    let found = codes::SIGNER_NOT_ACCEPTED
        .found(format!(
            "workloads of {} would refuse every certificate of {}",
            other.one.member.name, signer.one.member.name
        ))
        .cluster(&other.one.member.name)
        .context(&other.one.member.context)
        .object(format!("Secret {namespace}/cacerts"))
        .because(why)
        .fix(format!("let {} trust that root beside its own, and keep what is there:", other.one.member.name));
    trusting(found, other, signer, namespace).fix(AFTERWARDS)
}

const AFTERWARDS: &str = "then restart the workloads there, and join again";

/// Adds the commands by which one cluster trusts the roots of another beside its own.
fn trusting(finding: Finding, one: &Signer<'_>, other: &Signer<'_>, namespace: &str) -> Finding {
    let (context, key) = (&one.one.member.context, one.secret.form.root());
    let restarts = one.one.seen.control_planes.istiods.iter().filter(|istiod| istiod.namespace == namespace);
    let restarts = restarts.map(|istiod| restart(context, namespace, &istiod.name));
    let finding = match one.secret.form {
        // Whoever writes that form, such as cert-manager, would undo a change.
        CaForm::Tls => finding.fix(format!(
            "in {}, have the issuer of cacerts put {} into its {key}",
            one.one.member.name,
            listed(other.one.seen.trust.roots())
        )),
        CaForm::Istio => {
            let read = |of: &Signer<'_>| {
                format!(
                    "kubectl --context {} -n {namespace} get secret cacerts -o jsonpath='{{.data.{}}}' | base64 -d; echo",
                    of.one.member.context,
                    of.secret.form.root().replace('.', "\\.")
                )
            };
            finding.fix(format!("({}; {}) >roots-of-{context}.pem", read(one), read(other))).fix(format!(
                "kubectl --context {context} -n {namespace} patch secret cacerts -p \
                     \"{{\\\"data\\\":{{\\\"{key}\\\":\\\"$(base64 <roots-of-{context}.pem | tr -d '\\n')\\\"}}}}\""
            ))
        }
    };
    restarts.fold(finding, Finding::fix)
}
