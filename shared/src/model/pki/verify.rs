//! Whether a chain of authorities is valid: names, signatures, constraints and validity periods, at a given time.

use jiff::Timestamp;
use x509_parser::certificate::X509Certificate;
use x509_parser::error::X509Error;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::oid_registry::{OID_PKCS1_SHA1WITHRSA, OID_SHA1_WITH_RSA};

use super::chain::{BundleFault, Certificate};
use super::key::PrivateKey;

/// Longer than any sensible chain.
const MOST_STEPS: usize = 10;

/// The first fault of a chain. The text names the certificate by its subject.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainFault {
    /// Nothing to verify.
    #[error("there is no certificate")]
    Empty,
    /// Not X.509.
    #[error("{0}")]
    Unreadable(#[from] BundleFault),
    /// A key that belongs to another certificate.
    #[error("the private key does not belong to certificate {0}")]
    OtherKey(String),
    /// None of the certificates has this one's issuer as its subject, byte for byte.
    #[error("the signer of {subject}, {issuer}, is not among the certificates")]
    NoSigner {
        /// The one whose signer is missing.
        subject: String,
        /// The signer's name.
        issuer: String,
    },
    /// The names match, but the signature does not.
    #[error("the signature on {0} is not its signer's")]
    Signature(String),
    /// Neither RSA with SHA-2 nor ECDSA on P-256 or P-384 (Ed25519 is read, and refused as a key).
    #[error("{0} is signed with an algorithm that proxies do not accept")]
    Algorithm(String),
    /// Go and openssl at its default security level refuse SHA-1.
    #[error("{0} is signed with SHA-1")]
    Sha1(String),
    /// No `CA:TRUE`, or a key usage without `keyCertSign`.
    #[error("{0} may not sign certificates")]
    NoAuthority(String),
    /// A path length that is too short for the intermediates below it.
    #[error("{0} allows fewer intermediates below it than there are")]
    PathLength(String),
    /// An extended key usage that does not allow both sides of mutual TLS.
    #[error("the extended key usage of {0} leaves out server or client authentication")]
    ExtendedKeyUsage(String),
    /// rustls-webpki, which ztunnel uses, rejects any chain with one since 0.103.12.
    #[error("{0} constrains URI names, and workload identities are URIs")]
    UriConstraint(String),
    /// A signer that is not sent along with what it signs.
    #[error("{0} signs, and is neither in the chain that is sent with each certificate nor trusted itself")]
    NotSent(String),
    /// A root must be its own issuer.
    #[error("{0} is not self-signed")]
    NotSelfSigned(String),
    /// The time is before `NotBefore`.
    #[error("{subject} is valid only from {from}")]
    NotYetValid {
        /// Whose validity it is.
        subject: String,
        /// `NotBefore`.
        from: Timestamp,
    },
    /// The time is after `NotAfter`.
    #[error("{subject} expired at {until}")]
    Expired {
        /// Whose validity it is.
        subject: String,
        /// `NotAfter`.
        until: Timestamp,
    },
}

/// Verifies that a certificate can be the root of a mesh: self-signed, an authority, valid at this time.
pub fn verify_root(root: &Certificate, at: Timestamp) -> Result<(), ChainFault> {
    let parsed = root.parsed()?;
    if parsed.subject().as_raw() != parsed.issuer().as_raw() {
        return Err(ChainFault::NotSelfSigned(root.subject.clone()));
    }
    verify_signature(root, &parsed, &parsed)?;
    verify_authority(root, &parsed, at)
}

/// Verifies a chain of authorities: `chain` begins with the one that signs workloads; the others may help to reach one
/// of the roots, in any order (as istiod reads `cert-chain.pem`, through Go's `x509.Verify`).
///
/// Names are compared byte for byte, as openssl and Go do, and not as RFC 5280 section 7.1 allows.
pub fn verify_chain(chain: &[Certificate], roots: &[Certificate], at: Timestamp) -> Result<(), ChainFault> {
    anchor(chain, roots, at).map(|_| ())
}

/// The root that a chain leads to, by the rules of [`verify_chain`].
pub fn anchor<'a>(
    chain: &'a [Certificate],
    roots: &'a [Certificate],
    at: Timestamp,
) -> Result<&'a Certificate, ChainFault> {
    let mut current = chain.first().ok_or(ChainFault::Empty)?;
    let mut below = 0;
    for _ in 0..MOST_STEPS {
        let parsed = current.parsed()?;
        verify_authority(current, &parsed, at)?;
        verify_path_length(current, &parsed, below)?;
        if roots.contains(current) {
            return Ok(current);
        }
        if parsed.subject().as_raw() != parsed.issuer().as_raw() {
            below += 1;
        }
        current = signer(current, &parsed, roots.iter().chain(chain))?;
    }
    Err(ChainFault::NoSigner { subject: current.subject.clone(), issuer: current.issuer.clone() })
}

/// Verifies that the key belongs to the certificate.
pub fn verify_key(certificate: &Certificate, key: &PrivateKey) -> Result<(), ChainFault> {
    let parsed = certificate.parsed()?;
    if parsed.public_key().subject_public_key.data.as_ref() == key.public_key() {
        return Ok(());
    }
    Err(ChainFault::OtherKey(certificate.subject.clone()))
}

/// The first candidate that has the issuer's name and whose key made the signature: several may have the same name, as
/// all roots made by Istio's manual do.
fn signer<'a>(
    signed: &Certificate,
    parsed: &X509Certificate<'_>,
    candidates: impl Iterator<Item = &'a Certificate>,
) -> Result<&'a Certificate, ChainFault> {
    let mut fault = ChainFault::NoSigner { subject: signed.subject.clone(), issuer: signed.issuer.clone() };
    for candidate in candidates.filter(|candidate| *candidate != signed) {
        let above = candidate.parsed()?;
        if above.subject().as_raw() != parsed.issuer().as_raw() {
            continue;
        }
        match verify_signature(signed, parsed, &above) {
            Ok(()) => return Ok(candidate),
            Err(other) => fault = other,
        }
    }
    Err(fault)
}

fn verify_signature(
    signed: &Certificate,
    parsed: &X509Certificate<'_>,
    above: &X509Certificate<'_>,
) -> Result<(), ChainFault> {
    let algorithm = &parsed.signature_algorithm.algorithm;
    if [OID_PKCS1_SHA1WITHRSA, OID_SHA1_WITH_RSA].contains(algorithm) {
        return Err(ChainFault::Sha1(signed.subject.clone()));
    }
    parsed.verify_signature(Some(above.public_key())).map_err(|error| match error {
        X509Error::SignatureUnsupportedAlgorithm => ChainFault::Algorithm(signed.subject.clone()),
        _ => ChainFault::Signature(signed.subject.clone()),
    })
}

fn verify_authority(certificate: &Certificate, parsed: &X509Certificate<'_>, at: Timestamp) -> Result<(), ChainFault> {
    let subject = || certificate.subject.clone();
    if at < certificate.not_before {
        return Err(ChainFault::NotYetValid { subject: subject(), from: certificate.not_before });
    }
    if at > certificate.not_after {
        return Err(ChainFault::Expired { subject: subject(), until: certificate.not_after });
    }
    let mut is_authority = false;
    for extension in parsed.extensions() {
        match extension.parsed_extension() {
            ParsedExtension::BasicConstraints(constraints) => is_authority = constraints.ca,
            ParsedExtension::KeyUsage(usage) if !usage.key_cert_sign() => {
                return Err(ChainFault::NoAuthority(subject()));
            }
            ParsedExtension::ExtendedKeyUsage(usage) if !(usage.any || usage.server_auth && usage.client_auth) => {
                return Err(ChainFault::ExtendedKeyUsage(subject()));
            }
            ParsedExtension::NameConstraints(constraints) => {
                let trees = [&constraints.permitted_subtrees, &constraints.excluded_subtrees];
                if trees.into_iter().flatten().flatten().any(|tree| matches!(tree.base, GeneralName::URI(_))) {
                    return Err(ChainFault::UriConstraint(subject()));
                }
            }
            _ => {}
        }
    }
    if is_authority { Ok(()) } else { Err(ChainFault::NoAuthority(subject())) }
}

fn verify_path_length(certificate: &Certificate, parsed: &X509Certificate<'_>, below: u32) -> Result<(), ChainFault> {
    let allowed = parsed.extensions().iter().find_map(|extension| match extension.parsed_extension() {
        ParsedExtension::BasicConstraints(constraints) => constraints.path_len_constraint,
        _ => None,
    });
    if allowed.is_some_and(|allowed| below > allowed) {
        return Err(ChainFault::PathLength(certificate.subject.clone()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::machine::random::new_serial;
    use crate::model::pki::authority::tests::{cluster, issued_by, key, now, root};
    use crate::model::pki::authority::{Issued, Root};

    fn holds(issued: &Issued, roots: &[Certificate], at: Timestamp) -> Result<(), ChainFault> {
        verify_chain(std::slice::from_ref(&issued.certificate), roots, at)
    }

    #[test]
    fn a_chain_holds_against_any_bundle_with_its_root() {
        let (root, other) = (root(), root());
        let issued = issued_by(&root, "east");
        let (ours, foreign) = (root.certificate, other.certificate);
        assert_eq!(holds(&issued, std::slice::from_ref(&ours), now()), Ok(()));
        assert_eq!(holds(&issued, &[foreign.clone(), ours], now()), Ok(()));
        assert_eq!(
            holds(&issued, &[foreign], now()),
            Err(ChainFault::Signature("O=Istio, CN=Intermediate CA, L=east".into()))
        );
    }

    #[test]
    fn a_root_that_signs_itself_is_a_chain() {
        let root = root().certificate;
        assert_eq!(verify_chain(std::slice::from_ref(&root), std::slice::from_ref(&root), now()), Ok(()));
        assert_eq!(verify_chain(&[], &[], now()), Err(ChainFault::Empty));
    }

    #[test]
    fn validity_is_judged_at_the_given_time() {
        let root = root();
        let issued = issued_by(&root, "east");
        let roots = [root.certificate];
        let early = now() - SignedDuration::from_mins(6);
        let late = now() + SignedDuration::from_hours(24 * 3651);
        assert!(matches!(holds(&issued, &roots, early), Err(ChainFault::NotYetValid { .. })));
        assert!(matches!(holds(&issued, &roots, late), Err(ChainFault::Expired { .. })));
        assert_eq!(holds(&issued, &roots, now() - SignedDuration::from_mins(4)), Ok(()));
    }

    #[test]
    fn an_intermediate_is_no_root() {
        let certificate = issued_by(&root(), "east").certificate;
        assert_eq!(verify_root(&certificate, now()), Err(ChainFault::NotSelfSigned(certificate.subject)));
    }

    #[test]
    fn an_intermediate_cannot_have_one_of_its_own() {
        let root = root();
        let issued = issued_by(&root, "east");
        let middle = Root { certificate: issued.certificate, key: issued.key };
        let error = middle.issue(&cluster("below"), "istio-system", key(), new_serial().unwrap(), now()).err().unwrap();
        assert!(error.remedy.iter().any(|line| line.contains("create the Secret cacerts")), "{error:?}");
    }

    #[test]
    fn a_chain_without_its_root_names_the_missing_signer() {
        let issued = issued_by(&root(), "east");
        let fault = holds(&issued, &[], now()).unwrap_err();
        assert_eq!(
            fault.to_string(),
            "the signer of O=Istio, CN=Intermediate CA, L=east, O=Istio, CN=Root CA, is not among the certificates"
        );
    }
}
