//! Certificates and bundles of them, read from PEM with a cap on their size.

use std::fmt;
use std::fmt::Write as _;
use std::str::FromStr;

use aws_lc_rs::digest;
use jiff::Timestamp;
use pem::{EncodeConfig, LineEnding, Pem};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use x509_parser::certificate::X509Certificate;
use x509_parser::x509::X509Name;

/// A bundle larger than this is refused unread: parsing hostile PEM takes more than linear time (cert-manager
/// CVE-2024-12401), and a Secret that holds one with its key could not be stored either (1 MiB in etcd).
pub const MOST_BUNDLE_BYTES: usize = 256 * 1024;

/// More certificates than any mesh has roots and intermediates.
pub(super) const MOST_CERTIFICATES: usize = 64;

/// SHA-256 of a certificate's DER. Displayed shortened; [`Fingerprint::full`] gives all of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The fingerprint of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let mut sum = [0; 32];
        sum.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
        Self(sum)
    }

    /// All 32 bytes, as `openssl x509 -fingerprint -sha256` writes them, but in lower case.
    pub fn full(&self) -> String {
        hexadecimal(&self.0)
    }
}

impl fmt::Display for Fingerprint {
    /// The first four bytes, such as `3f:9a:00:c1…`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}…", hexadecimal(&self.0[..4])))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

impl FromStr for Fingerprint {
    type Err = String;

    /// Reads what [`Fingerprint::full`] writes, in either case.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut sum = [0; 32];
        let mut parts = text.split(':');
        for byte in &mut sum {
            let part = parts.next().filter(|part| part.len() == 2 && part.bytes().all(|b| b.is_ascii_hexdigit()));
            *byte = part
                .and_then(|part| u8::from_str_radix(part, 16).ok())
                .ok_or("a fingerprint has 32 bytes in hexadecimal")?;
        }
        parts.next().map_or(Ok(Self(sum)), |_| Err("a fingerprint has 32 bytes in hexadecimal".into()))
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.full())
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().enumerate().fold(String::new(), |mut text, (index, byte)| {
        let _ = write!(text, "{}{byte:02x}", if index == 0 { "" } else { ":" });
        text
    })
}

/// A parsed certificate, with the fields that we show or decide by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    der: Vec<u8>,
    /// SHA-256 of the DER.
    pub fingerprint: Fingerprint,
    /// Such as `O=Istio, CN=Root CA`, without control characters: it may come from a cluster.
    pub subject: String,
    /// Subject of the signer.
    pub issuer: String,
    /// From when it is valid.
    pub not_before: Timestamp,
    /// Until when it is valid.
    pub not_after: Timestamp,
}

impl Serialize for Certificate {
    /// As its fingerprint.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.fingerprint.serialize(serializer)
    }
}

impl Certificate {
    /// The certificate in these bytes.
    ///
    /// # Errors
    /// [`BundleFault::NoX509`] unless they are exactly one certificate.
    pub fn from_der(der: Vec<u8>) -> Result<Self, BundleFault> {
        let fingerprint = Fingerprint::of(&der);
        let parsed = parse(&der)?;
        let moment = |seconds| Timestamp::from_second(seconds).map_err(|_| BundleFault::NoX509);
        let (subject, issuer) = (shown(parsed.subject()), shown(parsed.issuer()));
        let not_before = moment(parsed.validity().not_before.timestamp())?;
        let not_after = moment(parsed.validity().not_after.timestamp())?;
        Ok(Self { der, fingerprint, subject, issuer, not_before, not_after })
    }

    /// The bytes that were signed and their signature.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// One PEM block with a newline at its end.
    pub fn pem(&self) -> String {
        pem::encode_config(
            &Pem::new("CERTIFICATE", self.der.clone()),
            EncodeConfig::new().set_line_ending(LineEnding::LF),
        )
    }

    pub(super) fn parsed(&self) -> Result<X509Certificate<'_>, BundleFault> {
        parse(&self.der)
    }
}

/// Why no certificates could be read from a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BundleFault {
    /// Over [`MOST_BUNDLE_BYTES`].
    #[error("it is larger than 256 KiB")]
    TooLarge,
    /// Over 64 of them.
    #[error("it holds more than 64 certificates")]
    TooMany,
    /// Not PEM, or a block that is cut off.
    #[error("it is not well-formed PEM")]
    NoPem,
    /// A block that is not X.509.
    #[error("a PEM block in it is not an X.509 certificate")]
    NoX509,
    /// No block at all.
    #[error("it holds no certificate")]
    Empty,
    /// Bundles are published to every namespace, and so would be a key in one.
    #[error("it holds a private key, which does not belong among certificates")]
    HoldsKey,
}

/// The certificates of a PEM text, in its order.
///
/// # Errors
/// The first [`BundleFault`]; an empty text is one.
pub fn parse_bundle(text: &[u8]) -> Result<Vec<Certificate>, BundleFault> {
    if text.len() > MOST_BUNDLE_BYTES {
        return Err(BundleFault::TooLarge);
    }
    let begun = text.windows(11).filter(|window| window == b"-----BEGIN ").count();
    if begun > MOST_CERTIFICATES {
        return Err(BundleFault::TooMany);
    }
    let blocks = pem::parse_many(text).map_err(|_| BundleFault::NoPem)?;
    if blocks.iter().any(|block| block.tag().ends_with("PRIVATE KEY")) {
        return Err(BundleFault::HoldsKey);
    }
    if begun != blocks.len() {
        return Err(BundleFault::NoPem);
    }
    let certificates = blocks
        .into_iter()
        .map(|block| match block.tag() {
            "CERTIFICATE" => Certificate::from_der(block.into_contents()),
            _ => Err(BundleFault::NoX509),
        })
        .collect::<Result<Vec<_>, _>>()?;
    if certificates.is_empty() { Err(BundleFault::Empty) } else { Ok(certificates) }
}

/// The PEM blocks of these certificates, one after another.
pub fn bundle<'a>(certificates: impl IntoIterator<Item = &'a Certificate>) -> String {
    certificates.into_iter().map(Certificate::pem).collect()
}

fn parse(der: &[u8]) -> Result<X509Certificate<'_>, BundleFault> {
    match x509_parser::parse_x509_certificate(der) {
        Ok(([], certificate)) => Ok(certificate),
        _ => Err(BundleFault::NoX509),
    }
}

fn shown(name: &X509Name<'_>) -> String {
    name.to_string().chars().filter(|c| !c.is_control()).take(200).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::pki::authority::tests::root;

    #[test]
    fn a_fingerprint_is_shown_short_and_kept_whole() {
        let fingerprint = Fingerprint::of(b"");
        assert_eq!(fingerprint.to_string(), "e3:b0:c4:42…");
        assert_eq!(fingerprint.full().parse(), Ok(fingerprint));
        assert_eq!(fingerprint.full().to_uppercase().parse(), Ok(fingerprint));
        assert!("e3:b0".parse::<Fingerprint>().is_err());
        assert!(format!("{}:00", fingerprint.full()).parse::<Fingerprint>().is_err());
        let json = serde_json::to_string(&fingerprint).unwrap();
        assert_eq!(serde_json::from_str::<Fingerprint>(&json).unwrap(), fingerprint);
    }

    #[test]
    fn a_bundle_is_read_as_it_is_written() {
        let root = root().certificate;
        let text = bundle([&root, &root]);
        assert_eq!(parse_bundle(text.as_bytes()), Ok(vec![root.clone(), root]));
    }

    #[test]
    fn comments_between_blocks_are_skipped() {
        let root = root().certificate;
        let text = format!("# the root of shop\n{}\nsubject=O = Istio\n", root.pem());
        assert_eq!(parse_bundle(text.as_bytes()), Ok(vec![root]));
    }

    #[test]
    fn what_is_no_bundle_says_why() {
        let root = root();
        let pem = root.certificate.pem();
        let with_key = format!("{pem}{}", *root.key.reveal_pem());
        let other = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert_eq!(parse_bundle(b""), Err(BundleFault::Empty));
        assert_eq!(parse_bundle(b"hello"), Err(BundleFault::Empty));
        assert_eq!(parse_bundle(&pem.as_bytes()[..pem.len() - 9]), Err(BundleFault::NoPem));
        assert_eq!(parse_bundle(format!("{pem}{other}").as_bytes()), Err(BundleFault::NoX509));
        assert_eq!(parse_bundle(with_key.as_bytes()), Err(BundleFault::HoldsKey));
        assert_eq!(parse_bundle(pem.repeat(65).as_bytes()), Err(BundleFault::TooMany));
        assert_eq!(parse_bundle(&vec![b'-'; MOST_BUNDLE_BYTES + 1]), Err(BundleFault::TooLarge));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            let _ = parse_bundle(&bytes);
            let _ = Certificate::from_der(bytes);
        }

        #[test]
        fn a_certificate_with_one_byte_changed_is_another_or_none(at in 0usize..600, flip in 1u8..=255) {
            let original = root().certificate;
            let mut der = original.der().to_vec();
            let at = at % der.len();
            der[at] ^= flip;
            if let Ok(changed) = Certificate::from_der(der) {
                prop_assert_ne!(changed.fingerprint, original.fingerprint);
            }
        }
    }
}
