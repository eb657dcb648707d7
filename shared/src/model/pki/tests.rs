//! Roots from other tools, with names that rcgen cannot reproduce.

use std::path::Path;

use super::authority::tests::{cluster, issued_by, key, now, openssl, openssl_verifies};
use super::authority::{Issued, Root};
use super::chain::parse_bundle;
use super::key::PrivateKey;
use crate::machine::random::new_serial;
use crate::plugin::error::{Draft, Result};

/// A root made by openssl with this distinguished name section and further configuration options.
fn openssl_root(name: &str, string_mask: &str, extensions: &str, options: &[&str]) -> Result<Root> {
    let folder = tempfile::tempdir().unwrap();
    let configuration = format!(
        "[req]\nprompt = no\nutf8 = yes\nstring_mask = {string_mask}\ndistinguished_name = name\nx509_extensions = ca\n\
         [name]\n{name}\n[ca]\n{extensions}\n"
    );
    std::fs::write(folder.path().join("root.conf"), configuration).unwrap();
    let fixed = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3650", "-config", "root.conf"];
    let files = ["-keyout", "root-key.pem", "-out", "root-cert.pem"];
    let output = openssl(folder.path(), &[&fixed[..], &files, options].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    read_root(folder.path())
}

fn read_root(folder: &Path) -> Result<Root> {
    let certificate = parse_bundle(&std::fs::read(folder.join("root-cert.pem")).unwrap()).unwrap().remove(0);
    let key = PrivateKey::from_pem(&std::fs::read(folder.join("root-key.pem")).unwrap())?;
    Root::from_parts(certificate, key, now()).map_err(Draft::report)
}

fn issue(root: &Root) -> Result<Issued> {
    root.issue(&cluster("east"), "istio-system", key(), new_serial()?, now())
}

fn layout(root: &Root) -> String {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("root.pem"), root.certificate.pem()).unwrap();
    String::from_utf8(openssl(folder.path(), &["asn1parse", "-in", "root.pem"]).stdout).unwrap()
}

const CA: &str =
    "basicConstraints = critical,CA:true\nkeyUsage = critical,keyCertSign,cRLSign\nsubjectKeyIdentifier = hash";

#[test]
fn chains_under_names_of_every_shape_are_accepted_by_openssl_and_by_rustls() {
    for (shape, name, mask) in [
        ("two DC", "0.DC = com\n1.DC = example\nCN = Root", "utf8only"),
        ("two OU", "O = Shop\n0.OU = Platform\n1.OU = Security\nCN = Root", "utf8only"),
        ("BMPString", "O = Größe Ω\nCN = Root", "MASK:0x800"),
        ("T61String", "O = Grosse_@\nCN = Root", "MASK:0x4"),
        ("multi-valued RDN", "O = Shop\nCN = Root\n+OU = Platform\n+UID = 17", "utf8only"),
        ("PrintableString", "C = DE\nO = Shop\nCN = Root", "pkix"),
        ("an e-mail address", "CN = Root\nemailAddress = ca@example.com", "default"),
        (
            "a long name",
            &format!("O = {}\n0.OU = {}\n1.OU = {}\nCN = Root", "o".repeat(64), "u".repeat(64), "v".repeat(64)),
            "utf8only",
        ),
    ] {
        let root =
            openssl_root(name, mask, CA, &["-multivalue-rdn"]).unwrap_or_else(|error| panic!("{shape}: {error}"));
        let issued = issue(&root).unwrap_or_else(|error| panic!("{shape}: {error}"));
        assert_eq!(openssl_verifies(&issued), Ok(()), "{shape}");
        let (above, below) = (root.certificate.parsed().unwrap(), issued.certificate.parsed().unwrap());
        assert_eq!(below.issuer().as_raw(), above.subject().as_raw(), "{shape}");
        if shape.ends_with("String") {
            assert!(layout(&root).contains(&shape.to_uppercase()), "{shape} is not in the root");
        }
    }
}

#[test]
fn a_root_without_a_key_identifier_is_accepted() {
    let root =
        openssl_root("CN = Root", "utf8only", "basicConstraints = critical,CA:true\nsubjectKeyIdentifier = none", &[])
            .unwrap();
    assert_eq!(issued_by(&root, "east").root, root.certificate);
}

#[test]
fn a_root_that_no_mesh_can_use_is_refused_with_the_reason() {
    let refusal = |extensions: &str, options: &[&str]| {
        openssl_root("CN = Root", "utf8only", extensions, options)
            .and_then(|root| issue(&root))
            .err()
            .unwrap()
            .why
            .unwrap()
    };
    assert_eq!(refusal("basicConstraints = critical,CA:false", &[]), "CN=Root may not sign certificates");
    assert_eq!(
        refusal("basicConstraints = critical,CA:true\nkeyUsage = critical,cRLSign", &[]),
        "CN=Root may not sign certificates"
    );
    assert_eq!(
        refusal("basicConstraints = critical,CA:true,pathlen:0", &[]),
        "CN=Root allows fewer intermediates below it than there are"
    );
    assert_eq!(
        refusal("basicConstraints = critical,CA:true\nextendedKeyUsage = serverAuth", &[]),
        "the extended key usage of CN=Root leaves out server or client authentication"
    );
    assert_eq!(
        refusal("basicConstraints = critical,CA:true\nnameConstraints = critical,permitted;URI:.cluster.local", &[]),
        "CN=Root constrains URI names, and workload identities are URIs"
    );
    assert_eq!(refusal(CA, &["-sha1"]), "CN=Root is signed with SHA-1");
}
