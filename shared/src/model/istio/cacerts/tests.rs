use super::*;
use crate::model::pki::authority::tests::{issued_by, key, now, root};

fn secret(entries: &[(&str, String)]) -> Secret {
    let data = entries.iter().map(|(key, text)| ((*key).into(), ByteString(text.clone().into_bytes()))).collect();
    Secret { data: Some(data), ..Secret::default() }
}

#[test]
fn the_secret_has_the_four_keys_of_the_manual_and_our_label() {
    let root = root();
    let issued = issued_by(&root, "east");
    let secret = cacerts(&issued, &[], "istio-system", "kubectl-mesh-mc");
    let data = secret.data.as_ref().unwrap();
    let text = |key: &str| String::from_utf8(data[key].0.clone()).unwrap();
    assert_eq!(data.keys().collect::<Vec<_>>(), ["ca-cert.pem", "ca-key.pem", "cert-chain.pem", "root-cert.pem"]);
    assert_eq!(text("cert-chain.pem"), text("ca-cert.pem") + &text("root-cert.pem"));
    assert_eq!(text("root-cert.pem"), root.certificate.pem());
    assert_eq!(text("ca-key.pem"), *issued.key.reveal_pem());
    assert_eq!(secret.type_.as_deref(), Some("Opaque"));
    assert_eq!(secret.metadata.labels.unwrap()["app.kubernetes.io/managed-by"], "kubectl-mesh-mc");
    assert_eq!(secret.metadata.namespace.as_deref(), Some("istio-system"));
}

#[test]
fn what_was_written_reads_without_problems() {
    let root = root();
    let issued = issued_by(&root, "east");
    let found = read(&cacerts(&issued, &[], "istio-system", "kubectl-mesh-mc"), now());
    assert_eq!(
        found,
        CaSecret {
            form: CaForm::Istio,
            self_signed: false,
            roots: vec![root.certificate.clone()],
            signer: Some(issued.certificate.clone()),
            on_the_wire: vec![issued.certificate, root.certificate],
            problems: vec![],
            skipped: vec![],
        }
    );
}

#[test]
fn the_form_of_cert_manager_is_read_too() {
    let root = root();
    let issued = issued_by(&root, "east");
    let found = read(
        &secret(&[
            ("tls.crt", issued.certificate.pem()),
            ("tls.key", issued.key.reveal_pem().to_string()),
            ("ca.crt", root.certificate.pem()),
        ]),
        now(),
    );
    assert_eq!((found.form, found.roots, found.problems), (CaForm::Tls, vec![root.certificate], vec![]));
}

#[test]
fn what_istiod_made_for_itself_is_marked() {
    let root = root();
    let pem = root.certificate.pem();
    let mut entries = vec![
        ("ca-cert.pem", pem.clone()),
        ("ca-key.pem", root.key.reveal_pem().to_string()),
        ("root-cert.pem", pem),
        ("cert-chain.pem", String::new()),
    ];
    let mut own = secret(&entries);
    own.type_ = Some("istio.io/ca-root".into());
    entries.push(("istio-generated", String::new()));
    for secret in [own, secret(&entries)] {
        let found = read(&secret, now());
        assert!(found.self_signed && found.problems.is_empty(), "{found:?}");
        assert_eq!(found.roots, std::slice::from_ref(&root.certificate));
    }
}

#[test]
fn two_roots_of_a_rotation_are_both_reported() {
    let (old, new) = (root(), root());
    let issued = issued_by(&old, "east");
    let both = bundle([&old.certificate, &new.certificate]);
    let found = read(
        &secret(&[
            ("ca-cert.pem", issued.certificate.pem()),
            ("ca-key.pem", issued.key.reveal_pem().to_string()),
            ("root-cert.pem", both),
            ("cert-chain.pem", issued.chain_pem()),
        ]),
        now(),
    );
    assert_eq!(found.roots, [old.certificate, new.certificate]);
    assert!(found.problems.is_empty(), "{found:?}");
}

/// The four keys of the manual, of an intermediate, with this chain.
fn with_chain(issued: &Issued, roots: &str, chain: &str) -> Secret {
    secret(&[
        ("ca-cert.pem", issued.certificate.pem()),
        ("ca-key.pem", issued.key.reveal_pem().to_string()),
        ("root-cert.pem", roots.into()),
        ("cert-chain.pem", chain.into()),
    ])
}

#[test]
fn a_root_that_signs_directly_needs_no_chain_but_the_key_for_it() {
    let root = root();
    let pem = root.certificate.pem();
    let key = root.key.reveal_pem().to_string();
    let mut entries = vec![
        ("ca-cert.pem", pem.clone()),
        ("ca-key.pem", key),
        ("root-cert.pem", pem),
        ("cert-chain.pem", String::new()),
    ];
    let found = read(&secret(&entries), now());
    assert_eq!((found.problems, found.on_the_wire, found.self_signed), (vec![], vec![], false));
    entries.pop();
    assert_eq!(read(&secret(&entries), now()).problems, ["cert-chain.pem is missing"]);
}

#[test]
fn a_signer_that_is_not_sent_along_cannot_be_verified_by_anybody() {
    let root = root();
    let issued = issued_by(&root, "east");
    let pem = root.certificate.pem();
    for chain in ["", pem.as_str()] {
        assert_eq!(
            read(&with_chain(&issued, &pem, chain), now()).problems,
            [
                "O=Istio, CN=Intermediate CA, L=east signs, and is neither in the chain that is sent with each certificate nor trusted itself"
            ]
        );
    }
}

#[test]
fn what_istiod_skips_is_not_trusted_and_is_told() {
    let (root, other) = (root(), root());
    let issued = issued_by(&root, "east");
    let run_together =
        format!("{}{}", other.certificate.pem().trim_end(), other.certificate.pem()) + &root.certificate.pem();
    let found = read(&with_chain(&issued, &run_together, &issued.chain_pem()), now());
    assert_eq!((found.roots, found.problems), (vec![root.certificate], vec![]));
    assert_eq!(found.skipped, ["2 certificates of root-cert.pem"]);
}

#[test]
fn roots_beside_the_own_one_are_trusted_too() {
    let (root, other) = (root(), root());
    let issued = issued_by(&root, "east");
    let beside = [root.certificate.clone(), other.certificate.clone()];
    let found = read(&cacerts(&issued, &beside, "istio-system", "kubectl-mesh-mc"), now());
    assert_eq!((found.roots, found.problems), (vec![root.certificate, other.certificate], vec![]));
}

#[test]
fn every_problem_is_reported_and_none_shows_the_key() {
    let issued = issued_by(&root(), "east");
    let stranger = root().certificate.pem();
    let other_key = key().reveal_pem().to_string();
    let problems = |secret: &Secret| read(secret, now()).problems;
    assert_eq!(
        problems(&Secret::default()),
        ["ca-cert.pem is missing", "root-cert.pem is missing", "cert-chain.pem is missing"]
    );
    let wrong = secret(&[
        ("ca-cert.pem", issued.certificate.pem()),
        ("ca-key.pem", other_key.clone()),
        ("root-cert.pem", stranger),
        ("cert-chain.pem", "rubbish".into()),
    ]);
    assert_eq!(
        problems(&wrong),
        [
            "ca-key.pem: the private key does not belong to certificate O=Istio, CN=Intermediate CA, L=east",
            "O=Istio, CN=Intermediate CA, L=east signs, and is neither in the chain that is sent with each certificate nor trusted itself",
        ]
    );
    assert!(!format!("{:?}", read(&wrong, now())).contains(&other_key[40..60]));
}
