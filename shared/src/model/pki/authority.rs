//! The root of a mesh and one intermediate per cluster, as Istio's manual makes them with openssl.

use jiff::{SignedDuration, Timestamp};
use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyIdMethod, KeyUsagePurpose,
    SanType, SerialNumber,
};
use time::OffsetDateTime;
use x509_parser::extensions::ParsedExtension;

use super::chain::{Certificate, bundle};
use super::issuer_name::with_issuer;
use super::key::PrivateKey;
use super::verify::{verify_chain, verify_key, verify_root};
use super::workload_certificate::verify_workload;
use crate::model::names::ClusterName;
use crate::plugin::error::{Draft, Error, Result};

/// How long a root is valid: ten years.
const ROOT_DAYS: i64 = 3650;

/// How long an intermediate is valid, if its root is valid that long.
const INTERMEDIATE_DAYS: i64 = 3650;

/// How far `NotBefore` is set back, so that clusters with slow clocks accept a new certificate.
const SET_BACK: SignedDuration = SignedDuration::from_mins(5);

/// A serial number of 128 random bits. rcgen derives its own from the key, so it would repeat with the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Serial([u8; 16]);

impl Serial {
    /// The serial number from these random bytes; the highest bit is cleared and the next one set, so that it is
    /// positive and of full length (RFC 5280 section 4.1.2.2).
    pub fn from_random(mut bytes: [u8; 16]) -> Self {
        bytes[0] = bytes[0] & 0x7f | 0x40;
        Self(bytes)
    }
}

/// A root certificate and its key.
pub struct Root {
    /// Self-signed.
    pub certificate: Certificate,
    /// Never leaves the CA folder.
    pub key: PrivateKey,
}

/// An intermediate that signs the workloads of one cluster.
pub struct Issued {
    /// Signed by `root`.
    pub certificate: Certificate,
    /// Goes into the Secret `cacerts`.
    pub key: PrivateKey,
    /// What every workload of the mesh trusts.
    pub root: Certificate,
}

impl Issued {
    /// `cert-chain.pem`: the intermediate, then the root.
    pub fn chain_pem(&self) -> String {
        bundle([&self.certificate, &self.root])
    }

    /// Verifies that the key belongs to the certificate, that the chain is valid, and that rustls-webpki, which ztunnel
    /// uses and which is stricter than openssl and Go, accepts a workload certificate under it.
    ///
    /// # Errors
    /// A refusal with the first fault.
    pub fn verify(&self, at: Timestamp) -> Result<(), Draft> {
        let refused = |why: String| {
            Error::refused(format!(
                "intermediate {} of root {} cannot be used",
                self.certificate.fingerprint, self.root.fingerprint
            ))
            .because(why)
        };
        verify_key(&self.certificate, &self.key).map_err(|fault| refused(fault.to_string()))?;
        let chain = [self.certificate.clone()];
        verify_chain(&chain, std::slice::from_ref(&self.root), at).map_err(|fault| refused(fault.to_string()))?;
        verify_workload(self, at).map_err(refused)
    }
}

impl Root {
    /// A new root, `O=Istio, CN=Root CA`.
    ///
    /// # Errors
    /// If the key cannot sign, or the result does not verify.
    pub fn create(key: PrivateKey, serial: Serial, now: Timestamp) -> Result<Self> {
        let mut params = params(serial, now, now + days(ROOT_DAYS))?;
        params.distinguished_name = name(&[(DnType::OrganizationName, "Istio"), (DnType::CommonName, "Root CA")]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let signed = params.self_signed(&key).map_err(not_signed)?;
        Self::from_parts(read(signed.der().to_vec())?, key, now).map_err(Draft::report)
    }

    /// A root from an existing certificate and key.
    ///
    /// # Errors
    /// A refusal if the key does not belong to the certificate, or a mesh cannot use that root at that time.
    pub fn from_parts(certificate: Certificate, key: PrivateKey, at: Timestamp) -> Result<Self, Draft> {
        let checked = verify_key(&certificate, &key).and_then(|()| verify_root(&certificate, at));
        match checked {
            Ok(()) => Ok(Self { certificate, key }),
            Err(fault) => {
                Err(Error::refused(format!("root {} cannot be used", certificate.fingerprint))
                    .because(fault.to_string()))
            }
        }
    }

    /// An intermediate of this root for one cluster: `O=Istio, CN=Intermediate CA, L=<cluster>`, for istiod in this
    /// namespace, valid no longer than the root.
    ///
    /// # Errors
    /// A refusal if the chain does not verify; what is returned always verifies.
    pub fn issue(
        &self,
        cluster: &ClusterName,
        namespace: &str,
        key: PrivateKey,
        serial: Serial,
        now: Timestamp,
    ) -> Result<Issued> {
        let mut params = params(serial, now, (now + days(INTERMEDIATE_DAYS)).min(self.certificate.not_after))?;
        params.distinguished_name = name(&[
            (DnType::OrganizationName, "Istio"),
            (DnType::CommonName, "Intermediate CA"),
            (DnType::LocalityName, cluster.as_str()),
        ]);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        let host = Ia5String::try_from(format!("istiod.{namespace}.svc")).map_err(not_signed)?;
        params.subject_alt_names = vec![SanType::DnsName(host)];
        params.use_authority_key_identifier_extension = true;

        let mut stand_in = CertificateParams::default();
        stand_in.key_identifier_method = self.key_identifier()?;
        let signed = params.signed_by(&key, &Issuer::from_params(&stand_in, &self.key)).map_err(not_signed)?;
        let subject = self.certificate.parsed().map_err(unreadable)?.subject().as_raw().to_vec();
        let certificate = read(with_issuer(signed.der(), &subject, &self.key)?)?;

        let issued = Issued { certificate, key, root: self.certificate.clone() };
        issued.verify(now).map_err(|error| {
            error
                .fix("sign an intermediate with the tool that made this root and create the Secret cacerts from it yourself;")
                .fix("a join leaves an existing cacerts as it is")
        })?;
        Ok(issued)
    }

    /// The root's own SKI, which other tools derive in their own way; ours if it has none.
    fn key_identifier(&self) -> Result<KeyIdMethod> {
        let parsed = self.certificate.parsed().map_err(unreadable)?;
        let own = parsed.extensions().iter().find_map(|extension| match extension.parsed_extension() {
            ParsedExtension::SubjectKeyIdentifier(identifier) => Some(identifier.0.to_vec()),
            _ => None,
        });
        Ok(own.map_or(KeyIdMethod::Sha256, KeyIdMethod::PreSpecified))
    }
}

/// What root and intermediates have in common.
fn params(serial: Serial, now: Timestamp, until: Timestamp) -> Result<CertificateParams> {
    let mut params = CertificateParams::default();
    params.not_before = date(now - SET_BACK)?;
    params.not_after = date(until)?;
    params.serial_number = Some(SerialNumber::from_slice(&serial.0));
    params.key_usages = vec![
        KeyUsagePurpose::DigitalSignature,
        KeyUsagePurpose::ContentCommitment,
        KeyUsagePurpose::KeyEncipherment,
        KeyUsagePurpose::KeyCertSign,
        KeyUsagePurpose::CrlSign,
    ];
    Ok(params)
}

fn name(attributes: &[(DnType, &str)]) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    for (kind, value) in attributes {
        name.push(kind.clone(), *value);
    }
    name
}

fn days(count: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * count)
}

fn date(moment: Timestamp) -> Result<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp(moment.as_second())
        .map_err(|error| Error::failed("a certificate's time is out of range").because(error.to_string()).report())
}

fn read(der: Vec<u8>) -> Result<Certificate> {
    Certificate::from_der(der).map_err(unreadable)
}

fn unreadable(fault: super::chain::BundleFault) -> Error {
    Error::failed("a certificate cannot be read").because(fault.to_string()).report()
}

#[allow(clippy::needless_pass_by_value)]
fn not_signed(error: rcgen::Error) -> Error {
    Error::failed("a certificate cannot be signed").because(error.to_string()).report()
}

#[cfg(test)]
pub(crate) mod tests {
    use std::path::Path;
    use std::process::{Command, Output};

    use super::*;
    use crate::machine::random::{new_key, new_serial};
    use crate::model::pki::key::KeyAlgorithm;

    pub(crate) fn now() -> Timestamp {
        Timestamp::now()
    }

    pub(crate) fn key() -> PrivateKey {
        new_key(KeyAlgorithm::EcdsaP256).unwrap()
    }

    pub(crate) fn root() -> Root {
        Root::create(key(), new_serial().unwrap(), now()).unwrap()
    }

    pub(crate) fn cluster(name: &str) -> ClusterName {
        ClusterName::new(name).unwrap()
    }

    pub(crate) fn issued_by(root: &Root, name: &str) -> Issued {
        root.issue(&cluster(name), "istio-system", key(), new_serial().unwrap(), now()).unwrap()
    }

    pub(crate) fn openssl(folder: &Path, arguments: &[&str]) -> Output {
        Command::new("openssl").current_dir(folder).args(arguments).output().unwrap()
    }

    /// What `openssl verify` says about the intermediate, given only the root.
    pub(crate) fn openssl_verifies(issued: &Issued) -> Result<(), String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("root.pem"), issued.root.pem()).unwrap();
        std::fs::write(folder.path().join("ca.pem"), issued.certificate.pem()).unwrap();
        let output =
            openssl(folder.path(), &["verify", "-x509_strict", "-check_ss_sig", "-CAfile", "root.pem", "ca.pem"]);
        if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
    }

    fn text_of(certificate: &Certificate) -> String {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("c.pem"), certificate.pem()).unwrap();
        let output = openssl(folder.path(), &["x509", "-in", "c.pem", "-noout", "-text"]);
        String::from_utf8(output.stdout).unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_root_has_the_fields_of_the_manual() {
        let root = root().certificate;
        let text = text_of(&root);
        for field in [
            "Issuer: O = Istio, CN = Root CA",
            "Subject: O = Istio, CN = Root CA",
            "X509v3 Basic Constraints: critical CA:TRUE",
            "X509v3 Key Usage: critical Digital Signature, Non Repudiation, Key Encipherment, Certificate Sign, CRL Sign X509v3",
            "X509v3 Subject Key Identifier:",
        ] {
            assert!(text.contains(field), "{field} is not in {text}");
        }
        for field in
            ["pathlen", "Extended Key Usage", "Name Constraints", "Authority Key Identifier", "Alternative Name"]
        {
            assert!(!text.contains(field), "{field} is in {text}");
        }
        assert_eq!(root.not_after.duration_since(root.not_before), days(ROOT_DAYS) + SET_BACK);
    }

    #[test]
    fn an_intermediate_has_the_fields_of_the_manual() {
        let root = root();
        let text = text_of(&issued_by(&root, "east").certificate);
        for field in [
            "Issuer: O = Istio, CN = Root CA",
            "Subject: O = Istio, CN = Intermediate CA, L = east",
            "X509v3 Basic Constraints: critical CA:TRUE, pathlen:0",
            "X509v3 Key Usage: critical Digital Signature, Non Repudiation, Key Encipherment, Certificate Sign, CRL Sign",
            "X509v3 Subject Alternative Name: DNS:istiod.istio-system.svc",
            "X509v3 Subject Key Identifier:",
            "X509v3 Authority Key Identifier:",
        ] {
            assert!(text.contains(field), "{field} is not in {text}");
        }
        for field in ["Extended Key Usage", "Name Constraints"] {
            assert!(!text.contains(field), "{field} is in {text}");
        }
    }

    #[test]
    fn chains_of_every_algorithm_are_accepted_by_openssl() {
        for (of_root, of_intermediate) in [
            (KeyAlgorithm::EcdsaP256, KeyAlgorithm::EcdsaP256),
            (KeyAlgorithm::Rsa2048, KeyAlgorithm::Rsa2048),
            (KeyAlgorithm::Rsa4096, KeyAlgorithm::EcdsaP256),
            (KeyAlgorithm::EcdsaP256, KeyAlgorithm::Rsa2048),
        ] {
            let root = Root::create(new_key(of_root).unwrap(), new_serial().unwrap(), now()).unwrap();
            let key = new_key(of_intermediate).unwrap();
            let issued = root.issue(&cluster("west"), "istio-system", key, new_serial().unwrap(), now()).unwrap();
            assert_eq!(openssl_verifies(&issued), Ok(()), "{of_root} {of_intermediate}");
        }
    }

    #[test]
    fn an_intermediate_ends_no_later_than_its_root() {
        let root = root();
        let later = now() + days(100);
        let issued = root.issue(&cluster("east"), "istio-system", key(), new_serial().unwrap(), later).unwrap();
        assert_eq!(issued.certificate.not_after, root.certificate.not_after);
    }

    #[test]
    fn two_intermediates_are_made_at_once() {
        let root = root();
        let (east, west) = std::thread::scope(|scope| {
            let east = scope.spawn(|| issued_by(&root, "east"));
            let west = scope.spawn(|| issued_by(&root, "west"));
            (east.join().unwrap(), west.join().unwrap())
        });
        assert_eq!(east.root, west.root);
        assert_ne!(east.certificate.fingerprint, west.certificate.fingerprint);
    }

    #[test]
    fn a_key_of_another_root_is_refused() {
        let error = Root::from_parts(root().certificate, key(), now()).err().unwrap().report();
        assert_eq!(error.why.as_deref(), Some("the private key does not belong to certificate O=Istio, CN=Root CA"));
    }

    #[test]
    fn serials_are_positive_and_of_full_length() {
        for byte in [0, 0x3f, 0x80, 0xff] {
            let serial = Serial::from_random([byte; 16]);
            assert!((0x40..0x80).contains(&serial.0[0]), "{serial:?}");
        }
    }
}
