//! PEM as Go reads it, and therefore istiod: what is not well-formed is skipped without a word.
//!
//! Rules: Go's encoding/pem, `Decode` (a block begins at the start of a line, its last `BEGIN` counts, and nothing but blanks
//! may follow its `END`), and crypto/x509, `AppendCertsFromPEM` (blocks of another type, with headers, or that are not X.509
//! are skipped).

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::chain::{BundleFault, Certificate, MOST_BUNDLE_BYTES, MOST_CERTIFICATES};

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const BLANKS: [char; 3] = [' ', '\t', '\r'];

/// What Go finds in a text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// The certificates, in the order of the text, each once.
    pub certificates: Vec<Certificate>,
    /// How many certificates begin in the text and are skipped.
    pub skipped: usize,
}

/// The certificates that Go reads from a text. An empty text holds none, which is no fault.
///
/// # Errors
/// If the text is larger than [`MOST_BUNDLE_BYTES`], begins more than 64 blocks, or holds a private key.
pub fn certificates(text: &[u8]) -> Result<Found, BundleFault> {
    if text.len() > MOST_BUNDLE_BYTES {
        return Err(BundleFault::TooLarge);
    }
    let text = String::from_utf8_lossy(text);
    if text.matches(BEGIN).count() > MOST_CERTIFICATES {
        return Err(BundleFault::TooMany);
    }
    if text.contains("PRIVATE KEY-----") {
        return Err(BundleFault::HoldsKey);
    }
    let (mut certificates, mut seen, mut read) = (Vec::new(), BTreeSet::new(), 0);
    for block in blocks(&text).into_iter().filter(|block| block.kind == "CERTIFICATE") {
        let Ok(certificate) = Certificate::from_der(block.content) else { continue };
        read += 1;
        if seen.insert(certificate.fingerprint) {
            certificates.push(certificate);
        }
    }
    let begun = text.matches("-----BEGIN CERTIFICATE-----").count();
    Ok(Found { certificates, skipped: begun.saturating_sub(read) })
}

struct Block<'a> {
    kind: &'a str,
    content: Vec<u8>,
}

/// The blocks without headers, line by line.
fn blocks(text: &str) -> Vec<Block<'_>> {
    let (mut found, mut open): (Vec<Block<'_>>, Option<(&str, String)>) = (Vec::new(), None);
    for (number, line) in text.split('\n').enumerate() {
        if number > 0 && line.starts_with(END) {
            let Some((kind, body)) = open.take() else { continue };
            let ends = line.trim_end_matches(BLANKS).strip_prefix(END).and_then(|rest| rest.strip_suffix("-----"));
            if ends == Some(kind)
                && let Ok(content) = BASE64_STANDARD.decode(body)
            {
                found.push(Block { kind, content });
            }
        } else if let Some(at) = line.rfind(BEGIN) {
            let kind = line.trim_end_matches(BLANKS).strip_suffix("-----").and_then(|line| line.strip_prefix(BEGIN));
            open = kind.filter(|_| at == 0).map(|kind| (kind, String::new()));
        } else if let Some((_, body)) = &mut open {
            // A header's colon is no base64, so that a block with headers does not decode.
            body.extend(line.chars().filter(|character| !BLANKS.contains(character)));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::pki::authority::tests::root;
    use crate::model::pki::chain::{bundle, parse_bundle};

    #[test]
    fn a_bundle_is_read_as_everybody_reads_it_and_repeated_certificates_once() {
        let (one, other) = (root().certificate, root().certificate);
        let text = format!("# roots\r\n{}\n{}", bundle([&one, &other]).replace('\n', "\r\n"), one.pem());
        assert_eq!(certificates(text.as_bytes()), Ok(Found { certificates: vec![one, other], skipped: 0 }));
        assert_eq!(certificates(b""), Ok(Found::default()));
    }

    #[test]
    fn blocks_that_run_together_on_one_line_are_both_skipped() {
        let (one, other, third) = (root().certificate, root().certificate, root().certificate);
        let text = format!("{}{}{}", one.pem().trim_end(), other.pem(), third.pem());
        assert_eq!(certificates(text.as_bytes()), Ok(Found { certificates: vec![third], skipped: 2 }));
    }

    #[test]
    fn what_is_no_certificate_is_skipped_and_the_rest_is_read() {
        let root = root().certificate;
        let pem = root.pem();
        let headed = pem.replacen('\n', "\nProc-Type: 4\n\n", 1);
        let indented = format!(" {pem}");
        let cut = &pem[..pem.len() / 2];
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let other = pem.replace("CERTIFICATE", "X509 CRL");
        for (wrong, skipped) in [(headed.as_str(), 1), (&indented, 1), (cut, 1), (broken, 1), (&other, 0)] {
            let found = certificates(format!("{wrong}\n{pem}").as_bytes()).unwrap();
            assert_eq!((found.certificates.len(), found.skipped), (1, skipped), "{wrong}");
        }
    }

    #[test]
    fn blanks_after_a_line_do_not_matter_and_anything_else_does() {
        let pem = root().certificate.pem();
        let with = |after: &str| certificates(format!("{}{after}\n", pem.trim_end()).as_bytes()).unwrap();
        assert_eq!((with(" \t").skipped, with(" x").skipped), (0, 1));
    }

    #[test]
    fn a_key_among_certificates_and_a_text_without_end_are_refused() {
        let root = root();
        let text = format!("{}{}", root.certificate.pem(), *root.key.reveal_pem());
        assert_eq!(certificates(text.as_bytes()), Err(BundleFault::HoldsKey));
        assert_eq!(certificates(root.certificate.pem().repeat(65).as_bytes()), Err(BundleFault::TooMany));
        assert_eq!(certificates(&vec![b'-'; MOST_BUNDLE_BYTES + 1]), Err(BundleFault::TooLarge));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            let _ = certificates(&bytes);
        }

        #[test]
        fn what_is_well_formed_is_read_alike_by_both_readers(count in 1usize..5) {
            let all: Vec<_> = (0..count).map(|_| root().certificate).collect();
            let text = bundle(&all);
            prop_assert_eq!(certificates(text.as_bytes()).unwrap().certificates, parse_bundle(text.as_bytes()).unwrap());
        }
    }
}
